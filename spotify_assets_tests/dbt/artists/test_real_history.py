"""Models on real recordings (two artists over a year, top lists of five) against independent computations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from spotify_assets_tests.dbt.artists.test_artist_trend import expected_rows
from spotify_assets_tests.dbt.artists.test_milestones import KEY as MILESTONE_KEY
from spotify_assets_tests.dbt.artists.test_milestones import expected_milestones
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.oracles import artists as reference
from spotify_assets_tests.support.shared import shared_file

pytestmark = pytest.mark.shared

ARTISTS, TOP_TRACKS = "real/artist_snapshots_2_artists.csv", "real/top_tracks_5_artists.csv.gz"


@pytest.fixture(scope="module")
def artists() -> list[dict[str, Any]]:
    return data.real_artists(shared_file(ARTISTS), "history")


@pytest.fixture(scope="module")
def tracks() -> list[dict[str, Any]]:
    return data.real_top_tracks(shared_file(TOP_TRACKS), "history")


@pytest.fixture(scope="module")
def built(
    new_project: Callable[[], Project], artists: list[dict[str, Any]], tracks: list[dict[str, Any]]
) -> Project:
    project = new_project()
    project.load("artist_snapshots", artists)
    project.load("top_tracks", tracks)
    project.dbt("run", "--select", "+artist_milestones", "+artist_breakouts", "+dim_track")
    return project


def test_real_history_equals_the_independent_computation(
    built: Project, artists: list[dict[str, Any]]
) -> None:
    expected = expected_rows(artists)
    actual = built.rows("marts.artist_popularity_trend")

    key = ("source", "artist_id", "metric", "snapshot_date")
    assert reference.differences(actual, expected, key) == []
    # 446 days of which 11 and more are missing: the grid has them, unobserved
    assert len(actual) > 2 * 866
    assert any(not row["is_observed"] for row in actual)
    of_followers = [row for row in actual if row["metric"] == "followers"]
    assert any(row["change_90_days_percent"] is not None for row in of_followers)


def test_milestones_of_real_artists_equal_the_independent_computation(
    built: Project, artists: list[dict[str, Any]]
) -> None:
    actual = built.rows("marts.artist_milestones")

    assert reference.differences(actual, list(expected_milestones(artists)), MILESTONE_KEY) == []
    reached = {(row["name"], row["metric"], row["threshold"]) for row in actual}
    assert ("Alex G", "followers", 2_000_000) in reached
    assert ("Duster", "followers", 1_000_000) in reached


def test_real_artists_that_only_grow_break_out_never(built: Project) -> None:
    assert built.rows("marts.artist_popularity_trend", "anomaly_score is not null")
    assert built.rows("marts.artist_breakouts") == []


def test_real_songs_are_one_row_whatever_their_track_ids(
    built: Project, tracks: list[dict[str, Any]]
) -> None:
    seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in tracks:
        seen.setdefault((row["artist_id"], row["track_id"]), []).append(row)
    rows = built.rows("marts.dim_track")
    of_track = {(row["artist_id"], track_id): row for row in rows for track_id in row["track_ids"]}
    assert of_track.keys() == seen.keys()
    assert len(rows) < len(seen), "no song of the recording has two track ids"
    for row in rows:
        days = [e["snapshot_date"] for t in row["track_ids"] for e in seen[row["artist_id"], t]]
        assert (row["first_seen_on"], row["last_seen_on"]) == (min(days), max(days))


def test_a_real_song_keeps_its_identity_when_its_track_id_changes(
    built: Project, tracks: list[dict[str, Any]]
) -> None:
    track_ids: dict[tuple[str, str], set[str]] = {}
    best: dict[tuple[str, str, date], int] = {}
    for row in tracks:
        track_ids.setdefault((row["artist_id"], row["name"]), set()).add(row["track_id"])
        key = (row["artist_id"], row["name"], row["snapshot_date"])
        best[key] = max(best.get(key, 0), row["popularity"])
    flapping = {song: ids for song, ids in track_ids.items() if len(ids) > 1}
    assert flapping, "no song of the recording changes its track id"

    days = built.rows("intermediate.int_song_days")
    for (artist_id, title), ids in flapping.items():
        of_song = [row for row in days if row["artist_id"] == artist_id and set(row["track_ids"]) & ids]
        assert len({row["song_id"] for row in of_song}) == 1, (artist_id, title)
        assert any(len(row["track_ids"]) > 1 for row in of_song), "never both ids on one day"
        popularity = {row["snapshot_date"]: row["popularity"] for row in of_song}
        assert popularity == {
            day: value for (a, t, day), value in best.items() if (a, t) == (artist_id, title)
        }
