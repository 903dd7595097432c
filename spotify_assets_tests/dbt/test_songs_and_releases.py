"""Songs, their trend, and the radar of new releases, against independent computations."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from spotify_assets_tests.dbt import data, reference
from spotify_assets_tests.dbt.conftest import SHARED_REAL, Project

REAL = SHARED_REAL / "top_tracks_5_artists.csv.gz"
FIRST, LAST = date(2024, 2, 1), date(2024, 4, 15)


@pytest.fixture(scope="module")
def snapshots() -> dict[str, list[dict[str, Any]]]:
    return {
        "artist_snapshots": data.awkward_artists("simulated", 51, FIRST, LAST),
        "top_tracks": data.awkward_tracks("simulated", 52, FIRST, LAST),
        "new_releases": data.awkward_releases("simulated", 53, FIRST, LAST),
    }


@pytest.fixture(scope="module")
def built(new_project: Callable[[], Project], snapshots: dict[str, list[dict[str, Any]]]) -> Project:
    project = new_project()
    for table, rows in snapshots.items():
        project.load(table, rows)
    if REAL.exists():
        project.load("top_tracks", data.real_top_tracks(REAL, "history"))
    project.dbt("run")
    return project


def test_track_trend_equals_the_independent_computation(
    built: Project, snapshots: dict[str, list[dict[str, Any]]]
) -> None:
    by_song: dict[str, dict[date, list[dict[str, Any]]]] = {}
    for entry in snapshots["top_tracks"]:
        song = re.sub(r"\D", "", entry["track_id"])  # the test data's own knowledge of which song it is
        by_song.setdefault(song, {}).setdefault(entry["snapshot_date"], []).append(entry)
    actual = built.rows("marts.track_popularity_trend", "source = 'simulated'")
    song_of = {row["song_id"]: re.sub(r"\D", "", row["track_ids"][0]) for row in actual}
    assert len(song_of) == len(by_song) == 14, "songs were split or merged"

    expected = []
    for song_id, song in song_of.items():
        entries = by_song[song]
        series = {
            day: max((e["popularity"] for e in seen if e["popularity"] is not None), default=None)
            for day, seen in entries.items()
        }
        for day, seen in entries.items():
            expected.append(
                {
                    "source": "simulated",
                    "song_id": song_id,
                    "snapshot_date": day,
                    "song_id_kind": "isrc" if int(song) % 2 == 0 else "title",
                    "artist_id": "a00",
                    "track_ids": sorted({entry["track_id"] for entry in seen}),
                    "markets": sorted({entry["market"] for entry in seen}),
                    "best_position": min(entry["position"] for entry in seen),
                    "popularity": series[day],
                    "popularity_null_reason": reference.null_reason(series[day], observed=True),
                    "popularity_is_suspect": reference.is_suspect(series, day),
                    "formula_version": 1,
                }
                | reference.series_metrics("popularity", series, day, (1, 7, 28), percent=False)
            )
    titles = [row.pop("title") for row in actual]
    assert all(titles)
    key = ("source", "song_id", "snapshot_date")
    assert reference.differences(actual, expected, key) == []
    assert any(row["popularity_is_suspect"] for row in actual)
    assert any(row["popularity_average_28_days"] is not None for row in actual)


def test_a_real_song_keeps_its_identity_when_its_track_id_changes(built: Project) -> None:
    if not REAL.exists():
        pytest.skip("shared/real/top_tracks_5_artists.csv.gz absent")
    rows = data.real_top_tracks(REAL, "history")
    track_ids: dict[tuple[str, str], set[str]] = {}
    best: dict[tuple[str, str, date], int] = {}
    for row in rows:
        track_ids.setdefault((row["artist_id"], row["name"]), set()).add(row["track_id"])
        key = (row["artist_id"], row["name"], row["snapshot_date"])
        best[key] = max(best.get(key, 0), row["popularity"])
    flapping = {song: ids for song, ids in track_ids.items() if len(ids) > 1}
    assert flapping, "no song of the recording changes its track id"

    days = built.rows("intermediate.int_song_days", "source = 'history'")
    for (artist_id, title), ids in flapping.items():
        of_song = [row for row in days if row["artist_id"] == artist_id and set(row["track_ids"]) & ids]
        assert len({row["song_id"] for row in of_song}) == 1, (artist_id, title)
        assert any(len(row["track_ids"]) > 1 for row in of_song), "never both ids on one day"
        popularity = {row["snapshot_date"]: row["popularity"] for row in of_song}
        assert popularity == {
            day: value for (a, t, day), value in best.items() if (a, t) == (artist_id, title)
        }


def test_radar_equals_the_independent_computation(
    built: Project, snapshots: dict[str, list[dict[str, Any]]]
) -> None:
    artists: dict[str, dict[date, dict[str, Any]]] = {}
    for row in snapshots["artist_snapshots"]:
        artists.setdefault(row["artist_id"], {})[row["snapshot_date"]] = row
    albums: dict[str, dict[date, dict[str, Any]]] = {}
    for row in snapshots["new_releases"]:
        albums.setdefault(row["album_id"], {})[row["snapshot_date"]] = row

    def best(metric: str, ids: list[str], day: date) -> int | None:
        values = []
        for artist_id in ids:
            series = {seen: row[metric] for seen, row in artists.get(artist_id, {}).items()}
            if series.get(day) is not None and not reference.is_suspect(series, day):
                values.append(series[day])
        return max(values, default=None)

    expected = []
    for album_id, seen in albums.items():
        series = {day: row["popularity"] for day, row in seen.items()}
        for day, row in seen.items():
            until = sorted(other for other in seen if other <= day)
            first = next((series[other] for other in until if series[other] is not None), None)
            suspect = reference.is_suspect(series, day)
            comparable = series[day] is not None and first is not None and not suspect
            expected.append(
                {
                    "source": "simulated",
                    "album_id": album_id,
                    "snapshot_date": day,
                    "name": row["name"],
                    "album_type": "album",
                    "artist_ids": row["artist_ids"],
                    "artist_names": row["artist_names"],
                    "release_date": row["release_date"],
                    "release_date_precision": row["release_date_precision"],
                    "days_since_release": (day - row["release_date"]).days
                    if row["release_date_precision"] == "day"
                    else None,
                    "total_tracks": None,
                    "label": None,
                    "upc": None,
                    "first_seen_on": until[0],
                    "days_on_radar": len(until),
                    "popularity": series[day],
                    "popularity_null_reason": reference.null_reason(series[day], observed=True),
                    "popularity_is_suspect": suspect,
                    "popularity_change_since_first_seen": series[day] - first if comparable else None,
                    "best_artist_popularity": best("popularity", row["artist_ids"], day),
                    "best_artist_followers": best("followers", row["artist_ids"], day),
                    "is_watched_artist": any(day in artists.get(a, {}) for a in row["artist_ids"]),
                    "formula_version": 1,
                }
            )
    actual = built.rows("marts.new_release_radar")
    assert reference.differences(actual, expected, ("source", "album_id", "snapshot_date")) == []
    assert {row["is_watched_artist"] for row in actual} == {True, False}
    assert any(row["popularity_is_suspect"] for row in actual)
