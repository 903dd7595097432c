"""What is said of an artist among others of the same day: places, percentiles, bands, and spreads of peers.

Written from the wording of the definitions, like `artists`, and always about one source, metric and day.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

LEAST_PEERS = 20
NORMAL_MEDIAN_DEVIATION, NORMAL_MEAN_DEVIATION = 1.4826, 1.2533
"""A normal distribution's standard deviation, in its median and in its mean absolute deviations."""


def places(values: Mapping[str, float]) -> dict[str, int]:
    """Place by value, highest first; equal values share the smaller number."""
    ranked = pd.Series(dict(values), dtype="float64").rank(method="min", ascending=False)
    return {str(artist_id): int(place) for artist_id, place in ranked.items()}


def percentiles(values: Mapping[str, float]) -> dict[str, float | None]:
    """Of the others, how many in a hundred have a lower value; an equal one counts half. None if alone."""
    series = pd.Series(dict(values), dtype="float64")
    if len(series) < 2:
        return {str(artist_id): None for artist_id in series.index}
    # The average place counts, beside oneself, everybody below and half of the others who are equal.
    below = series.rank(method="average", ascending=True) - 1
    return {str(artist_id): 100.0 * count / (len(series) - 1) for artist_id, count in below.items()}


def band(kind: str, average: float | None) -> str | None:
    """Ten points of an index (the last has eleven), or a power of ten of a level."""
    if average is None:
        return None
    whole = int(average)
    if kind == "index":
        lower = min(whole // 10 * 10, 90)
        return f"{lower}-{lower + 9}" if lower < 90 else "90-100"
    if whole == 0:
        return "0"
    lower = 10 ** (len(str(whole)) - 1)
    return f"{lower}-{10 * lower - 1}"


def median_and_deviations(values: Iterable[float]) -> tuple[float, float]:
    """The median, and the robust spread about it."""
    values = list(values)
    middle = statistics.median(values)
    deviations = [abs(value - middle) for value in values]
    return middle, max(
        NORMAL_MEDIAN_DEVIATION * statistics.median(deviations),
        NORMAL_MEAN_DEVIATION * statistics.fmean(deviations),
    )


def growth_class(growth: float | None) -> str | None:
    """The word for a growth in spreads of peers."""
    if growth is None:
        return None
    if growth >= 8:
        return "explosive"
    if growth >= 2:
        return "high"
    if growth > 1:
        return "moderate"
    return "steady" if growth >= 0 else "declining"


def compare(cohort: Sequence[dict[str, Any]], known: Sequence[Mapping[int, float]]) -> None:
    """Add what the rows of one source, metric and day say of each other.

    Args:
        cohort: The rows.
        known: Of each row the values that count as known on the day, by how many days back.
    """
    _rank(cohort, known)
    for row in cohort:
        row["band"] = band(row["kind"], row["average_7_days"])
    for name in ("momentum", "growth"):
        _in_spreads_of_peers(cohort, name)
    by_band: dict[str, dict[str, float]] = {}
    for row in cohort:
        if row["band"] is not None and row["change_28_days"] is not None:
            by_band.setdefault(row["band"], {})[row["artist_id"]] = row["change_28_days"]
    standing = {one: percentiles(changes) for one, changes in by_band.items() if len(changes) >= LEAST_PEERS}
    for row in cohort:
        row["growth_class"] = growth_class(row["growth"])
        row["change_28_days_band_percentile"] = standing.get(row["band"], {}).get(row["artist_id"])


def _rank(cohort: Sequence[dict[str, Any]], known: Sequence[Mapping[int, float]]) -> None:
    values = {row["artist_id"]: by_offset for row, by_offset in zip(cohort, known, strict=True)}
    today = {artist_id: by_offset[0] for artist_id, by_offset in values.items() if 0 in by_offset}
    rank, percentile = places(today), percentiles(today)
    for row in cohort:
        row["rank"] = rank.get(row["artist_id"])
        row["percentile"] = percentile.get(row["artist_id"])
    for span in (7, 28):
        common = {artist_id: both for artist_id, both in values.items() if 0 in both and span in both}
        now = places({artist_id: both[0] for artist_id, both in common.items()})
        then = places({artist_id: both[span] for artist_id, both in common.items()})
        for row in cohort:
            artist_id = row["artist_id"]
            row[f"rank_change_{span}_days"] = (
                then[artist_id] - now[artist_id] if artist_id in common else None
            )


def _in_spreads_of_peers(cohort: Sequence[dict[str, Any]], name: str) -> None:
    """Add `name`, from `name`_change, and why it is null; of momentum also the number of peers."""
    by_band: dict[str, list[float]] = {}
    for row in cohort:
        if row["band"] is not None:
            peers = by_band.setdefault(row["band"], [])
            if row[f"{name}_change"] is not None:
                peers.append(row[f"{name}_change"])
    spreads = {one: median_and_deviations(peers)[1] for one, peers in by_band.items() if peers}
    for row in cohort:
        change, count = row[f"{name}_change"], len(by_band.get(row["band"], []))
        if name == "momentum":
            row["peers"] = count if row["band"] is not None else None
        if row["band"] is None or change is None:
            value, reason = None, "insufficient_observations"
        elif count < LEAST_PEERS:
            value, reason = None, "insufficient_peers"
        elif spreads[row["band"]] == 0:
            value, reason = None, "no_spread"
        else:
            value, reason = change / spreads[row["band"]], None
        row[name], row[f"{name}_null_reason"] = value, reason
