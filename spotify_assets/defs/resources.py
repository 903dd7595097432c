"""Resources: how assets reach the upstream, the lake, the warehouse and dbt.

Settings are read then, so neither a value nor a secret ever becomes part of a definition, a run's
configuration or the web UI.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, OpExecutionContext
from dagster_dbt import DbtCliResource
from packaging.version import Version

from spotify_assets.dbt_manifest import DBT_PROJECT, PARTIAL_PARSE, ensure_manifest, runs_folder
from spotify_assets.installation import program
from spotify_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.sources.clock import Clock
    from spotify_assets.sources.protocol import Source
    from spotify_assets.sources.state import State
    from spotify_assets.warehouse.connection import Warehouse


def manifest_path() -> Path:
    """The manifest of the dbt project as it stands, which was built ahead or is built now."""
    return ensure_manifest(load_settings().spotify_assets_home)


class Platform:
    """Everything an asset needs from outside; a test passes one of its own.

    A plain object and no configurable resource: Dagster would build that anew for each run, from
    configuration that must not hold settings.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Use `settings`, or read them from the environment whenever an asset runs."""
        self._settings = settings

    def settings(self) -> Settings:
        """Settings as they are when an asset runs."""
        return self._settings or load_settings()

    def clock(self) -> Clock:
        """What tells which day it is."""
        from spotify_assets.sources.clock import SYSTEM_CLOCK

        return SYSTEM_CLOCK

    def landing(self) -> Landing:
        """The raw part of the lake."""
        from spotify_assets.lake.landing import Landing

        return Landing(self.settings().effective_lake_url)

    def warehouse(self) -> Warehouse:
        """The database, migrated."""
        from spotify_assets.warehouse.open import open_warehouse

        return open_warehouse(self.settings())

    def memory(self) -> State:
        """What sources remember between runs."""
        from spotify_assets.warehouse.upstream_state.state import PostgresState

        return PostgresState(self.warehouse())

    def sources(self, run_id: str) -> list[Source]:
        """The upstreams that the settings choose; responses will carry `run_id`."""
        from spotify_assets.sources.registry import open_source

        settings, memory = self.settings(), self.memory()
        return [
            open_source(settings, name, memory, clock=self.clock(), run_id=run_id)
            for name in settings.observed_sources
        ]


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
