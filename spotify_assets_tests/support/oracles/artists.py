"""The metric definitions once more, written from their wording and not from the SQL.

Plain loops over one series at a time: slow, and easy to check by reading. What artists are among others of
the same day is in `peers`. Means are exact fractions until they are shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pandas as pd

from spotify_assets_tests.support.oracles import peers

DAY = timedelta(days=1)
Number = int | Fraction
Series = Mapping[date, Number | None]
"""Observed day to observed value; a day without observation is absent."""
METRICS = {
    "popularity": ("index", "points"),
    "followers": ("level", "people"),
    "listeners": ("level", "people"),
    "daily_plays": ("level", "plays a day"),
}
"""What is measured of an artist: its kind and unit."""
FORMULA_VERSION = 1
LEAST_RISE = {"popularity": 9, "followers": 1, "listeners": 1, "daily_plays": 10}
"""How far above the usual value signals a breakout: points of an index, percent of a level."""
MILESTONES = {
    "index": tuple(range(10, 101, 10)),
    "level": tuple(first * 10**power for power in range(12) for first in (1, 2, 5)),
}


def _positive(value: Number | None) -> bool:
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


def counting_from(series: Series) -> dict[date, tuple[date, Number]]:
    """Of each day whose value ever counts: the day from which on it does, and the value."""
    known = sorted(series)
    result = {}
    for index, day in enumerate(known):
        value = series[day]
        if value is None:
            continue
        since: date | None = day
        if value == 0 and index > 0 and _positive(series[known[index - 1]]):
            repeated = index + 1 < len(known) and series[known[index + 1]] == 0
            since = known[index + 1] if repeated else None
        if since is not None:
            result[day] = since, value
    return result


def counted(series: Series, on: date) -> dict[date, Number]:
    """The values that count as known on a day."""
    return {day: value for day, (since, value) in counting_from(series).items() if since <= on}


def suffix(days: int) -> str:
    return "1_day" if days == 1 else f"{days}_days"


def _between(values: Mapping[date, Number], first: date, last: date) -> list[Number]:
    return [value for day, value in values.items() if first <= day <= last]


def _mean(values: list[Number], least: int) -> Fraction | None:
    return Fraction(sum(values)) / len(values) if len(values) >= least else None


def averages_and_changes(
    values: Mapping[date, Number], on: date, spans: tuple[int, ...], *, percent: bool
) -> dict[str, Any]:
    """Moving averages and changes on one day, by column name, of the values that count as known on it."""
    columns: dict[str, Any] = {}
    for days, least in ((7, 5), (28, 20)):
        inside = _between(values, on - (days - 1) * DAY, on)
        average = _mean(inside, least)
        columns[f"observed_{suffix(days)}"] = len(inside)
        columns[f"average_{suffix(days)}"] = None if average is None else float(average)
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
        name = f"change_{suffix(span)}"
        if current is None or past is None:
            change, actual_days, ratio = None, None, None
        else:
            change, actual_days = values[current] - values[past], (current - past).days
            ratio = float(Fraction(100 * change) / values[past]) if values[past] else None
        columns[name], columns[f"{name}_actual_days"] = change, actual_days
        if percent:
            columns[f"{name}_percent"] = ratio
    return columns


def series_metrics(
    metric: str, series: Series, on: date, spans: tuple[int, ...], *, percent: bool
) -> dict[str, Any]:
    """Moving averages and changes of one series on one day, by column name, the metric's first."""
    columns = averages_and_changes(counted(series, on), on, spans, percent=percent)
    return {f"{metric}_{name}": value for name, value in columns.items()}


def mean_against_before(
    values: Mapping[date, Number], on: date, recent: tuple[int, int], before: tuple[int, int]
) -> float | None:
    """Mean of the last days minus that of days before, given as how many days, and how many at least."""
    (days, least), (days_before, least_before) = recent, before
    now = _mean(_between(values, on - (days - 1) * DAY, on), least)
    past = _mean(_between(values, on - (days + days_before - 1) * DAY, on - days * DAY), least_before)
    return None if now is None or past is None else float(now - past)


def anomaly(values: Mapping[date, Number], on: date) -> dict[str, Any]:
    """How far the day is from what the 28 days before it were usually."""
    before = [float(value) for value in _between(values, on - 28 * DAY, on - DAY)]
    usual, score = None, None
    if len(before) >= 20:
        usual, spread = peers.median_and_deviations(before)
        if on in values:
            score = (float(values[on]) - usual) / max(spread, 1.0)
    return {
        "usual_value": usual,
        "anomaly_score": score,
        "is_anomaly": score is not None and abs(score) >= 3.5,
    }


def signals_breakout(row: Mapping[str, Any]) -> bool:
    """Whether an observed day is unusually high, and high enough above the usual to be worth the name."""
    if not row["is_observed"] or (row["anomaly_score"] or 0) < 3.5:
        return False
    rise = row["value"] - row["usual_value"]
    if row["kind"] == "level":
        rise = 100 * rise / row["usual_value"] if row["usual_value"] else math.inf
    return bool(rise >= LEAST_RISE[row["metric"]])


def add_highest(rows: list[dict[str, Any]]) -> None:
    """Add to the rows of a series, oldest first, its highest value so far and whether that is a milestone."""
    highest: float | None = None
    highest_on: date | None = None
    fell = False
    for row in rows:
        row["is_milestone"] = False
        value, day = row["value"], row["snapshot_date"]
        if value is not None and not row["is_suspect"] and (highest is None or value > highest):
            if highest is not None and highest_on is not None:
                passed = [one for one in MILESTONES[row["kind"]] if highest < one <= value]
                row["is_milestone"] = bool(passed) or ((day - highest_on).days >= 28 and fell)
            highest, highest_on, fell = value, day, False
        elif value is not None and not row["is_suspect"] and highest is not None and value < highest:
            fell = True
        row["highest_value"], row["highest_on"] = highest, highest_on


def daily_plays(plays: Series) -> tuple[dict[date, Fraction | None], dict[date, str]]:
    """Plays a day of each observed day, and why there are none, from the counts of all plays so far."""
    values: dict[date, Fraction | None] = {}
    reasons: dict[date, str] = {}
    earlier: list[tuple[date, Number]] = []
    for day, count in sorted(plays.items()):
        values[day] = None
        if count is None:
            continue
        against = earlier[-1] if earlier else None
        if len(earlier) > 1 and earlier[-1][1] < earlier[-2][1] <= count:
            against = earlier[-2]  # the fall before this day was none
        if against is None:
            reasons[day] = "no earlier count of plays to compare with"
        elif count < against[1]:
            reasons[day] = "the count of plays fell"
        else:
            hundredths = Fraction(100 * (count - against[1])) / (day - against[0]).days
            values[day] = Fraction(math.floor(hundredths + Fraction(1, 2)), 100)
        earlier.append((day, count))
    return values, reasons


def _artist_rows(
    seen: Mapping[date, Mapping[str, Any]], metric: str, begins: date, newest: date
) -> list[tuple[dict[str, Any], dict[int, float]]]:
    """An artist's rows of one metric by themselves, each with the values that count so many days before."""
    kind, unit = METRICS[metric]
    reasons: dict[date, str] = {}
    if metric == "daily_plays":
        series, reasons = daily_plays({day: row["plays"] for day, row in seen.items()})
    else:
        series = {day: row[metric] for day, row in seen.items()}
    counting = counting_from(series)
    rows = []
    day = max(begins, min(seen))
    while day <= newest:
        observed = day in seen
        value = series.get(day)
        values = {past: number for past, (since, number) in counting.items() if since <= day}
        rows.append(
            (
                {
                    "artist_id": seen[min(seen)]["artist_id"],
                    "metric": metric,
                    "snapshot_date": day,
                    "name": seen[day]["name"] if observed else None,
                    "kind": kind,
                    "unit": unit,
                    "is_observed": observed,
                    "days_since_observed": (day - max(other for other in seen if other <= day)).days,
                    "value": None if value is None else float(value),
                    "value_null_reason": reasons.get(day) or null_reason(value, observed=observed),
                    "is_suspect": is_suspect(series, day) or reasons.get(day) == "the count of plays fell",
                    "momentum_change": mean_against_before(values, day, (7, 5), (28, 20)),
                    "growth_change": mean_against_before(values, day, (28, 20), (63, 45)),
                    "formula_version": FORMULA_VERSION,
                }
                | averages_and_changes(values, day, (1, 7, 28, 90), percent=True)
                | anomaly(values, day),
                {back: float(values[day - back * DAY]) for back in (0, 7, 28) if day - back * DAY in values},
            )
        )
        day += DAY
    add_highest([row for row, _ in rows])
    for row, _ in rows:
        row["is_breakout_signal"] = signals_breakout(row)
        if kind == "index":
            row |= {name: None for name in row if name.endswith("_percent")}
    return rows


def artist_popularity_trend(snapshots: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row of the mart.

    Args:
        snapshots: source, artist_id, snapshot_date, name, and what was told of popularity, followers,
            listeners and plays; a column that is absent was never told.
    """
    told = [name for name in ("popularity", "followers", "listeners", "plays") if name in snapshots]
    rows: list[dict[str, Any]] = []
    for source, of_source in snapshots.groupby("source"):
        newest = of_source["snapshot_date"].max()
        artists: list[dict[date, dict[str, Any]]] = [
            {
                row["snapshot_date"]: {str(name): value for name, value in row.items()}
                for row in of_artist.to_dict("records")
            }
            for _, of_artist in of_source.groupby("artist_id")
        ]
        for column in told:
            # A series begins when its source told the metric of anybody.
            begins = of_source.loc[of_source[column].notna(), "snapshot_date"].min()
            if pd.isna(begins):
                continue
            metric = "daily_plays" if column == "plays" else column
            cohorts: dict[date, list[tuple[dict[str, Any], dict[int, float]]]] = {}
            for seen in artists:
                for row, known in _artist_rows(seen, metric, begins, newest):
                    cohorts.setdefault(row["snapshot_date"], []).append(({"source": source} | row, known))
            for cohort in cohorts.values():
                peers.compare(*zip(*cohort, strict=True))
                rows += [row for row, _ in cohort]
    return rows


def equal(built: object, expected: object) -> bool:
    """Equal, but for the last digits of numbers that are not whole: sums may be made in another order."""
    if isinstance(built, float) and isinstance(expected, (int, float, Fraction)):
        return math.isclose(built, expected, rel_tol=1e-9, abs_tol=1e-9)
    return built == expected


def differences(
    actual: list[dict[str, Any]],
    expected: list[dict[str, Any]],
    key: tuple[str, ...],
    *,
    exactly: bool = False,
) -> list[str]:
    """What differs between two tables, in words; empty when every row and column is equal.

    Args:
        actual: The one table.
        expected: The other.
        key: What identifies a row.
        exactly: Whether the last digits have to be equal too, as of tables that the same models made.
    """
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
            if left[k][name] != value and (exactly or not equal(left[k][name], value))
        ]
    return sorted(found)
