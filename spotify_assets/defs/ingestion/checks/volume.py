"""The volume check: a day brought about as many rows as the days before it. Warns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.shaping import named, plural, result

if TYPE_CHECKING:
    from spotify_assets.quality.volume import DayVolume
    from spotify_assets.warehouse.connection import Warehouse

NAME = "volume"


def volume_spec(table: Table, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one table; it warns and blocks nothing."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        description="Each source's rows of a day are half to twice of what the last 28 loaded days were like "
        f"(their median), for as many as were asked for ({table.requested_per}).",
    )


def check_volume(
    table: Table, key: dg.AssetKey, days: Sequence[date], warehouse: Warehouse
) -> dg.AssetCheckResult:
    """Compare the days of a run with the days before them."""
    from spotify_assets.quality.volume import COMPARED_DAYS, FEWEST_DAYS, volumes

    found = volumes(warehouse, table.name, days)
    few = [one for one in found if one.verdict == "few"]
    many = [one for one in found if one.verdict == "many"]
    refused = [one for one in found if one.verdict == "refused"]
    early = [one for one in found if one.verdict == "too few days"]
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
            f"was not before. Compare the day with the one before it in snapshots.{table.name} before you "
            "trust it."
        )
    if refused and (why := refused[0].refused):
        says.append(f"Nothing came, for a known reason: {refused[0].source}: {why.sentence}.")
    if early:
        says.append(
            f"Too few days to compare: {plural(len(early), 'day')} with fewer than {FEWEST_DAYS} loaded days "
            "before."
        )
    usual = len(found) - len(few) - len(many) - len(refused) - len(early)
    if usual:
        says.append(f"As usual, by the median of up to {COMPARED_DAYS} loaded days: {plural(usual, 'day')}.")
    return result(
        NAME,
        key,
        passed=not few and not many,
        says=" ".join(says) or "Nothing was loaded that could be compared.",
        findings=[
            {
                "day": one.day.isoformat(), "source": one.source, "rows": one.rows,
                "expected": _expected(one), "days_compared": one.days,
            }
            for one in [*few, *many]
        ],
        counts={"days_compared": len(found) - len(early)},
    )  # fmt: skip


def _expected(one: DayVolume) -> str:
    least, most = round(one.least or 0), round(one.most or 0)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _words(one: DayVolume) -> str:
    return f"{one.source} on {one.day} has {one.rows:,}, to be expected were {_expected(one)}"
