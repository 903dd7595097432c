"""The null-share check: no column has suddenly become empty without a known reason. Warns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.shaping import named, plural, result

if TYPE_CHECKING:
    from spotify_assets.quality.null_share import NullShare
    from spotify_assets.warehouse.connection import Warehouse

NAME = "null_share"


def null_share_spec(table: Table, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one table; it warns and blocks nothing."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        description=f"No column of {table.name} is much emptier than in the 28 days before (by a quarter of "
        "the rows), unless the source does not publish it or your app may not see it.",
    )


def check_null_share(
    table: Table, key: dg.AssetKey, days: Sequence[date], warehouse: Warehouse
) -> dg.AssetCheckResult:
    """Compare how empty each column is with the days before and with what may be seen."""
    from spotify_assets.quality.null_share import FEWEST_DAYS, null_shares

    found = null_shares(warehouse, table.name, days)
    unexplained = [one for one in found.risen if one.reason is None]
    explained = [one for one in found.risen if one.reason is not None]
    says = []
    if unexplained:
        says.append(
            f"Suddenly empty, and no reason is known: {named([_words(one) for one in unexplained])}. Series "
            "of it pause while it is empty; nothing counts as 0. See what the upstream sent on that day (the "
            "lake) and what your app may see (spotify-assets doctor). If a field was renamed, an updated "
            "version loads the day again from what was landed."
        )
    if explained:
        says.append(
            f"Emptier for a known reason: {named([f'{_words(one)}: {one.reason}' for one in explained])}."
        )
    if found.too_early:
        says.append(
            f"Too few days to compare: {plural(found.too_early, 'day')} with fewer than {FEWEST_DAYS} "
            "observed days before."
        )
    if found.compared and not found.risen:
        says.append(f"{plural(found.compared, 'day')} compared; no column is much emptier than before.")
    return result(
        NAME,
        key,
        passed=not unexplained,
        says=" ".join(says) or "Nothing was loaded that could be compared.",
        findings=[
            {
                "day": one.day.isoformat(), "source": one.source, "column": one.column,
                "null_percent": round(100 * one.share, 1), "usual_percent": round(100 * one.usual, 1),
                "reason": one.reason or "not known",
            }
            for one in [*unexplained, *explained]
        ],
        counts={"days_compared": found.compared},
    )  # fmt: skip


def _words(one: NullShare) -> str:
    now, before = f"{one.share:.0%}", f"{one.usual:.0%}"
    return f"{one.column} of {one.source} is null in {now} of the rows of {one.day}, usually in {before}"
