"""The partition window: whatever days are built in whatever order, the tables are those of a full rebuild."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.rebuilding import (
    assert_equals_full_rebuild,
    build_in_order,
    contents,
    load_days,
)

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 25), date(2024, 6, 10)
MODELS = ("--select", "staging", "intermediate", "marts")
BUILT = {
    "intermediate.int_artist_days": ("source", "artist_id", "snapshot_date"),
    "intermediate.int_artist_series": ("source", "artist_id", "metric", "snapshot_date"),
    "intermediate.int_song_days": ("source", "song_id", "snapshot_date"),
    "marts.artist_popularity_trend": ("source", "artist_id", "metric", "snapshot_date"),
    "marts.track_popularity_trend": ("source", "song_id", "snapshot_date"),
    "marts.new_release_radar": ("source", "album_id", "snapshot_date"),
}
LOST = date(2024, 6, 4)
"""A day on which nothing was observed and that is never run."""


def snapshots(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Sources that go on, one with peers enough, one with plays; one that has ended; a day lost from all."""
    ended = date(2024, 5, 20)
    found = {
        "artist_snapshots": data.awkward_artists("simulated", seed, FIRST, LAST)
        + data.awkward_artists("ended", seed + 1, FIRST, ended)
        + data.crowd("crowd", seed + 4, FIRST, LAST, artists=26)
        + data.listeners_and_plays("open", seed + 5, FIRST, LAST, artists=5),
        "top_tracks": data.awkward_tracks("simulated", seed + 2, FIRST, LAST),
        "new_releases": data.awkward_releases("simulated", seed + 3, FIRST, LAST),
    }
    return {table: [row for row in rows if row["snapshot_date"] != LOST] for table, rows in found.items()}


def assert_rebuilt(project: Project) -> None:
    """What stands is what a full rebuild makes, of days that have what looks back furthest."""
    rebuilt = assert_equals_full_rebuild(project, BUILT, MODELS, exactly=True)
    assert any(row["momentum"] is not None for row in rebuilt["marts.artist_popularity_trend"])


def test_day_by_day_equals_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(10)
    project = new_project()
    backfilled = LAST - 7 * DAY
    load_days(project, found, FIRST, backfilled)
    project.dbt("run")
    for day in data.days(backfilled + DAY, LAST):
        if day == LOST:
            continue
        load_days(project, found, day, day)
        # with all tests on the last day: they must hold for a window as for the whole
        project.dbt("build" if day == LAST else "run", *MODELS)

    grid = project.rows("intermediate.int_artist_days", f"snapshot_date = '{LOST}'")
    assert grid, "the lost day is missing from the grid"
    assert not any(row["is_observed"] for row in grid)
    assert_rebuilt(project)


def test_days_loaded_out_of_order_equal_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    middle = date(2024, 4, 1)
    windows = [
        [middle],
        [LAST - 3 * DAY, LAST],
        [date(2024, 4, 20)],
        [FIRST, middle + 3 * DAY],
        [FIRST, LAST],
    ]
    project = new_project()
    build_in_order(project, snapshots(20), windows, ("run", *MODELS))
    assert_rebuilt(project)


def test_a_replaced_day_refreshes_what_looks_back_at_it(new_project: Callable[[], Project]) -> None:
    found = snapshots(30)
    project = new_project()
    load_days(project, found, FIRST, LAST)
    project.dbt("run")
    before = contents(project, BUILT)

    replaced = date(2024, 3, 10)
    for table, rows in found.items():
        project.note_loads(table, {(row["source"], replaced) for row in rows})
    project.dbt("run", *MODELS)
    assert contents(project, BUILT) == before, "a day loaded again with the same rows changed something"

    chance = random.Random(5)
    for table, rows in found.items():
        project.take_away(table, replaced)
        changed = [
            row | {"popularity": chance.randrange(0, 3)} for row in rows if row["snapshot_date"] == replaced
        ]
        project.load(table, changed[1:])
    project.dbt("run", *MODELS)
    after = contents(project, BUILT)
    later = [
        row
        for row in after["marts.artist_popularity_trend"]
        if row["snapshot_date"] > replaced and row not in before["marts.artist_popularity_trend"]
    ]
    assert later, "nothing that looks back at the replaced day changed"
    assert_rebuilt(project)


def test_a_column_that_a_later_version_adds_is_added_and_filled(new_project: Callable[[], Project]) -> None:
    found = snapshots(40)
    project = new_project()
    load_days(project, found, FIRST, LAST)
    project.dbt("run")
    added = {
        "intermediate.int_artist_days": "followers_null_reason",
        "marts.artist_popularity_trend": "value_null_reason",
        "marts.new_release_radar": "popularity_null_reason",
    }
    for table, column in added.items():
        project.execute(f"alter table {table} drop column {column}")
    # Whatever has other columns than the models say was built by another version.
    project.execute("update ops.model_builds set version = 'an earlier one'")
    project.dbt("run", *MODELS)
    for table, column in added.items():
        assert all(column in row for row in project.rows(table))
    assert_rebuilt(project)
