"""How artists' top lists change, against an independent computation: a real recording, and awkward lists."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.command import records
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.importing import imported
from spotify_assets_tests.support.marts.rebuilding import build_in_order
from spotify_assets_tests.support.oracles import artists, tracks
from spotify_assets_tests.support.shared import shared_file

# a whole import is set up first
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300, func_only=True)]

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 2, 1), date(2024, 4, 10)
KEY = ("source", "market", "artist_id", "snapshot_date")
MODELS = ("--select", "+top_track_churn")


@pytest.fixture(scope="module")
def recording(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the recorded top lists of five artists, several runs a day."""
    path = shared_file("real/top_tracks_5_artists.csv.gz")
    with imported(database_server, tmp_path_factory.mktemp("home"), path, "2025-08-01") as url:
        yield url


@pytest.mark.shared
def test_churn_of_real_lists_equals_the_independent_computation(recording: str) -> None:
    seen = records(recording, "select * from snapshots.top_tracks")
    actual = records(recording, "select * from marts.top_track_churn")
    expected = tracks.top_track_churn(seen)
    assert artists.differences(actual, expected, KEY) == []
    assert len(actual) == 5 * len({row["snapshot_date"] for row in seen})
    assert {row["actual_days"] for row in actual} == {None, 6, 7, 8}


def flapping_lists() -> list[dict[str, Any]]:
    """The recording with the second week observed when songs had another track id than at the end of the day.

    Songs flap for single runs, so the last runs of all days happen to agree in their track ids.
    """
    frame = pd.read_csv(shared_file("real/top_tracks_5_artists.csv.gz"))
    frame["track_id"] = frame["track_url"].str.rsplit("/", n=1).str[-1]
    frame["day"] = frame["timestamp"].str[:10]
    rows = []
    for (artist, day), of_day in frame.groupby(["artist_name", "day"]):
        runs = [run for _, run in of_day.groupby("timestamp")]
        others = [run for run in runs if {*run["track_id"]} != {*runs[-1]["track_id"]}]
        chosen = others[-1] if others and str(day) >= "2025-08-18" else runs[-1]
        rows += [
            data.top_track(
                "history",
                str(artist),
                date.fromisoformat(str(day)),
                position,
                track_id=entry["track_id"],
                name=entry["track_name"],
                popularity=entry["track_popularity"],
            )
            for position, entry in enumerate(chosen.to_dict("records"), start=1)
        ]
    return rows


@pytest.mark.shared
def test_real_songs_that_flap_between_track_ids_are_no_churn(new_project: Callable[[], Project]) -> None:
    """By track ids there would be churn, and the same titles stand on both lists."""
    seen = flapping_lists()
    project = new_project()
    project.load("top_tracks", seen)
    project.dbt("run", *MODELS)
    tops: dict[tuple[str, date], dict[str, str]] = {}
    for row in seen:
        tops.setdefault((row["artist_id"], row["snapshot_date"]), {})[row["track_id"]] = row["name"]
    actual = project.rows("marts.top_track_churn")
    assert artists.differences(actual, tracks.top_track_churn(seen), KEY) == []
    flapped = 0
    for row in actual:
        if row["churn"] is not None:
            now = tops[row["artist_id"], row["snapshot_date"]]
            then = tops[row["artist_id"], row["compared_with"]]
            assert sorted(now.values()) == sorted(then.values()), "the recording has real churn"
            flapped += now.keys() != then.keys()
            assert (row["churn"], row["entered_titles"], row["left_titles"]) == (0, [], [])
    assert flapped > 10, "too few lists differ in their track ids to prove anything"


def awkward_lists(source: str, seed: int) -> list[dict[str, Any]]:
    """Songs that come and go, twice on a list, under other track ids; holes, short lists and lost days."""
    chance = random.Random(seed)
    rows = []
    for artist in ("a00", "a01", "a02"):
        order = list(range(16))
        for day in data.days(FIRST, LAST):
            if chance.random() < 0.4:
                first, second = chance.sample(range(13), 2)
                order[first], order[second] = order[second], order[first]
            for market in ("SE", "US"):
                if chance.random() < 0.1:
                    continue
                length = chance.choices([12, 10, 9], weights=[70, 25, 5])[0]
                listed = order[:length]
                if chance.random() < 0.15:
                    listed[chance.randrange(2, length)] = listed[0]
                for position, song in enumerate(listed, start=1):
                    if chance.random() < 0.004:
                        continue
                    told = chance.choices(["isrc", "title", None], weights=[50, 50, int(song == 15)])[0]
                    rows.append(_entry(chance, source, artist, market, day, position, song, told))
    return rows


def _entry(
    chance: random.Random,
    source: str,
    artist: str,
    market: str,
    day: date,
    position: int,
    song: int,
    told: str | None,
) -> dict[str, Any]:
    by_isrc = song % 2 == 0 and told is not None
    title = chance.choice(["Söng {} – Live", "SöNG {}", "Söng {} (feat. B)", "Söng {} feat. C & D"]).format(
        song
    )
    return data.top_track(
        source,
        artist,
        day,
        position,
        market=market,
        track_id=chance.choice([f"t{song}x", f"t{song}y", None]) if told else None,
        isrc=chance.choice(["se-abc-24-{:05}", "SEABC24{:05}"]).format(song) if by_isrc else None,
        name=title if told else None,
        popularity=chance.choice([10, 20, 20, None]),
        duration_ms=(200_000 + 10_000 * (song % 3) + chance.randrange(4000)) if told else None,
    )


def test_churn_of_awkward_lists_equals_the_independent_computation(
    new_project: Callable[[], Project],
) -> None:
    rows = awkward_lists("simulated", 7) + awkward_lists("other", 8)
    project = new_project()
    project.load("top_tracks", rows)
    # a test of another mart that reads the same tables is not asked for
    project.dbt("build", *MODELS, "--indirect-selection", "cautious")
    actual = project.rows("marts.top_track_churn")
    assert artists.differences(actual, tracks.top_track_churn(rows), KEY) == []
    reasons = {row["churn_null_reason"] for row in actual}
    assert len(reasons) == 4, reasons
    assert {row["actual_days"] for row in actual} == {None, 6, 7, 8}
    assert any(row["songs"] < 10 and row["churn"] is not None for row in actual), "no song was listed twice"
    assert any(row["songs_climbed"] and row["songs_fallen"] and row["songs_entered"] for row in actual)

    # whatever days are loaded in whatever order
    middle = date(2024, 3, 1)
    windows = [[middle], [LAST - 3 * DAY, LAST], [FIRST, middle + 3 * DAY], [FIRST, LAST]]
    other = new_project()
    build_in_order(other, {"top_tracks": rows}, windows, ("run", *MODELS))
    assert other.rows("marts.top_track_churn") == actual

    # a day that is taken back
    gone = date(2024, 3, 20)
    project.take_away("top_tracks", gone, "source = 'other'")
    project.dbt("run", *MODELS)
    left = [row for row in rows if (row["snapshot_date"], row["source"]) != (gone, "other")]
    rebuilt = project.rows("marts.top_track_churn")
    assert rebuilt != actual
    assert artists.differences(rebuilt, tracks.top_track_churn(left), KEY) == []
