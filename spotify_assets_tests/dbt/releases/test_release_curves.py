"""Releases under all their album ids, and their curves, against an independent computation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data, release_data
from spotify_assets_tests.support.marts.rebuilding import (
    assert_equals_full_rebuild,
    build_in_order,
    contents,
    day_by_day,
    load_days,
)
from spotify_assets_tests.support.oracles import artists, releases

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 25), date(2024, 6, 10)
LOST = date(2024, 6, 4)
"""A day on which nothing was observed and that is never run."""
SELECTED = ("--select", "+new_release_performance", "+new_release_radar")
BUILT = {
    "intermediate.int_release_uploads": ("source", "album_id", "snapshot_date"),
    "intermediate.int_release_days": ("source", "album_id", "snapshot_date"),
    "intermediate.int_release_tracks": ("source", "album_id", "track_id", "snapshot_date"),
    "intermediate.int_release_curves": ("source", "release_id", "basis", "snapshot_date"),
    "marts.new_release_radar": ("source", "album_id", "snapshot_date"),
    "marts.new_release_performance": ("source", "release_id", "snapshot_date"),
}


def snapshots(seed: int) -> release_data.Tables:
    """One source that goes on and one that has ended."""
    going = release_data.awkward_uploads("simulated", seed, FIRST, LAST)
    ended = release_data.awkward_uploads("ended", seed + 1, FIRST, date(2024, 5, 20))
    going["artist_snapshots"] = data.awkward_artists("simulated", seed + 2, FIRST, LAST)
    return {
        table: [row for row in rows + ended.get(table, []) if row["snapshot_date"] != LOST]
        for table, rows in going.items()
    }


@pytest.mark.parametrize("seed", [60, 70])
def test_curves_equal_the_independent_computation(new_project: Callable[[], Project], seed: int) -> None:
    found = snapshots(seed)
    project = new_project()
    load_days(project, found, FIRST, LAST)
    project.dbt("run", *SELECTED)
    expected = []
    for source in ("simulated", "ended"):
        known = releases.Releases(source, found)
        of_album = {
            row["album_id"]: row["release_id"]
            for row in project.rows("intermediate.int_release_uploads", f"source = '{source}'")
        }
        assert of_album == known.release
        assert len(set(of_album.values())) < len(of_album), "nothing was uploaded again"
        expected += releases.new_release_performance(known)
    actual = project.rows("marts.new_release_performance")
    key = ("source", "release_id", "snapshot_date")
    assert artists.differences(actual, expected, key) == []
    assert {row["popularity_basis"] for row in actual} == {"album", "tracks"}
    assert {row["popularity_seen_in"] for row in actual} == {"new releases", *releases.PLACES}
    assert any(row["popularity_is_suspect"] for row in actual)
    assert sum(row["first_week_change"] is not None for row in actual) > 100
    assert sum(row["difference_to_artist_median"] is not None for row in actual) > 100
    assert {row["first_week_change_actual_days"] for row in actual} > {6, 7}


def test_the_radar_counts_a_release_whatever_its_album_id(new_project: Callable[[], Project]) -> None:
    found = snapshots(80)
    project = new_project()
    load_days(project, found, FIRST, LAST)
    project.dbt("run", *SELECTED)
    for source in ("simulated", "ended"):
        known = releases.Releases(source, found)
        rows = project.rows("marts.new_release_radar", f"source = '{source}'")
        for row in rows:
            release = known.release[row["album_id"]]
            until = sorted(day for day in known.listed[release] if day <= row["snapshot_date"])
            first = next((v for day in until if (v := known.listed[release][day]) is not None), None)
            assert row["release_id"] == release
            assert row["first_seen_on"] == until[0]
            assert row["days_on_radar"] == len(until)
            counts = row["popularity"] is not None and not row["popularity_is_suspect"]
            change = row["popularity"] - first if counts and first is not None else None
            assert row["popularity_change_since_first_seen"] == change
        again = [row for row in rows if row["album_id"] != row["release_id"]]
        assert any(row["days_on_radar"] > 8 for row in again), "no curve was continued"


def test_day_by_day_equals_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(90)
    project = new_project()
    build_in_order(project, found, day_by_day(FIRST, LAST - 7 * DAY, LAST, LOST), ("run", *SELECTED))
    assert_equals_full_rebuild(project, BUILT, SELECTED)


def test_days_out_of_order_and_replaced_equal_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(100)
    project = new_project()
    middle = date(2024, 4, 1)
    windows = [
        [middle],
        [LAST - 3 * DAY, LAST],
        [date(2024, 4, 20)],
        [FIRST, middle + 3 * DAY],
        [FIRST, LAST],
    ]
    build_in_order(project, found, windows, ("run", *SELECTED))
    before = contents(project, BUILT)

    # An album vanishes from the day on which it was first listed, so that it and its re-uploads begin later.
    uploads = project.rows("intermediate.int_release_uploads", "source = 'simulated'")
    again = [row for row in uploads if row["album_id"] != row["release_id"]]
    begun = {row["album_id"]: row["first_listed_on"] for row in uploads}
    replaced = begun[again[-1]["release_id"]]
    for table, rows in found.items():
        project.take_away(table, replaced)
        project.load(table, [row for row in rows if row["snapshot_date"] == replaced][1::2])
    project.take_away("new_releases", replaced, f"album_id = '{again[-1]['release_id']}'")
    project.dbt("run", *SELECTED)
    assert contents(project, BUILT) != before
    assert_equals_full_rebuild(project, BUILT, SELECTED)
