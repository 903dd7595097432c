"""Snapshot assets: valid rows of a day in their table, replaced whole.

How a partition is loaded stands in `ingest.load`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs.ingestion.checks.catalogue import evaluate
from spotify_assets.defs.ingestion.keys import SNAPSHOTS, raw_key, snapshot_key
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.outcome import DayOutcomes
from spotify_assets.defs.partitions import days_of
from spotify_assets.defs.plots import histogram
from spotify_assets.defs.resources import LakeResource, WarehouseResource
from spotify_assets.defs.unnamed import show_missing, show_quarantined, unnamed
from spotify_assets.settings import is_simulated

if TYPE_CHECKING:
    from spotify_assets.ingest.load import Loaded


def load_metadata(loads: "Sequence[Loaded]", seconds: float) -> dict[str, Any]:
    """What to show of one loaded day: numbers, and the queries that show whom they are about."""
    from spotify_assets.serving.attribution import credit_markdown

    entries = [loaded.entry for loaded in loads]
    metadata: dict[str, Any] = {}
    if any(is_simulated(entry.source) for entry in entries):
        metadata["note"] = "SIMULATED: invented, not observed anywhere"
    metadata |= {
        "dagster/partition_row_count": sum(entry.loaded for entry in entries),
        "sources": ", ".join(entry.source for entry in entries),
        "requested": sum(entry.requested for entry in entries),
        "missing": sum(len(entry.missing) for entry in entries),
        "quarantined": sum(entry.quarantined for entry in entries),
        "superseded": sum(entry.superseded for entry in entries),
        "seconds": round(seconds, 3),
    }
    if credit := credit_markdown(entry.source for entry in entries):
        metadata["credit"] = dg.MetadataValue.md(credit)
    absent = [
        f"- {entry.source}: {name} ({unnamed(reason.sentence)})"
        for entry in entries
        for name, reason in entry.absent.items()
    ]
    if absent:
        metadata["absent_columns"] = dg.MetadataValue.md("\n".join(absent))
    for entry in entries:
        if entry.missing:
            metadata["show_missing"] = show_missing(entry.table, entry.day)
        if entry.quarantined:
            metadata["show_quarantined"] = show_quarantined(entry.table, entry.day)
    popularity = [
        value
        for loaded in loads
        if "popularity" in loaded.rows.column_names
        for value in loaded.rows.column("popularity").to_pylist()
        if value is not None
    ]
    if popularity:
        metadata["popularity_spread"] = histogram(
            popularity, f"Popularity of {len(popularity):,} rows (0–100)"
        )
    return metadata


def _snapshot_asset(
    table: Table, partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> dg.AssetsDefinition:
    key = snapshot_key(table)

    @dg.asset(
        key=key,
        deps=[raw_key(table)] if table.observed else [],
        group_name=SNAPSHOTS,
        partitions_def=partitions,
        tags=tags,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"python", "postgres"},
        metadata={"dagster/table_name": f"snapshots.{table.name}"},
        description=f"{table.description} Valid rows only; what breaks the contract is in ops.quarantine "
        "with its reasons. A day is replaced whole, in one transaction, from what was landed on it.",
    )
    def snapshot(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[WarehouseResource],
        lake: dg.ResourceParam[LakeResource],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckEvaluation]:
        from spotify_assets.ingest.load import load, user_facing_errors

        landing, outcomes = lake.open(), DayOutcomes(context)
        with warehouse.open().holding() as held:
            for day in days_of(context):
                started = time.monotonic()
                with outcomes.attempt(day, *user_facing_errors):
                    loads = load(table.name, day, landing, held, context.run.run_id)
                    outcomes.succeed(day, load_metadata(loads, time.monotonic() - started))
            outcomes.record()
            if outcomes.failed:  # so that the step of the checks is not reached
                yield from evaluate(table, outcomes.days, held, landing, context.instance)
            outcomes.fail()
            yield dg.MaterializeResult(asset_key=key)

    return snapshot


def build_snapshot_assets(
    partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> list[dg.AssetsDefinition]:
    """One asset per loaded table."""
    return [_snapshot_asset(table, partitions, tags) for table in TABLES.values()]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The loaded tables."""
    return dg.Definitions(assets=build_snapshot_assets(location.partitions, location.tags))
