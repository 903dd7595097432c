"""dbt models as assets: staging, intermediate and marts, downstream of the snapshots.

The models themselves stand in `dbt_project`.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)

from spotify_assets.defs.automation import FOLLOW
from spotify_assets.defs.dbt.contents import contents
from spotify_assets.defs.dbt.test_sentences import describe_test
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import WarehouseResource, manifest_path
from spotify_assets.process_environment import provide

if TYPE_CHECKING:
    from spotify_assets.warehouse.connection import Warehouse


DBT_MODELS = "dbt_models"
"""The step that builds all models."""


class LayeredTranslator(DagsterDbtTranslator):
    """A model's key is its layer and its name; its group is its layer."""

    def __init__(self, tags: Mapping[str, str] | None = None) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=True))
        self._tags = dict(tags or {})

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The model's own tags, and what every asset is tagged with."""
        return {**super().get_tags(dbt_resource_props), **self._tags}

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """``staging/stg_…``, ``intermediate/int_…``, ``marts/…``; sources are the snapshot assets."""
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey([dbt_resource_props["source_name"], dbt_resource_props["name"]])
        return dg.AssetKey([self._layer(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer."""
        return self._layer(dbt_resource_props)

    def get_automation_condition(
        self,
        dbt_resource_props: Mapping[str, Any],  # noqa: ARG002 - all alike
    ) -> Any:
        """Built again when what it reads was loaded or built, by whatever run."""
        return FOLLOW

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """What the model's author says of it; its SQL is in the documentation site and in the project."""
        return str(dbt_resource_props.get("description") or "")

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """A dbt test as a check, with a sentence that says what must hold."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None or spec.description:
            return spec
        return spec._replace(description=describe_test(manifest["nodes"][unique_id]))

    @staticmethod
    def _layer(dbt_resource_props: Mapping[str, Any]) -> str:
        # fqn: project, folder …, model; a seed has no folder of its own
        return "seeds" if dbt_resource_props["resource_type"] == "seed" else str(dbt_resource_props["fqn"][1])


def build_mart_assets(tags: Mapping[str, str]) -> dg.AssetsDefinition:
    """All dbt models, from the manifest built ahead."""

    @dbt_assets(
        manifest=manifest_path(),
        name=DBT_MODELS,
        pool="dbt",
        dagster_dbt_translator=LayeredTranslator(tags),
    )
    def dbt_models(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseResource], dbt: DbtCliResource
    ) -> Iterator[Any]:
        from spotify_assets.warehouse.ownership import claim_models

        database = warehouse.open()
        provide(database.dbt_environment())
        with database.connect() as connection:
            claim_models(connection, manifest_path())
        invocation = dbt.cli(["build", "--exclude-resource-type", "unit_test"], context=context)
        try:
            for event in invocation.stream():
                yield _with_contents(event, context, database)
        finally:
            # One target folder per invocation, so that two runs never meet in it; gone with the run.
            shutil.rmtree(Path(invocation.target_path), ignore_errors=True)

    return dbt_models


def _with_contents(event: Any, context: dg.AssetExecutionContext, warehouse: "Warehouse") -> Any:
    """A model's output with what stands in it now; any other event as it is."""
    if not isinstance(event, dg.Output):
        return event
    key = context.asset_key_for_output(event.output_name)
    return event.with_metadata({**event.metadata, **contents(warehouse, key.path[0], key.path[-1])})


def mart_keys() -> list[dg.AssetKey]:
    """Keys of all dbt models and of the seeds that they read, from the manifest."""
    nodes = json.loads(manifest_path().read_text("utf-8"))["nodes"].values()
    translator = LayeredTranslator()
    return [translator.get_asset_key(node) for node in nodes if node["resource_type"] in {"model", "seed"}]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The models."""
    return dg.Definitions(assets=[build_mart_assets(location.tags)])
