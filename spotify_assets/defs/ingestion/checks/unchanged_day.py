"""The unchanged-day check: no whole day says the same as the day before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.verdict import Verdict, by_day, named

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.quality.unchanged_day import DayChange
    from spotify_assets.warehouse.connection import Warehouse


def unchanged_day(
    table: Table, days: Sequence[date], warehouse: Warehouse, _landing: Landing
) -> dict[date, Verdict]:
    """Compare days, value by value, with the loaded days before them."""
    from spotify_assets.quality.unchanged_day import changes

    return by_day(changes(warehouse, table.name, days), days, _judge)


def _judge(found: Sequence[DayChange]) -> Verdict:
    from spotify_assets.quality.unchanged_day import FEWEST_COUNTS, FEWEST_INDICES

    still = [one for one in found if one.stands_still]
    judged = [one for one in found if one.tells]
    if still:
        what = named(
            [f"{one.source} on {one.day} repeats {one.before} in all of {one.common:,} rows" for one in still]
        )
        says = (
            f"Nothing has moved: {what}. Probably the upstream, or a cache on the way to it, answered with "
            "old numbers; changes of that day then say 0 where something may have moved. See whether the "
            "next day moves again; if it does not, look at the source's own pages and at what was landed."
        )
    elif judged:
        says = f"Differs from the day before it: {named([one.source for one in judged])}."
    else:
        says = (
            f"Nothing to compare: no source has at least {FEWEST_COUNTS} rows with counts, or "
            f"{FEWEST_INDICES} with a popularity, in common with a loaded day before it."
        )
    return Verdict(
        passed=not still,
        says=says,
        findings=[
            {
                "day": one.day.isoformat(), "source": one.source, "same_as": one.before.isoformat(),
                "rows": one.common,
            }
            for one in still
        ],
        counts={"sources_compared": len(judged)},
    )  # fmt: skip
