"""What enters, leaves, rises and stays on charts and playlists, against an independent computation."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.command import records
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.importing import imported
from spotify_assets_tests.support.marts.rebuilding import build_in_order, day_by_day
from spotify_assets_tests.support.oracles import artists, tracks
from spotify_assets_tests.support.shared import shared_file

# a whole import is set up first
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300, func_only=True)]

DAY = timedelta(days=1)
FIRST, LAST = date(2023, 12, 13), date(2024, 2, 14)
KEY = ("source", "playlist_id", "song_id", "snapshot_date")
MODELS = ("--select", "+playlist_trends", "+playlist_weekly")
TRENDS, WEEKLY = "marts.playlist_trends", "marts.playlist_weekly"
NO_VALUE = "the source had no value for it on this day"


@pytest.fixture(scope="module")
def charts(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the daily charts of three markets over 228 days."""
    path = shared_file("real/top50_daily_3_markets_2023.csv.gz")
    with imported(database_server, tmp_path_factory.mktemp("home"), path, "2023-05-01") as url:
        yield url


@pytest.mark.shared
def test_real_charts_equal_the_independent_computation(charts: str) -> None:
    seen = records(charts, "select * from snapshots.playlist_tracks")
    assert len(seen) == 3 * 228 * 50
    trends = records(charts, f"select * from {TRENDS}")
    assert artists.differences(trends, tracks.playlist_trends(seen, NO_VALUE), KEY) == []
    weeks = records(charts, f"select * from {WEEKLY}")
    assert _differences(weeks, tracks.playlist_weekly(seen)) == []
    movements = {row["movement"] for row in trends}
    assert movements == {None, "entered", "re-entered", "rose", "fell", "stayed", "left"}
    assert {row["days_observed"] for row in weeks} == {4, 7}
    assert any(row["popularity_is_suspect"] for row in trends)


@pytest.mark.shared
def test_real_songs_stay_themselves_when_their_credits_change(charts: str) -> None:
    """Who is credited after the first artist comes and goes from one day to the next."""
    credited: dict[str, set[str]] = {}
    for row in records(charts, f"select song_id, artist_names from {TRENDS}"):
        credited.setdefault(row["song_id"], set()).add(row["artist_names"][0])
    changing = [names for names in credited.values() if len(names) > 1]
    assert {"Drake", "Drake & SZA"} in changing
    assert all(len({name.split(" & ")[0] for name in names}) == 1 for names in changing)


def awkward_charts(source: str, seed: int) -> list[dict[str, Any]]:
    """Charts with holes and lost days, songs twice on a list or without title, credits that change, dips."""
    chance = random.Random(seed)
    rows = []
    popularity = {song: chance.randrange(0, 101) for song in range(22)}
    orders = {playlist: chance.sample(range(22), 22) for playlist in ("p", "q", "r")}
    begins = {"p": FIRST, "q": FIRST + 9 * DAY, "r": FIRST + 30 * DAY}
    for day in data.days(FIRST, LAST):
        popularity = {
            song: min(100, max(0, value + chance.choice([-1, 0, 0, 0, 1])))
            for song, value in popularity.items()
        }
        for playlist, order in orders.items():
            for _ in range(3):
                first = chance.randrange(21)
                order[first], order[first + 1] = order[first + 1], order[first]
            absent = playlist == "q" and FIRST + 30 * DAY <= day < FIRST + 42 * DAY
            if day < begins[playlist] or absent or chance.random() < 0.08:
                continue
            listed = order[: chance.choice([10, 12, 12, 12])]
            if chance.random() < 0.1:
                listed[chance.randrange(3, 9)] = listed[1]
            for position, song in enumerate(listed, start=1):
                # the list begins incomplete, and has holes now and then
                begun = (day - begins[playlist]).days
                if position == 4 and (begun < 4 or chance.random() < 0.1):
                    continue
                rows.append(_entry(chance, source, playlist, day, position, song, popularity[song]))
    return rows


def _entry(
    chance: random.Random, source: str, playlist: str, day: date, position: int, song: int, popularity: int
) -> dict[str, Any]:
    kind = ("isrc", "id", "name", "track", "untitled", "nothing")[min(song % 6, 5 if song < 20 else 2)]
    told = kind != "nothing" or chance.random() < 0.9
    artist = f"The Ä {song % 4}"
    credit = chance.choice([[artist], [f"{artist.upper()} & Guest"], [f"{artist}!", "Other"]])
    titled = kind in {"isrc", "id", "name", "nothing"} and told
    return {
        "snapshot_date": day,
        "source": source,
        "playlist_id": playlist,
        "position": position,
        "playlist_name": chance.choice([f"List {playlist}", None]) if position == 1 else f"List {playlist}!",
        "market": chance.choice(["SE", None]) if playlist == "p" else None,
        "track_id": f"t{song}{chance.choice('xy') if kind != 'track' else ''}"
        if kind in {"isrc", "track"}
        else None,
        "isrc": f"SE-ABC-24-{song:05}" if kind == "isrc" else None,
        "name": chance.choice(["Söng {} - Live", "SöNG {} [Remastered 2009]", "söng {}"]).format(song)
        if titled
        else chance.choice(["", None]),
        "artist_ids": [f"a{song % 4}", "other"] if kind in {"isrc", "id"} else None,
        "artist_names": credit if told else None,
        "popularity": chance.choices([popularity, 0, None], weights=[80, 15, 5])[0],
        "duration_ms": 200_000 + 10_000 * song + (0 if kind == "untitled" else chance.randrange(4000)),
        "release_date": date(2023, 11, 1) + song * DAY,
        "release_date_precision": "month" if song % 5 == 0 else "day",
        "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
    }


def _differences(actual: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    return artists.differences(tracks.rounded(actual), tracks.rounded(expected), KEY)


def _assert_as_computed(project: Project, rows: list[dict[str, Any]]) -> None:
    trends = tracks.playlist_trends(rows, NO_VALUE)
    assert _differences(project.rows(TRENDS), trends) == []
    assert _differences(project.rows(WEEKLY), tracks.playlist_weekly(rows)) == []


def test_awkward_charts_equal_the_independent_computation(new_project: Callable[[], Project]) -> None:
    rows = awkward_charts("simulated", 17) + awkward_charts("other", 18)
    project = new_project()
    project.load("playlist_tracks", rows)
    # a test of another mart that reads the same tables is not asked for
    project.dbt("build", *MODELS, "--indirect-selection", "cautious")
    _assert_as_computed(project, rows)
    trends, weeks = project.rows(TRENDS), project.rows(WEEKLY)
    assert {row["movement"] for row in trends} == {
        None,
        "entered",
        "re-entered",
        "rose",
        "fell",
        "stayed",
        "left",
    }
    assert {row["song_id_kind"] for row in trends} == {"isrc", "title", "track", "untitled"}
    assert {row["list_is_complete"] for row in trends} == {True, False}
    patient = [row for row in trends if row["previous_seen_on"] and row["previous_observed_on"]]
    assert any(
        row["previous_seen_on"] < row["previous_observed_on"] and row["position_change"] for row in patient
    )
    assert any(row["popularity_change_7_days"] for row in trends)
    assert any(row["popularity_observed_days"] < row["days_on_list"] for row in weeks)
    assert any(row["week_rank_change"] for row in weeks)
    assert {"2023-W52", "2024-W01"} <= {row["iso_week"] for row in weeks}

    # whatever days are loaded in whatever order
    middle = date(2024, 1, 10)
    windows = [[middle], [LAST - 3 * DAY, LAST], [FIRST, middle + 3 * DAY], [FIRST, LAST]]
    other = new_project()
    build_in_order(other, {"playlist_tracks": rows}, windows, ("run", *MODELS))
    assert other.rows(TRENDS) == trends
    assert other.rows(WEEKLY) == weeks

    # a day that is taken back
    gone = date(2024, 1, 24)
    project.take_away("playlist_tracks", gone, "source = 'other'")
    project.dbt("run", *MODELS)
    _assert_as_computed(
        project, [row for row in rows if (row["snapshot_date"], row["source"]) != (gone, "other")]
    )


def test_charts_day_by_day_equal_those_built_at_once(new_project: Callable[[], Project]) -> None:
    """As they are built from day to day, one day lost on the way."""
    rows = awkward_charts("simulated", 19)
    lost = LAST - 3 * DAY
    project = new_project()
    rows = [row for row in rows if row["snapshot_date"] != lost]
    windows = day_by_day(min(row["snapshot_date"] for row in rows), LAST - 8 * DAY, LAST, lost)
    build_in_order(project, {"playlist_tracks": rows}, windows, ("run", *MODELS))
    _assert_as_computed(project, rows)
