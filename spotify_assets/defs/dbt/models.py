"""dbt models as assets: staging, intermediate and marts, downstream of the snapshots.

The models themselves stand in `dbt_project`.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import date
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

from spotify_assets.defs.dbt.test_sentences import describe_test
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.partitions import days_of
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


def dbt_variables(first: date, last: date) -> dict[str, str]:
    """The window that a run rebuilds, as dbt variables (both days included)."""
    return {"from_date": first.isoformat(), "to_date": last.isoformat()}


def build_mart_assets(
    partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> dg.AssetsDefinition:
    """All dbt models, from the manifest built ahead."""

    @dbt_assets(
        manifest=manifest_path(),
        name=DBT_MODELS,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="dbt",
        dagster_dbt_translator=LayeredTranslator(tags),
    )
    def dbt_models(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseResource], dbt: DbtCliResource
    ) -> Iterator[Any]:
        days = days_of(context)
        yield from build_window(context, warehouse.open(), dbt, days[0], days[-1])

    return dbt_models


def build_window(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    warehouse: "Warehouse",
    dbt: DbtCliResource,
    first: date,
    last: date,
    **outside_assets: Any,
) -> Iterator[Any]:
    """Build and test the models for some days; gives what dagster-dbt makes of dbt's events.

    Args:
        context: Of the step.
        warehouse: The database.
        dbt: The project.
        first: First day.
        last: Last day.
        **outside_assets: Manifest and translator, where the step is no dbt asset and so has none.
    """
    from spotify_assets.warehouse.ownership import claim_models

    provide(warehouse.dbt_environment())
    with warehouse.connect() as connection:
        claim_models(connection, manifest_path())
    _rebuild_after_upgrade(context, warehouse, dbt)
    variables = json.dumps(dbt_variables(first, last))
    command = ["build", "--exclude-resource-type", "unit_test", "--vars", variables]
    invocation = dbt.cli(command, context=context, **outside_assets)
    try:
        yield from invocation.stream()
    finally:
        # One target folder per invocation, so that two runs never meet in it; gone with the run.
        shutil.rmtree(Path(invocation.target_path), ignore_errors=True)


def _rebuild_after_upgrade(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, warehouse: "Warehouse", dbt: DbtCliResource
) -> None:
    """Build all history anew if other models than these have built what stands.

    Raises:
        dagster.Failure: It did not succeed; the next run tries again.
    """
    from spotify_assets.warehouse.model_builds import book_build, must_rebuild, version_of

    manifest = manifest_path()
    version = version_of(manifest)
    if not must_rebuild(warehouse, version):
        return
    context.log.info("The models have changed since the marts were built: all history is built anew, once.")
    command = ["build", "--full-refresh"]
    for kind in ("unit_test", "test"):  # tests follow, with the run's own days, where they are shown
        command += ["--exclude-resource-type", kind]
    invocation = dbt.cli(command, manifest=manifest, raise_on_error=False)
    try:
        built = invocation.wait().is_successful()
    finally:
        shutil.rmtree(Path(invocation.target_path), ignore_errors=True)
    if not built:
        raise dg.Failure(
            "The models have changed, and building all history anew by them failed; see the run's log. What "
            "stood before still stands where it could not be built. Run again when the reason is mended."
        )
    book_build(warehouse, version)


def mart_keys() -> list[dg.AssetKey]:
    """Keys of all dbt models and of the seeds that they read, from the manifest."""
    nodes = json.loads(manifest_path().read_text("utf-8"))["nodes"].values()
    translator = LayeredTranslator()
    return [translator.get_asset_key(node) for node in nodes if node["resource_type"] in {"model", "seed"}]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The models."""
    return dg.Definitions(assets=[build_mart_assets(location.partitions, location.tags)])
