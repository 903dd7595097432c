"""Milestones, leaderboard and comparison against independent computations, row by row."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.rebuilding import build_in_order
from spotify_assets_tests.support.oracles import artists as reference

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 20), date(2024, 6, 20)  # over a leap day
KEY = ("source", "artist_id", "metric", "milestone", "threshold")
KINDS = {"popularity": "index", "followers": "level"}
WEIGHTS = {
    ("popularity", "level"): 3,
    ("popularity", "trend"): 3,
    ("followers", "level"): 1,
    ("followers", "trend"): 2,
}


def rising_artists(source: str, seed: int) -> list[dict[str, Any]]:
    """Twelve artists that climb, fall and come back, over many thresholds, with gaps, dips to 0 and nulls."""
    chance = random.Random(seed)
    rows = []
    for number in range(12):
        popularity, followers = chance.randrange(0, 95), chance.choice([0, 7, 90, 4_700, 980_000])
        direction = 1
        for day in data.days(FIRST + chance.choice([0, 0, 40]) * DAY, LAST):
            direction = -direction if chance.random() < 0.04 else direction
            popularity = min(100, max(0, popularity + direction * chance.choice([0, 0, 1])))
            followers = max(
                0, round(followers * (1 + direction * chance.choice([0, 0.001, 0.05, 0.4]))) + direction
            )
            if chance.random() < 0.1:
                continue
            rows.append(
                data.artist(
                    source,
                    f"a{number:02}",
                    day,
                    popularity=chance.choices([popularity, 0, None], weights=[90, 6, 4])[0],
                    followers=chance.choices([followers, 0, None], weights=[90, 6, 4])[0],
                )
            )
    return rows


def thresholds(kind: str) -> list[int]:
    if kind == "index":
        return list(range(10, 101, 10))
    return [first * 10**power for power in range(12) for first in (1, 2, 5)]


def expected_milestones(snapshots: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Walk through every series with its highest value so far in hand."""
    artists: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(snapshots, key=lambda row: row["snapshot_date"]):
        artists.setdefault((row["source"], row["artist_id"]), []).append(row)
    for (source, artist_id), rows in artists.items():
        for metric, kind in KINDS.items():
            observed = {row["snapshot_date"]: row[metric] for row in rows}
            seen: dict[date, int] = {}
            for row in rows:
                day, value = row["snapshot_date"], row[metric]
                if value is None or reference.is_suspect(observed, day):
                    continue
                highest = max(seen.values(), default=None)
                if highest is not None and value > highest:
                    reached_on = min(other for other in seen if seen[other] == highest)
                    reached = [("threshold", each) for each in thresholds(kind) if highest < each <= value]
                    fell = any(seen[other] < highest for other in seen if other > reached_on)
                    if fell and (day - reached_on).days >= 28:
                        reached.append(("record", highest))
                    for milestone, threshold in reached:
                        yield {
                            "source": source,
                            "artist_id": artist_id,
                            "metric": metric,
                            "milestone": milestone,
                            "threshold": threshold,
                            "reached_on": day,
                            "name": row["name"],
                            "kind": kind,
                            "value": value,
                            "previous_highest_value": highest,
                            "previous_highest_on": reached_on,
                            "formula_version": 1,
                        }
                seen[day] = value


@pytest.fixture(scope="module")
def rising() -> list[dict[str, Any]]:
    return rising_artists("simulated", 1)


@pytest.fixture(scope="module")
def built(new_project: Callable[[], Project], rising: list[dict[str, Any]]) -> Project:
    project = new_project()
    # the second half comes in parts, so that what was highest is carried from run to run
    windows = [[FIRST, LAST - 60 * DAY], [LAST - 59 * DAY], [LAST - 58 * DAY, LAST - DAY], [LAST]]
    command = ("run", "--select", "+artist_leaderboard", "artist_comparison")
    build_in_order(project, {"artist_snapshots": rising}, windows, command)
    return project


def test_milestones_equal_the_independent_computation(built: Project, rising: list[dict[str, Any]]) -> None:
    actual = built.rows("marts.artist_milestones", "source = 'simulated'")

    assert reference.differences(actual, list(expected_milestones(rising)), KEY) == []
    kinds = {(row["metric"], row["milestone"]) for row in actual}
    assert kinds == {(metric, milestone) for metric in KINDS for milestone in ("threshold", "record")}
    days = [(row["artist_id"], row["metric"], row["reached_on"]) for row in actual]
    assert len(set(days)) < len(days), "no day reached two milestones"


def percentiles(values: dict[str, float]) -> dict[str, float]:
    """Per artist the share of the others that are lower, and half of those that are equal, in percent."""
    return {
        artist: 100.0
        * sum((other < value) + (other == value) / 2 for who, other in values.items() if who != artist)
        / (len(values) - 1)
        for artist, value in values.items()
        if len(values) > 1
    }


def test_the_leaderboard_equals_the_independent_computation(built: Project) -> None:
    trend = built.rows("marts.artist_popularity_trend", f"source = 'simulated' and snapshot_date = '{LAST}'")
    milestones = built.rows("marts.artist_milestones", "source = 'simulated'")
    by_metric: dict[str, dict[str, dict[str, Any]]] = {}
    for row in trend:
        by_metric.setdefault(row["metric"], {})[row["artist_id"]] = row
    components = {}
    for metric, rows in by_metric.items():
        change = "change_7_days" if KINDS[metric] == "index" else "change_7_days_percent"
        counted = {artist: row["value"] for artist, row in rows.items() if row["rank"] is not None}
        changes = {artist: row[change] for artist, row in rows.items() if row[change] is not None}
        components[metric, "level"] = percentiles(counted)
        components[metric, "trend"] = percentiles(changes)
    leaderboard = built.rows("marts.artist_leaderboard", "source = 'simulated'")

    assert {row["artist_id"] for row in leaderboard} == {row["artist_id"] for row in trend}
    scores = {}
    for row in leaderboard:
        artist = row["artist_id"]
        known = {part: found[artist] for part, found in components.items() if artist in found}
        weight = sum(WEIGHTS[part] for part in known)
        scores[artist] = (
            sum(WEIGHTS[part] * value for part, value in known.items()) / weight if known else None
        )
        assert row["score"] == (None if scores[artist] is None else pytest.approx(scores[artist]))
        assert row["score_components"] == len(known)
        assert row["snapshot_date"] == LAST
        assert row["name"] == f"Artist {artist}"
        for metric, rows in by_metric.items():
            told = {name.removeprefix(f"{metric}_") for name in row if name.startswith(f"{metric}_")}
            assert {"change_7_days", "change_28_days", "rank", "momentum", "growth_class"} <= told
            assert row[metric] == rows[artist]["value"]
            for name in told:
                assert row[f"{metric}_{name}"] == rows[artist][name], (artist, metric, name)
        latest = [each["reached_on"] for each in milestones if each["artist_id"] == artist]
        assert row["latest_milestone_on"] == max(latest, default=None)
        assert row["is_breaking_out"] == (row["breakout_started_on"] is not None)
    ranked = sorted(
        (row for row in leaderboard if row["score"] is not None), key=lambda row: row["score_rank"]
    )
    assert [row["score"] for row in ranked] == sorted((row["score"] for row in ranked), reverse=True)
    assert ranked[0]["score_rank"] == 1


def test_the_comparison_equals_the_independent_computation(built: Project) -> None:
    trend = built.rows("marts.artist_popularity_trend", "source = 'simulated'")
    series: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in trend:
        series.setdefault((row["artist_id"], row["metric"]), []).append(row)
    shown = ("snapshot_date", "name", "kind", "unit", "value", "average_7_days", "rank", "percentile")
    expected = []
    for (artist_id, metric), rows in series.items():
        for span in (28, 90, 365):
            start = LAST - (span - 1) * DAY
            inside = [row for row in rows if row["snapshot_date"] >= start]
            base = next((row for row in inside if row["average_7_days"] is not None), None)
            for row in inside:
                average, value = row["average_7_days"], base["average_7_days"] if base else None
                expected.append(
                    {
                        "source": "simulated",
                        "artist_id": artist_id,
                        "metric": metric,
                        "span_days": span,
                        "days_since_start": (row["snapshot_date"] - start).days,
                        "base_on": base["snapshot_date"] if base else None,
                        "base_value": value,
                        "change_since_base": None if average is None or value is None else average - value,
                        "index_100": 100.0 * average / value if average is not None and value else None,
                    }
                    | {name: row[name] for name in shown}
                )
    actual = built.rows("marts.artist_comparison", "source = 'simulated'")

    key = ("source", "artist_id", "metric", "span_days", "snapshot_date")
    assert reference.differences(actual, expected, key) == []
    assert any(row["index_100"] == 100 for row in actual)
    assert any(
        row["base_on"] and row["days_since_start"] < 5 < row["value"] for row in actual if row["value"]
    )
