"""Songs, their trend, and the radar of new releases, against independent computations."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.oracles import artists as reference
from spotify_assets_tests.support.oracles import tracks

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
    project.load("top_tracks", peers("peers", 54))
    project.dbt("run")
    return project


def peers(source: str, seed: int) -> list[dict[str, Any]]:
    """Sixty songs of about the same popularity; most days repeat the day before, some rise or dip to 0."""
    chance = random.Random(seed)
    rows = []
    for song in range(60):
        popularity = chance.choice([44, 45, 46, 47, 55, 56])
        rises = chance.choice([None, FIRST + chance.randrange(35, 60) * data.DAY])
        for day in data.days(FIRST + chance.choice([0, 0, 20]) * data.DAY, LAST):
            popularity += chance.choices([0, 1, -1], weights=[83, 9, 8])[0]
            popularity += 2 * (rises is not None and rises <= day < rises + 6 * data.DAY)
            if chance.random() < 0.05:
                continue
            rows.append(
                data.top_track(
                    source,
                    f"a{song // 10}",
                    day,
                    song % 10 + 1,
                    track_id=f"t{song}",
                    name=f"Song {song}",
                    popularity=chance.choices([popularity, 0, None], weights=[95, 4, 1])[0],
                    release_date=FIRST - song * data.DAY,
                    release_date_precision="day" if song % 3 else "month",
                )
            )
    return rows


def test_songs_are_neither_split_nor_merged(built: Project) -> None:
    actual = built.rows("marts.track_popularity_trend", "source = 'simulated'")
    # the test data's own knowledge of which song it is
    song_of = {
        row["song_id"]: {re.sub(r"\D", "", track_id) for track_id in row["track_ids"]} for row in actual
    }
    assert sorted(song_of.values(), key=min) == sorted(({str(song)} for song in range(14)), key=min)


def test_track_trend_equals_the_independent_computation(
    built: Project, snapshots: dict[str, list[dict[str, Any]]]
) -> None:
    seen = [*snapshots["top_tracks"], *peers("peers", 54)]
    actual = built.rows("marts.track_popularity_trend")
    expected = tracks.track_popularity_trend(seen, "the source had no value for it on this day")
    key = ("source", "song_id", "snapshot_date")
    differing = reference.differences(tracks.rounded(actual), tracks.rounded(expected), key)
    assert differing == []
    assert any(row["popularity_is_suspect"] for row in actual)
    assert any(row["popularity_average_28_days"] is not None for row in actual)
    assert sum(row["popularity_is_anomaly"] for row in actual) > 10
    assert any((row["popularity_momentum"] or 0) > 2 for row in actual)
    reasons = {row["popularity_momentum_null_reason"] for row in actual}
    assert {None, "insufficient_observations", "insufficient_peers"} <= reasons


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
                    "release_id": album_id,
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
