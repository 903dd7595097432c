"""The unchanged-day check: no whole day says the same as the day before it. Warns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.shaping import named, plural, result

if TYPE_CHECKING:
    from spotify_assets.warehouse.connection import Warehouse

NAME = "unchanged_day"


def unchanged_spec(table: Table, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one table; it warns and blocks nothing."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        description=f"No day of a source repeats the loaded day before it in every value of {table.name}, "
        "where numbers are told that move from day to day.",
    )


def check_unchanged(
    table: Table, key: dg.AssetKey, days: Sequence[date], warehouse: Warehouse
) -> dg.AssetCheckResult:
    """Compare the days of a run, value by value, with the days before them."""
    from spotify_assets.quality.unchanged_day import FEWEST_COUNTS, FEWEST_INDICES, changes

    found = changes(warehouse, table.name, days)
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
        says = f"{plural(len(judged), 'day')} compared; each differs from the day before it."
    else:
        says = (
            f"Nothing to compare: no day has at least {FEWEST_COUNTS} rows with counts, or {FEWEST_INDICES} "
            "with a popularity, in common with a loaded day before it."
        )
    return result(
        NAME,
        key,
        passed=not still,
        says=says,
        findings=[
            {
                "day": one.day.isoformat(), "source": one.source, "same_as": one.before.isoformat(),
                "rows": one.common,
            }
            for one in still
        ],
        counts={"days_compared": len(judged)},
    )  # fmt: skip
