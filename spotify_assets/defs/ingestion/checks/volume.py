"""The volume check: a day brought about as many rows as the days before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.verdict import Verdict, by_day, named

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.quality.volume import DayVolume
    from spotify_assets.warehouse.connection import Warehouse


def volume(
    table: Table, days: Sequence[date], warehouse: Warehouse, _landing: Landing
) -> dict[date, Verdict]:
    """Compare days with the days before them."""
    from spotify_assets.quality.volume import volumes

    return by_day(volumes(warehouse, table.name, days), days, _judge)


def _judge(found: Sequence[DayVolume]) -> Verdict:
    from spotify_assets.quality.volume import COMPARED_DAYS, FEWEST_DAYS

    few, many, refused, early, usual = (
        [one for one in found if one.verdict == verdict]
        for verdict in ("few", "many", "refused", "too few days", "usual")
    )
    says = []
    if few:
        says.append(
            f"Fewer rows than usual: {named([_words(one) for one in few])}. What marts say of such a day "
            "rests on less than usual. See what is missing and why (spotify-assets status); today can be "
            "completed by spotify-assets materialize."
        )
    if many:
        says.append(
            f"More rows than usual: {named([_words(one) for one in many])}. Something may be counted that "
            "was not before. Compare the day with the one before it before you trust it."
        )
    if refused and (why := refused[0].refused):
        says.append(f"Nothing came, for a known reason: {refused[0].source}: {why.sentence}.")
    if early:
        sources = named([one.source for one in early])
        says.append(f"Too early to compare, with fewer than {FEWEST_DAYS} loaded days before: {sources}.")
    if usual:
        sources = named([one.source for one in usual])
        says.append(f"As usual, by the median of up to {COMPARED_DAYS} loaded days: {sources}.")
    return Verdict(
        passed=not few and not many,
        says=" ".join(says) or "Nothing was loaded that could be compared.",
        findings=[
            {
                "day": one.day.isoformat(), "source": one.source, "rows": one.rows,
                "expected": _expected(one), "days_compared": one.days,
            }
            for one in [*few, *many]
        ],
        counts={"sources_compared": len(found) - len(early)},
    )  # fmt: skip


def _expected(one: DayVolume) -> str:
    least, most = round(one.least or 0), round(one.most or 0)
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"


def _words(one: DayVolume) -> str:
    return f"{one.source} on {one.day} has {one.rows:,} rows; expected {_expected(one)}"
