"""Snapshot assets: valid rows of a day in their table, replaced whole, with checks.

How a partition is loaded stands in `ingest.load`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs.ingestion.checks.completeness import check_completeness, completeness_spec
from spotify_assets.defs.ingestion.checks.contract import check_contract, contract_spec
from spotify_assets.defs.ingestion.checks.null_share import check_null_share, null_share_spec
from spotify_assets.defs.ingestion.checks.reconciliation import (
    check_reconciliation,
    parts_of,
    reconciliation_spec,
)
from spotify_assets.defs.ingestion.checks.unchanged import check_unchanged, unchanged_spec
from spotify_assets.defs.ingestion.checks.volume import check_volume, volume_spec
from spotify_assets.defs.ingestion.raw import raw_key
from spotify_assets.defs.outcome import DayOutcomes
from spotify_assets.defs.partitions import days_of
from spotify_assets.defs.plots import histogram
from spotify_assets.defs.resources import Platform
from spotify_assets.defs.unnamed import show_missing, show_quarantined, unnamed
from spotify_assets.settings import is_simulated

if TYPE_CHECKING:
    from spotify_assets.ingest.load import Loaded
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse
    from spotify_assets.warehouse.ledger import LedgerEntry

LAYER = "snapshots"


def snapshot_key(table: Table) -> dg.AssetKey:
    """Key of a loaded table's asset."""
    return dg.AssetKey([LAYER, table.name])


def loaded_keys() -> list[dg.AssetKey]:
    """Keys of all that is observed and loaded: what lands, then what is loaded of it."""
    tables = TABLES.values()
    return [*(raw_key(table) for table in tables if table.observed), *map(snapshot_key, tables)]


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
        f"- {entry.source}: {name} ({unnamed(why)})"
        for entry in entries
        for name, why in entry.absent.items()
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


def _check_specs(table: Table, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """Checks that a load of the table answers; two of them compare with the day before."""
    specs = (contract_spec, completeness_spec, reconciliation_spec, null_share_spec)
    compared = (volume_spec, unchanged_spec) if table.daily else ()
    return [spec(table, key) for spec in (*specs, *compared)]


def _check(
    table: Table,
    key: dg.AssetKey,
    days: "Sequence[date]",
    entries: "Sequence[LedgerEntry]",
    parts: "dict[tuple[str, date], int]",
    landing: "Landing",
    warehouse: "Warehouse",
) -> Iterator[dg.AssetCheckResult]:
    """Answer them for the days that were loaded, each by one query."""
    yield check_contract(table, key, days, warehouse)
    yield check_completeness(key, entries)
    yield check_reconciliation(table, key, days, parts, landing, warehouse)
    yield check_null_share(table, key, days, warehouse)
    if table.daily:
        yield check_volume(table, key, days, warehouse)
        yield check_unchanged(table, key, days, warehouse)


def _snapshot_asset(
    table: Table, partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> dg.AssetsDefinition:
    key = snapshot_key(table)

    @dg.asset(
        key=key,
        deps=[raw_key(table)] if table.observed else [],
        group_name=LAYER,
        partitions_def=partitions,
        tags=tags,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=_check_specs(table, key),
        kinds={"python", "postgres"},
        metadata={"dagster/table_name": f"snapshots.{table.name}"},
        description=f"{table.description} Valid rows only; what breaks the contract is in ops.quarantine "
        "with its reasons. A day is replaced whole, in one transaction, from what was landed on it.",
    )
    def snapshot(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        from spotify_assets.ingest.load import load, user_facing_errors

        landing, outcomes = platform.landing(), DayOutcomes(context)
        entries: list[LedgerEntry] = []
        parts: dict[tuple[str, date], int] = {}
        with platform.warehouse().holding() as warehouse:
            for day in days_of(context):
                started = time.monotonic()
                with outcomes.attempt(day, *user_facing_errors):
                    loads = load(table.name, day, landing, warehouse, context.run.run_id)
                    entries += [loaded.entry for loaded in loads]
                    parts |= parts_of(loads)
                    outcomes.succeed(day, load_metadata(loads, time.monotonic() - started))
            # Days that are committed are checked also when others failed.
            if outcomes.days:
                yield from _check(table, key, outcomes.days, entries, parts, landing, warehouse)
            outcomes.close()
            yield dg.MaterializeResult(asset_key=key)

    return snapshot


def build_snapshot_assets(
    partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> list[dg.AssetsDefinition]:
    """One asset per loaded table."""
    return [_snapshot_asset(table, partitions, tags) for table in TABLES.values()]
