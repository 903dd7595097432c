"""Breakouts against an independent computation, and against the simulator's true starts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from statistics import fmean, median
from typing import Any

import pytest

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data, virals
from spotify_assets_tests.support.marts.rebuilding import assert_equals_full_rebuild, build_in_order
from spotify_assets_tests.support.oracles import artists as reference

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 20), date(2024, 6, 5)  # over a leap day
KEY = ("source", "artist_id", "metric", "started_on")
KINDS = {"popularity": "index", "followers": "level"}
LEAST_RISE = {"popularity": 9.0, "followers": 1.0}
MODELS = ("--select", "+artist_leaderboard")  # breakouts and milestones among them


def surging_artists(source: str, seed: int, artists: int) -> list[dict[str, Any]]:
    """Artists with jumps that stay, fade, stutter or are nobody else's, and gaps in between.

    Of a fifth, followers are never told; on one day everybody jumps, for the upstream had stood still.
    """
    chance = random.Random(seed)
    rows = []
    common = FIRST + 100 * DAY
    for number in range(artists):
        popularity, followers = chance.choice([5, 40, 70]), chance.choice([0, 30, 900, 200_000])
        growth = chance.choice([0.0, 0.0, 0.001])
        jumps = {FIRST + chance.randrange(30, 130) * DAY for _ in range(3)}
        points, part = 0.0, 0.0
        fading = chance.choice([0.5, 0.9, 0.99])
        for day in data.days(FIRST + chance.choice([0, 0, 20]) * DAY, LAST):
            followers_now = followers * (1 + growth) ** (day - FIRST).days
            if day in jumps:
                points, part = chance.choice([0, 6, 15]), chance.choice([0.0, 0.02, 0.5])
            points, part = points * fading, part * fading
            stutter = chance.random() < 0.3
            if chance.random() < 0.08:
                continue
            seen = popularity + (0 if stutter else points) + chance.choice([-1, 0, 0, 1])
            people = followers_now * (1 + (0 if stutter else part)) + chance.choice([0, 0, 1, 3])
            if common <= day <= common + DAY:
                seen, people = seen + 12, people * 1.3 + 30
            rows.append(
                data.artist(
                    source,
                    f"a{number:02}",
                    day,
                    popularity=chance.choices([round(max(0.0, seen)), 0, None], weights=[94, 4, 2])[0],
                    followers=None
                    if number % 5 == 0
                    else chance.choices([round(people), 0, None], weights=[94, 4, 2])[0],
                )
            )
    return rows


class Series:
    """One series, with what the definitions need of a day, in plain loops."""

    def __init__(self, observed: dict[date, int | None]) -> None:
        self.observed = observed
        self.days = sorted(observed)

    def usual(self, day: date) -> tuple[float, float] | None:
        """What was usual in the 28 days before, and how far values were from it."""
        known = reference.counted(self.observed, day)
        before = [float(known[day - n * DAY]) for n in range(1, 29) if day - n * DAY in known]
        if len(before) < 20:
            return None
        usual = median(before)
        distances = [abs(value - usual) for value in before]
        return usual, max(1.4826 * median(distances), 1.2533 * fmean(distances), 1.0)

    def score(self, day: date) -> float | None:
        usual = self.usual(day)
        value = reference.counted(self.observed, day).get(day)
        return None if usual is None or value is None else (float(value) - usual[0]) / usual[1]

    def rises(self, day: date, metric: str) -> bool:
        """Whether the day signals, looking at this series alone."""
        score, usual = self.score(day), self.usual(day)
        if score is None or usual is None or score < 3.5:
            return False
        rise = (self.observed[day] or 0) - usual[0]
        if metric != "popularity":
            rise = 100 * rise / usual[0] if usual[0] else float("inf")
        return rise >= LEAST_RISE[metric]


def all_series(snapshots: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Series]]:
    found: dict[tuple[str, str], dict[str, dict[date, int | None]]] = {}
    for row in sorted(snapshots, key=lambda row: row["snapshot_date"]):
        artist = found.setdefault((row["source"], row["artist_id"]), {metric: {} for metric in KINDS})
        for metric in KINDS:
            # a metric begins when the source first tells it
            if artist[metric] or row[metric] is not None:
                artist[metric][row["snapshot_date"]] = row[metric]
    return {
        key: {metric: Series(values) for metric, values in artist.items() if values}
        for key, artist in found.items()
    }


def expected_signals(
    artists: dict[tuple[str, str], dict[str, Series]],
) -> dict[tuple[str, str, str], dict[date, bool]]:
    """The days that signal, of every series, and whether a level says so."""
    alone = {
        (*key, metric): {day for day in series.days if series.rises(day, metric)}
        for key, metrics in artists.items()
        for metric, series in metrics.items()
    }
    # the source tells both metrics from its first day on, so an artist's series begin with the artist
    begins: dict[tuple[str, str], list[date]] = {}
    for (source, _), metrics in artists.items():
        for metric in metrics:
            begin = min(series.days[0] for series in metrics.values())
            begins.setdefault((source, metric), []).append(begin)
    own = {}
    for (source, artist_id, metric), days in alone.items():
        own[source, artist_id, metric] = {
            day
            for day in days
            if (cohort := sum(begin <= day for begin in begins[source, metric])) < 20
            or sum(day in other for key, other in alone.items() if (key[0], key[2]) == (source, metric))
            <= cohort / 4
        }
    signals: dict[tuple[str, str, str], dict[date, bool]] = {}
    for (source, artist_id), metrics in artists.items():
        levels = own.get((source, artist_id, "followers"), set())
        signals[source, artist_id, "followers"] = dict.fromkeys(levels, True)
        if "popularity" in metrics:
            found = signals[source, artist_id, "popularity"] = {}
            for day in metrics["popularity"].days:
                if day in levels and (metrics["popularity"].score(day) or 0) >= 2:
                    found[day] = True
                elif day in own[source, artist_id, "popularity"] and not (
                    "followers" in metrics
                    and any(metrics["followers"].observed.get(day - n * DAY) is not None for n in range(28))
                ):
                    found[day] = False
    return signals


def expected_breakouts(
    snapshots: list[dict[str, Any]], trend: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Walk through the observed days of every series, as somebody would who watches it."""
    artists = all_series(snapshots)
    names = {(row["source"], row["artist_id"], row["snapshot_date"]): row["name"] for row in snapshots}
    momentum = {
        (row["source"], row["artist_id"], row["metric"], row["snapshot_date"]): row["momentum"]
        for row in trend
    }
    newest = max(row["snapshot_date"] for row in snapshots)
    for (source, artist_id, metric), signals in expected_signals(artists).items():
        if not signals:
            continue
        series = artists[source, artist_id][metric]
        runs: list[list[date]] = []  # days from the first to the last signal of each breakout
        detections: list[date] = []
        quiet = 3
        for place, day in enumerate(series.days):
            quiet = 0 if day in signals else quiet + 1
            latest = [other for other in series.days[max(0, place - 2) : place + 1] if other in signals]
            running = bool(runs) and runs[-1][-1] in series.days[max(0, place - 3) : place]
            if day in signals and running:
                runs[-1].append(day)
            elif day in signals and len(latest) >= 2:
                runs.append(latest)
                detections.append(day)
        for days, detected_on in zip(runs, detections, strict=True):
            counted = reference.counted(series.observed, newest)
            inside = [day for day in series.days if days[0] <= day <= days[-1]]
            # what counts on its own day, so not a 0 that only the next observation confirms
            values = {
                day: counted[day]
                for day in inside
                if day in counted and not reference.is_suspect(series.observed, day)
            }
            usual = series.usual(days[0])
            assert usual is not None
            peak = max(values.values())
            moments = {day: momentum[source, artist_id, metric, day] for day in data.days(days[0], days[-1])}
            known = [value for value in moments.values() if value is not None]
            later = [day for day in series.days if day > days[-1]]
            is_ongoing = len(later) < 3 and (newest - days[-1]).days <= 28
            yield {
                "source": source,
                "artist_id": artist_id,
                "metric": metric,
                "started_on": days[0],
                "detected_on": detected_on,
                "ended_on": None if is_ongoing else days[-1],
                "is_ongoing": is_ongoing,
                "days": (days[-1] - days[0]).days + 1,
                "signal_days": len(days),
                "name": names[source, artist_id, detected_on],
                "kind": KINDS[metric],
                "usual_value": usual[0],
                "start_value": series.observed[days[0]],
                "peak_value": peak,
                "peak_on": min(day for day, value in values.items() if value == peak),
                "gain": peak - usual[0],
                "gain_percent": 100 * (peak - usual[0]) / usual[0]
                if metric == "followers" and usual[0]
                else None,
                "peak_anomaly_score": max(
                    score for day in inside if (score := series.score(day)) is not None
                ),
                "peak_momentum": max(known) if known else None,
                "confirmed_on": next(
                    (day for day, value in moments.items() if value is not None and value >= 2), None
                ),
                "is_corroborated": any(signals[day] for day in days),
                "formula_version": 1,
            }


def rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what differs by the order in which numbers are added up."""
    return [
        {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]


@pytest.fixture(scope="module")
def awkward() -> list[dict[str, Any]]:
    # twelve artists are no cohort: on the day on which everybody jumps, each of them does
    return surging_artists("simulated", 1, 30) + surging_artists("small", 2, 12)


@pytest.fixture(scope="module")
def built(new_project: Callable[[], Project], awkward: list[dict[str, Any]]) -> Project:
    project = new_project()
    project.load("artist_snapshots", awkward)
    project.dbt("run", *MODELS)
    return project


def test_breakouts_equal_the_independent_computation(built: Project, awkward: list[dict[str, Any]]) -> None:
    trend = built.rows("marts.artist_popularity_trend")
    expected = list(expected_breakouts(awkward, trend))
    actual = built.rows("marts.artist_breakouts")

    assert reference.differences(rounded(actual), rounded(expected), KEY) == []


def test_the_awkward_data_is_awkward(built: Project, awkward: list[dict[str, Any]]) -> None:
    """The comparison above proves little if the data has none of the edges."""
    rows = built.rows("marts.artist_breakouts")

    def count(condition: Callable[[dict[str, Any]], bool]) -> int:
        return sum(condition(row) for row in rows)

    assert count(lambda row: row["metric"] == "followers") > 5
    assert count(lambda row: row["metric"] == "popularity" and row["is_corroborated"]) > 2
    assert count(lambda row: not row["is_corroborated"]) > 2
    assert count(lambda row: row["signal_days"] < row["days"]) > 5
    assert count(lambda row: (row["detected_on"] - row["started_on"]).days > 1) > 2
    assert len({(row["artist_id"], row["metric"]) for row in rows}) < len(rows), "no series broke out twice"
    everybody = FIRST + 100 * DAY
    on_that_day = f"is_breakout_signal and snapshot_date = '{everybody}'"
    for source, everyone_broke_out in (("simulated", False), ("small", True)):
        marked = built.rows("marts.artist_popularity_trend", f"{on_that_day} and source = '{source}'")
        assert len(marked) > 8
        began = {
            row["artist_id"] for row in rows if row["source"] == source and row["started_on"] == everybody
        }
        assert (len(began) > 4) == everyone_broke_out


def test_windows_in_any_order_equal_a_full_rebuild(
    new_project: Callable[[], Project], awkward: list[dict[str, Any]]
) -> None:
    project = new_project()
    middle = date(2024, 4, 1)
    windows = [[middle], [LAST - 3 * DAY, LAST], [FIRST, middle + 3 * DAY], [FIRST, LAST]]
    build_in_order(project, {"artist_snapshots": awkward}, windows, ("run", *MODELS))
    tables = {
        "marts.artist_popularity_trend": ("source", "artist_id", "metric", "snapshot_date"),
        "marts.artist_breakouts": KEY,
        "marts.artist_milestones": ("source", "artist_id", "metric", "milestone", "threshold"),
        "marts.artist_leaderboard": ("source", "artist_id"),
    }
    assert_equals_full_rebuild(project, tables, MODELS)


@pytest.fixture(scope="module")
def simulated(new_project: Callable[[], Project]) -> tuple[Project, Catalogue, date, date]:
    """Fewer artists and days than the figures in docs/breakouts.md rest on, so that it takes seconds."""
    catalogue, first, last = Catalogue(seed=2026, artists=300), date(2025, 1, 1), date(2025, 6, 9)
    project = new_project()
    virals.build(project, catalogue, first, last)
    return project, catalogue, first, last


@pytest.mark.parametrize("metric", ["followers", "popularity"])
def test_viral_starts_of_the_simulator_are_found_within_three_days(
    simulated: tuple[Project, Catalogue, date, date], metric: str
) -> None:
    project, catalogue, first, last = simulated
    starts = catalogue.viral_starts(first, last)
    breakouts = project.rows("marts.artist_breakouts", f"metric = '{metric}'")

    strict = virals.judge(breakouts, starts, first, last)
    by_start = virals.judge(breakouts, starts, first, last, by="started_on")
    print(f"\n{metric}, detected within 3 days: {strict}; started within 3 days: {by_start}")
    assert strict.true >= 15
    for judgement in (strict, by_start):
        assert judgement.precision >= 0.9, judgement.false_alarms
        assert judgement.recall >= 0.9, judgement.missed
