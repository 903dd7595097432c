"""The null-share check: no column has suddenly become empty without a known reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.verdict import Verdict, by_day, named

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.quality.null_share import DayNulls, NullShare
    from spotify_assets.warehouse.connection import Warehouse


def null_share(
    table: Table, days: Sequence[date], warehouse: Warehouse, _landing: Landing
) -> dict[date, Verdict]:
    """Compare how empty each column is with the days before and with what may be seen."""
    from spotify_assets.quality.null_share import null_shares

    return by_day(null_shares(warehouse, table.name, days), days, _judge)


def _judge(found: Sequence[DayNulls]) -> Verdict:
    from spotify_assets.quality.null_share import FEWEST_DAYS

    risen = [rise for one in found for rise in one.risen]
    unexplained = [one for one in risen if one.reason is None]
    explained = [one for one in risen if one.reason is not None]
    early = [one.source for one in found if not one.compared]
    compared = [one.source for one in found if one.compared]
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
    if early:
        says.append(
            f"Too early to compare, with fewer than {FEWEST_DAYS} observed days before: {named(early)}."
        )
    if compared and not risen:
        says.append(f"No column is much emptier than before: {named(compared)}.")
    return Verdict(
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
        counts={"sources_compared": len(compared)},
    )  # fmt: skip


def _words(one: NullShare) -> str:
    now, before = f"{one.share:.0%}", f"{one.usual:.0%}"
    return f"{one.column} of {one.source} is null in {now} of the rows of {one.day}, usually in {before}"
