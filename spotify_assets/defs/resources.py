"""Resources: how assets reach settings, clock, upstreams, lake, warehouse and dbt."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, OpExecutionContext
from dagster_dbt import DbtCliResource
from packaging.version import Version

from spotify_assets.dbt_manifest import DBT_PROJECT, PARTIAL_PARSE, ensure_manifest, runs_folder
from spotify_assets.installation import program
from spotify_assets.settings import Settings, load_settings
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.sources.protocol import Source
    from spotify_assets.sources.state import State
    from spotify_assets.warehouse.connection import Warehouse


def manifest_path() -> Path:
    """The manifest of the dbt project as it stands, which was built ahead or is built now."""
    return ensure_manifest(load_settings().spotify_assets_home)


class SettingsResource:
    """Settings as they are when something runs.

    This and the other resources are plain objects: Dagster builds a configurable resource anew for each run,
    from configuration that it shows, and neither a setting nor a secret may become part of that.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Use `settings`, or read them from the environment each time."""
        self._settings = settings

    def read(self) -> Settings:
        """The settings."""
        return self._settings or load_settings()


class LakeResource:
    """The raw part of the lake."""

    def __init__(self, settings: SettingsResource) -> None:
        self._settings = settings

    def open(self) -> Landing:
        """Open it."""
        from spotify_assets.lake.landing import Landing

        return Landing(self._settings.read().effective_lake_url)


class WarehouseResource:
    """The database, migrated."""

    def __init__(self, settings: SettingsResource) -> None:
        self._settings = settings

    def open(self) -> Warehouse:
        """Open it."""
        from spotify_assets.warehouse.open import open_warehouse

        return open_warehouse(self._settings.read())


class SourcesResource:
    """The upstreams that the settings choose."""

    def __init__(self, settings: SettingsResource, warehouse: WarehouseResource, clock: Clock) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._clock = clock

    def state(self) -> State:
        """What they remember between runs."""
        from spotify_assets.warehouse.upstream_state.state import PostgresState

        return PostgresState(self._warehouse.open())

    def open(self, run_id: str) -> list[Source]:
        """Open them; responses will carry `run_id`."""
        from spotify_assets.sources.registry import open_source

        settings, state = self._settings.read(), self.state()
        return [
            open_source(settings, name, state, clock=self._clock, run_id=run_id)
            for name in settings.observed_sources
        ]


def build_resources(
    settings: Settings | None = None, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All resources by name, each made of those that it needs, the overridden ones too.

    Args:
        settings: Settings to use; read from the environment when something runs if absent.
        overrides: Resources that replace the defaults by name.
    """
    made = dict(overrides or {})
    own: SettingsResource = made.setdefault("settings", SettingsResource(settings))
    clock: Clock = made.setdefault("clock", SYSTEM_CLOCK)
    warehouse: WarehouseResource = made.setdefault("warehouse", WarehouseResource(own))
    made.setdefault("lake", LakeResource(own))
    made.setdefault("sources", SourcesResource(own, warehouse, clock))
    made.setdefault("dbt", dbt_resource())
    return made


class QuickDbt(DbtCliResource):
    """dbt without what dagster-dbt does before each start of it and we have no use for.

    It asks `dbt --version`, which costs the start of another dbt, and prepares an adapter of its own, by
    which it would count rows and read columns after a model (`fetch_row_counts`). Together that is as much
    work as the start of dbt itself. Should a later dagster-dbt rename the two, a run only takes longer.

    What it writes goes into the home: the project may be anybody's and read-only.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(  # type: ignore[override]  # an invocation without one is provided for
        self,
        args: Sequence[str],  # noqa: ARG002
    ) -> None:
        return

    def _get_unique_target_path(self, *, context: OpExecutionContext | AssetExecutionContext | None) -> Path:
        home = load_settings().spotify_assets_home
        folder = runs_folder(home) / super()._get_unique_target_path(context=context).name
        folder.mkdir(parents=True)
        parsed = ensure_manifest(home).with_name(PARTIAL_PARSE)
        if parsed.exists():  # spares dbt to parse the project anew
            shutil.copyfile(parsed, folder / PARTIAL_PARSE)
        return folder


def dbt_resource() -> QuickDbt:
    """Return dbt of this environment, whatever PATH says."""
    executable, *arguments = program("dbt")
    return QuickDbt(
        project_dir=str(DBT_PROJECT),
        profiles_dir=str(DBT_PROJECT),
        dbt_executable=executable,
        global_config_flags=arguments,
    )
