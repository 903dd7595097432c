"""The reconciliation check: lake, ledger, table and quarantine agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.verdict import Verdict, by_day, named

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.quality.reconciliation import Disagreement
    from spotify_assets.warehouse.connection import Warehouse


def reconciliation(
    table: Table, days: Sequence[date], warehouse: Warehouse, landing: Landing
) -> dict[date, Verdict]:
    """Count the days again in every place."""
    from spotify_assets.quality.reconciliation import disagreements

    def parts(source: str, day: date) -> int:
        return len(landing.parts(source, table.entity, day))

    return by_day(disagreements(warehouse, table.name, days, parts), days, _judge)


def _judge(found: Sequence[Disagreement]) -> Verdict:
    if not found:
        return Verdict(passed=True, says="Lake, ledger, table and quarantine agree.")
    what = named([f"{one.source} on {one.day}: {one.what}" for one in found])
    return Verdict(
        passed=False,
        says=f"Row counts differ between lake, ledger, table and quarantine: {what}. What marts say of such "
        "a day may not be what was observed. Load it again from what was landed: spotify-assets materialize "
        f"--day {found[0].day}. If that does not help, restore the lake's folder of that day from a backup; "
        "if a new version reads the lake otherwise, compare the day with the one before it.",
        findings=[
            {"day": one.day.isoformat(), "source": one.source, "disagreement": one.what} for one in found
        ],
    )
