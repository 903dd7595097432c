"""The reconciliation check: lake, ledger, table and quarantine agree. An error, but it blocks nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.shaping import named, plural, result

if TYPE_CHECKING:
    from spotify_assets.ingest.load import Loaded
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse

NAME = "reconciliation"


def reconciliation_spec(table: Table, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one table; an error that blocks nothing: each row in the table is valid all the same."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        description="Counted anew: everything asked for was received or is named as missing, everything "
        f"received stands in {table.name} or in quarantine, and the load read all that the lake holds of the "
        "day.",
    )


def parts_of(loads: Sequence[Loaded]) -> dict[tuple[str, date], int]:
    """How many parts of the lake each load was read from, by source and day."""
    return {(loaded.entry.source, loaded.entry.day): loaded.parts for loaded in loads}


def check_reconciliation(
    table: Table,
    key: dg.AssetKey,
    days: Sequence[date],
    read: dict[tuple[str, date], int],
    landing: Landing,
    warehouse: Warehouse,
) -> dg.AssetCheckResult:
    """Count the days of a run again in every place.

    Args:
        table: The table.
        key: Its asset.
        days: Days that were loaded.
        read: How many parts of the lake each load was read from.
        landing: The lake.
        warehouse: The database.
    """
    from spotify_assets.quality.reconciliation import disagreements

    lake = {(source, day): len(landing.parts(source, table.entity, day)) for source, day in read}
    found = disagreements(warehouse, table.name, days, read, lake)
    if found:
        what = named([f"{one.source} on {one.day}: {one.what}" for one in found])
        says = (
            f"The books do not agree: {what}. What marts say of such a day may not be what was observed. "
            f"Load it again from what was landed: spotify-assets materialize --day {found[0].day}. If that "
            "does not help, restore the lake's folder of that day from a backup; if a new version reads the "
            "lake otherwise, compare the day with the one before it."
        )
    else:
        says = f"Lake, ledger, table and quarantine agree on {plural(len(days), 'day')}."
    return result(
        NAME,
        key,
        passed=not found,
        says=says,
        findings=[
            {"day": one.day.isoformat(), "source": one.source, "disagreement": one.what} for one in found
        ],
        counts={"days_checked": len(days)},
        severity=dg.AssetCheckSeverity.ERROR,
    )
