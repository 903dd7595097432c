"""The metric definitions once more, written from their wording and not from the SQL.

Plain loops over one series at a time: slow, and easy to check by reading. Only the ranks use pandas.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

DAY = timedelta(days=1)
Series = Mapping[date, int | None]
"""Observed day to observed value; a day without observation is absent."""


def _positive(value: int | None) -> bool:
    return value is not None and value > 0


def is_suspect(series: Series, day: date) -> bool:
    """A 0 or null whose previous observed day has a positive value."""
    earlier = [other for other in series if other < day]
    return day in series and not _positive(series[day]) and bool(earlier) and _positive(series[max(earlier)])


def null_reason(value: object, *, observed: bool) -> str | None:
    """Why a value is null where the ledger says nothing of the day."""
    if value is not None:
        return None
    return "the source had no value for it on this day" if observed else "not observed on this day"


def counted(series: Series, on: date) -> dict[date, int]:
    """The values that count as known on a day."""
    known = sorted(day for day in series if day <= on)
    result = {}
    for index, day in enumerate(known):
        value = series[day]
        if value is None:
            continue
        if value == 0 and index > 0 and _positive(series[known[index - 1]]):
            repeated = index + 1 < len(known) and series[known[index + 1]] == 0
            if not repeated:
                continue
        result[day] = value
    return result


def suffix(days: int) -> str:
    return "1_day" if days == 1 else f"{days}_days"


def series_metrics(
    metric: str, series: Series, on: date, spans: tuple[int, ...], *, percent: bool
) -> dict[str, Any]:
    """Moving averages and changes of one series on one day, by column name."""
    values = counted(series, on)
    columns: dict[str, Any] = {}
    for days, least in ((7, 5), (28, 20)):
        inside = [values[on - n * DAY] for n in range(days) if on - n * DAY in values]
        columns[f"{metric}_observed_{suffix(days)}"] = len(inside)
        columns[f"{metric}_average_{suffix(days)}"] = (
            sum(inside) / len(inside) if len(inside) >= least else None
        )
    current = next((end for end in (on, on - DAY) if end in values), None)
    for span in spans:
        target = on - span * DAY
        past = next(
            (
                end
                for end in (target, target - DAY, target + DAY)
                if end in values and current is not None and end < current
            ),
            None,
        )
        name = f"{metric}_change_{suffix(span)}"
        if current is None or past is None:
            change, actual_days, ratio = None, None, None
        else:
            change, actual_days = values[current] - values[past], (current - past).days
            ratio = 100.0 * change / values[past] if values[past] else None
        columns[name], columns[f"{name}_actual_days"] = change, actual_days
        if percent:
            columns[f"{name}_percent"] = ratio
    return columns


def artist_popularity_trend(snapshots: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row of the mart from source, artist_id, snapshot_date, name, popularity, followers."""
    metrics = ("popularity", "followers")
    rows: list[dict[str, Any]] = []
    known: dict[tuple[str, str, str, date], dict[date, int]] = {}
    for source, of_source in snapshots.groupby("source"):
        newest = of_source["snapshot_date"].max()
        for artist_id, of_artist in of_source.groupby("artist_id"):
            seen = {row["snapshot_date"]: row for row in of_artist.to_dict("records")}
            series = {metric: {day: row[metric] for day, row in seen.items()} for metric in metrics}
            day = min(seen)
            while day <= newest:
                row: dict[str, Any] = {
                    "source": source,
                    "artist_id": artist_id,
                    "snapshot_date": day,
                    "name": seen[day]["name"] if day in seen else None,
                    "is_observed": day in seen,
                    "days_since_observed": (day - max(other for other in seen if other <= day)).days,
                    "formula_version": 1,
                }
                for metric in metrics:
                    row[metric] = seen[day][metric] if day in seen else None
                    row[f"{metric}_null_reason"] = null_reason(row[metric], observed=day in seen)
                    row[f"{metric}_is_suspect"] = is_suspect(series[metric], day)
                    known[metric, str(source), str(artist_id), day] = counted(series[metric], day)
                    row |= series_metrics(
                        metric, series[metric], day, (1, 7, 28, 90), percent=metric == "followers"
                    )
                rows.append(row)
                day += DAY
    by_day: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in rows:
        by_day.setdefault((row["source"], row["snapshot_date"]), []).append(row)
    for (source, day), cohort in by_day.items():
        for metric in metrics:
            values = {row["artist_id"]: known[metric, source, row["artist_id"], day] for row in cohort}
            _rank(metric, cohort, values, day)
    return rows


def _places(values: Mapping[str, int]) -> dict[str, int]:
    ranked = pd.Series(dict(values), dtype="float64").rank(method="min", ascending=False)
    return {str(artist_id): int(place) for artist_id, place in ranked.items()}


def _rank(
    metric: str, cohort: list[dict[str, Any]], values: Mapping[str, Mapping[date, int]], day: date
) -> None:
    today = _places({artist_id: known[day] for artist_id, known in values.items() if day in known})
    for row in cohort:
        row[f"{metric}_rank"] = today.get(row["artist_id"])
    for span in (7, 28):
        past = day - span * DAY
        common = {artist_id: known for artist_id, known in values.items() if day in known and past in known}
        now = _places({artist_id: known[day] for artist_id, known in common.items()})
        then = _places({artist_id: known[past] for artist_id, known in common.items()})
        for row in cohort:
            artist_id = row["artist_id"]
            row[f"{metric}_rank_change_{suffix(span)}"] = (
                then[artist_id] - now[artist_id] if artist_id in common else None
            )


def differences(
    actual: list[dict[str, Any]], expected: list[dict[str, Any]], key: tuple[str, ...]
) -> list[str]:
    """What differs between two tables, in words; empty when every row and column is equal."""
    left = {tuple(row[name] for name in key): row for row in actual}
    right = {tuple(row[name] for name in key): row for row in expected}
    assert len(left) == len(actual), "the key is not unique"
    found = [f"only built: {k}" for k in left.keys() - right.keys()]
    found += [f"only expected: {k}" for k in right.keys() - left.keys()]
    for k in left.keys() & right.keys():
        assert left[k].keys() == right[k].keys(), left[k].keys() ^ right[k].keys()
        found += [
            f"{k} {name}: built {left[k][name]!r}, expected {value!r}"
            for name, value in right[k].items()
            if left[k][name] != value
        ]
    return sorted(found)
