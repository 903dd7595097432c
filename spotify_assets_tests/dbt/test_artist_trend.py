"""`artist_popularity_trend` against an independent computation: every row, every column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from spotify_assets_tests.dbt import data, reference
from spotify_assets_tests.dbt.conftest import SHARED_REAL, Project

KEY = ("source", "artist_id", "snapshot_date")
REAL = SHARED_REAL / "artist_snapshots_2_artists.csv"
FIRST, LAST = date(2024, 1, 20), date(2024, 6, 5)  # over a leap day


def expected_rows(snapshots: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = ["source", "artist_id", "snapshot_date", "name", "popularity", "followers"]
    frame = pd.DataFrame(snapshots, columns=columns).astype(object)
    return reference.artist_popularity_trend(frame.where(frame.notna(), None))


@pytest.fixture(scope="module")
def awkward() -> list[dict[str, Any]]:
    # one source ends in April and must not grow to June
    return data.awkward_artists("simulated", 1, FIRST, LAST) + data.awkward_artists(
        "ended", 2, FIRST, date(2024, 4, 20)
    )


@pytest.fixture(scope="module")
def built(new_project: Callable[[], Project], awkward: list[dict[str, Any]]) -> Project:
    """Everything in one database: the sources do not know each other."""
    project = new_project()
    project.load("artist_snapshots", awkward)
    if REAL.exists():
        project.load("artist_snapshots", data.real_artists(REAL, "history"))
    project.dbt("build")
    return project


def test_real_history_equals_the_independent_computation(built: Project) -> None:
    if not REAL.exists():
        pytest.skip("shared/real/artist_snapshots_2_artists.csv absent")
    expected = expected_rows(data.real_artists(REAL, "history"))
    actual = built.rows("marts.artist_popularity_trend", "source = 'history'")

    assert reference.differences(actual, expected, KEY) == []
    # 446 days of which 11 and more are missing: the grid has them, unobserved
    assert len(actual) > 866
    assert any(not row["is_observed"] for row in actual)
    assert any(row["followers_change_90_days_percent"] is not None for row in actual)


def test_awkward_data_equals_the_independent_computation(
    built: Project, awkward: list[dict[str, Any]]
) -> None:
    expected = expected_rows(awkward)
    actual = built.rows("marts.artist_popularity_trend", "source <> 'history'")

    assert reference.differences(actual, expected, KEY) == []


def test_the_awkward_data_is_awkward(built: Project) -> None:
    """The comparison above proves little if the data has none of the edges."""
    rows = built.rows("marts.artist_popularity_trend", "source = 'simulated'")

    def count(condition: Callable[[dict[str, Any]], bool]) -> int:
        return sum(condition(row) for row in rows)

    assert count(lambda row: row["popularity_is_suspect"] and row["popularity"] == 0) > 20
    assert count(lambda row: row["popularity_is_suspect"] and row["popularity"] is None) > 5
    assert count(lambda row: row["popularity"] == 0 and not row["popularity_is_suspect"]) > 20
    assert count(lambda row: row["popularity"] == 100) > 5
    assert count(lambda row: row["days_since_observed"] > 8) > 5
    assert count(lambda row: row["snapshot_date"] == date(2024, 2, 29)) > 5
    for span in ("1_day", "7_days", "28_days", "90_days"):
        name = f"popularity_change_{span}_actual_days"
        assert len({row[name] for row in rows} - {None}) >= 2, span
        assert count(lambda row, name=name: row[name] is None) > 5, span  # type: ignore[misc]
    assert count(lambda row: (row["popularity_rank_change_28_days"] or 0) != 0) > 20


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
    expected = built.rows(
        "marts.artist_popularity_trend", f"source <> 'history' and snapshot_date <= '{last}'"
    )

    assert actual
    # a source that had no observation on its last days ends earlier, and its later rows are not there yet
    ends = {row["source"]: row["snapshot_date"] for row in actual}
    for row in actual:
        ends[row["source"]] = max(ends[row["source"]], row["snapshot_date"])
    expected = [row for row in expected if row["snapshot_date"] <= ends[row["source"]]]
    assert reference.differences(actual, expected, KEY) == []
