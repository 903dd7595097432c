"""`artist_popularity_trend` against an independent computation: every row, every column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.oracles import artists as reference

KEY = ("source", "artist_id", "metric", "snapshot_date")
FIRST, LAST = date(2024, 1, 20), date(2024, 6, 5)  # over a leap day


def expected_rows(snapshots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = ["popularity", "followers", "listeners", "plays"]
    frame = pd.DataFrame(snapshots, columns=["source", "artist_id", "snapshot_date", "name", *told])
    frame = frame.astype(object)
    return reference.artist_popularity_trend(frame.where(frame.notna(), None))


@pytest.fixture(scope="module")
def awkward() -> list[dict[str, Any]]:
    return [
        *data.awkward_artists("simulated", 1, FIRST, LAST),
        # ends in April and must not grow to June
        *data.awkward_artists("ended", 2, FIRST, date(2024, 4, 20)),
        *data.crowd("crowd", 3, FIRST, LAST),
        *data.listeners_and_plays("open", 4, FIRST, LAST),
    ]


@pytest.fixture(scope="module")
def built(new_project: Callable[[], Project], awkward: list[dict[str, Any]]) -> Project:
    """Everything in one database: the sources do not know each other."""
    project = new_project()
    project.load("artist_snapshots", awkward)
    project.dbt("build", "--select", "+artist_popularity_trend", "--indirect-selection", "cautious")
    return project


def test_awkward_data_equals_the_independent_computation(
    built: Project, awkward: list[dict[str, Any]]
) -> None:
    expected = expected_rows(awkward)
    actual = built.rows("marts.artist_popularity_trend")

    assert reference.differences(actual, expected, KEY) == []


def test_the_awkward_data_is_awkward(built: Project) -> None:
    """The comparison above proves little if the data has none of the edges."""
    rows = built.rows("marts.artist_popularity_trend", "source = 'simulated' and metric = 'popularity'")

    def count(condition: Callable[[dict[str, Any]], bool]) -> int:
        return sum(condition(row) for row in rows)

    assert count(lambda row: row["is_suspect"] and row["value"] == 0) > 20
    assert count(lambda row: row["is_suspect"] and row["value"] is None) > 5
    assert count(lambda row: row["value"] == 0 and not row["is_suspect"]) > 20
    assert count(lambda row: row["value"] == 100) > 5
    assert count(lambda row: row["days_since_observed"] > 8) > 5
    assert count(lambda row: row["snapshot_date"] == date(2024, 2, 29)) > 5
    for span in ("1_day", "7_days", "28_days", "90_days"):
        name = f"change_{span}_actual_days"
        assert len({row[name] for row in rows} - {None}) >= 2, span
        assert count(lambda row, name=name: row[name] is None) > 5, span  # type: ignore[misc]
    assert count(lambda row: (row["rank_change_28_days"] or 0) != 0) > 20


def test_the_awkward_data_has_peers_who_are_awkward_too(built: Project) -> None:
    rows = built.rows("marts.artist_popularity_trend", "source in ('crowd', 'open')")

    def count(**columns: Any) -> int:
        return sum(all(row[name] == value for name, value in columns.items()) for row in rows)

    def between(name: str, least: float, most: float) -> int:
        return sum(row[name] is not None and least <= row[name] <= most for row in rows)

    reached = built.rows("marts.artist_popularity_trend", "source <> 'history' and is_milestone")
    # followers of the crowd stand still for months and then rise: that beats no high that was lost
    risen = [row for row in rows if row["metric"] == "followers" and (row["highest_value"] or 0) > 5000]
    assert risen
    assert not any(row["is_milestone"] for row in risen)
    for metric in reference.METRICS:
        assert count(metric=metric, momentum_null_reason=None) > 500, metric
        assert count(metric=metric, growth_null_reason=None) > 200, metric
        assert count(metric=metric, is_breakout_signal=True) > 1, metric
        assert sum(row["metric"] == metric for row in reached) > 1, metric
        assert count(metric=metric, band=None) > 50, metric
    for reason in ("insufficient_observations", "insufficient_peers", "no_spread"):
        assert count(momentum_null_reason=reason) > 50, reason
        assert count(growth_null_reason=reason) > 50, reason
    for word in ("explosive", "high", "moderate", "steady", "declining"):
        assert count(growth_class=word) > 20, word
    assert min(count(peers=19), count(peers=20)) > 50
    assert count(value_null_reason="the count of plays fell", is_suspect=True) > 20
    # the day's peers and band without one's own change, and growth whose band is not known
    assert any(row["peers"] and row["momentum_change"] is None for row in rows)
    assert any(row["band"] is None and row["growth_change"] is not None for row in rows)
    # a rise that is unusual and too small, or has no usual value
    assert any((row["anomaly_score"] or 0) >= 3.5 and not row["is_breakout_signal"] for row in rows)
    assert min(between("anomaly_score", -99, -3.5), between("anomaly_score", 3.5, 99)) > 5
    for name in ("percentile", "change_28_days_band_percentile"):
        assert min(between(name, 0, 0), between(name, 100, 100), between(name, 50, 50)) > 5, name
    # a record without a threshold passed, and the other way round
    milestones = [row for row in rows if row["is_milestone"] and row["kind"] == "index"]
    assert any(41 < row["value"] < 50 for row in milestones)
    assert any(row["value"] >= 50 for row in milestones)


def test_metrics_begin_when_the_source_tells_them(built: Project, awkward: list[dict[str, Any]]) -> None:
    rows = built.rows("marts.artist_popularity_trend", "source = 'open'")
    begins = {
        row["metric"]: min(r["snapshot_date"] for r in rows if r["metric"] == row["metric"]) for row in rows
    }
    told = [row for row in awkward if row["source"] == "open" and row["plays"] is not None]

    assert begins.keys() == {"listeners", "daily_plays"}
    assert begins["listeners"] < begins["daily_plays"] == min(row["snapshot_date"] for row in told)


def test_an_ended_source_stops_at_its_own_last_day(built: Project, awkward: list[dict[str, Any]]) -> None:
    last = max(row["snapshot_date"] for row in awkward if row["source"] == "ended")
    rows = built.rows("marts.artist_popularity_trend", "source = 'ended'")

    assert max(row["snapshot_date"] for row in rows) == last


def test_a_row_knows_nothing_of_later_days(
    built: Project, awkward: list[dict[str, Any]], new_project: Callable[[], Project]
) -> None:
    """What is built from the days up to D says of D what is built from all days."""
    last = date(2024, 4, 2)
    project = new_project()
    project.load("artist_snapshots", [row for row in awkward if row["snapshot_date"] <= last])
    project.dbt("run", "--select", "+artist_popularity_trend")
    actual = project.rows("marts.artist_popularity_trend")
    expected = built.rows("marts.artist_popularity_trend", f"snapshot_date <= '{last}'")

    assert actual
    # a source that had no observation on its last days ends earlier, and its later rows are not there yet
    ends = {row["source"]: row["snapshot_date"] for row in actual}
    for row in actual:
        ends[row["source"]] = max(ends[row["source"]], row["snapshot_date"])
    expected = [row for row in expected if row["snapshot_date"] <= ends[row["source"]]]
    assert reference.differences(actual, expected, KEY) == []
