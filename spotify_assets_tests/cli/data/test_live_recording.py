"""Real input, live: what Spotify once answered, served again, arrives in every table as it was recorded.

Expected values are read from the recorded files here, without any of our own parsing.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from spotify_assets_tests.support.command import Installation, contents, query, records
from spotify_assets_tests.support.shared import shared_file

pytestmark = pytest.mark.shared

UNKNOWN = "0000000000000000000000"
WITH_TOP_TRACKS = "0TnOYISbd1XYRBk9myaseg"
SECRET = "canary-secret-of-the-live-test"


@pytest.fixture
def recorded() -> Path:
    return shared_file("recorded/spotify")


@contextmanager
def replaying(mode: str) -> Iterator[str]:
    """The recorded upstream on a free port; its base URL."""
    script = shared_file("recorded/replay.py")
    with subprocess.Popen(
        [sys.executable, str(script), "--port", "0", "--mode", mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.kill()


@pytest.fixture
def live(tmp_path: Path, database: str) -> Iterator[Installation]:
    with replaying("extended") as url:
        yield installation(tmp_path, database, url)


@pytest.fixture
def development(tmp_path: Path, database: str) -> Iterator[Installation]:
    with replaying("development") as url:
        yield installation(tmp_path, database, url)


def installation(folder: Path, database: str, replay: str) -> Installation:
    variables = {
        "DATABASE_URL": database, "SPOTIFY_API_URL": f"{replay}/v1", "SPOTIFY_ACCOUNTS_URL": replay,
        "SPOTIFY_CLIENT_ID": "someone", "SPOTIFY_CLIENT_SECRET": SECRET,
    }  # fmt: skip
    return Installation(folder, variables)


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def first_of_span(text: str, precision: str) -> date:
    """2012 by year is 2012-01-01."""
    assert precision == {4: "year", 7: "month", 10: "day"}[len(text)]
    return date.fromisoformat((text + "-01-01")[:10])


def widest(images: list[dict[str, Any]]) -> str:
    return str(max(images, key=lambda image: image["width"])["url"])


def observed_columns(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in row.items() if name not in {"snapshot_date", "source", "observed_at"}
    }


def expected_artists(folder: Path) -> dict[str, dict[str, Any]]:
    recorded = [*read(folder, "artists")["artists"], read(folder, "artist")]
    return {
        artist["id"]: {
            "artist_id": artist["id"],
            "requested_id": artist["id"],
            "name": artist["name"],
            "popularity": artist["popularity"],
            "followers": artist["followers"]["total"],
            "listeners": None,
            "plays": None,
            "genres": artist["genres"],
            "image_url": widest(artist["images"]),
        }
        for artist in recorded
    }


def expected_top_tracks(folder: Path) -> dict[int, dict[str, Any]]:
    return {
        position: {
            "market": "US",
            "artist_id": WITH_TOP_TRACKS,
            "position": position,
            "track_id": track["id"],
            "isrc": track["external_ids"]["isrc"],
            "name": track["name"],
            "primary_artist_id": track["artists"][0]["id"],
            "album_id": track["album"]["id"],
            "album_name": track["album"]["name"],
            "popularity": track["popularity"],
            "rank_value": None,
            "duration_ms": track["duration_ms"],
            "explicit": track["explicit"],
            "release_date": first_of_span(
                track["album"]["release_date"], track["album"]["release_date_precision"]
            ),
            "release_date_precision": track["album"]["release_date_precision"],
        }
        for position, track in enumerate(read(folder, "artist_top_tracks")["tracks"], 1)
    }


def expected_new_releases(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        album["id"]: {
            "album_id": album["id"],
            "name": album["name"],
            "album_type": album["album_type"],
            "artist_ids": [artist["id"] for artist in album["artists"]],
            "artist_names": [artist["name"] for artist in album["artists"]],
            "release_date": first_of_span(album["release_date"], album["release_date_precision"]),
            "release_date_precision": album["release_date_precision"],
            "release_date_text": album["release_date"],
            "total_tracks": album["total_tracks"],
            # Not on the list, and of none of these albums were details recorded.
            "popularity": None,
            "label": None,
            "upc": None,
            "image_url": widest(album["images"]),
        }
        for album in read(folder, "new_releases")["albums"]["items"]
    }


def asked_urls(home: Path) -> list[str]:
    return [
        json.loads(line)["url"]
        for part in sorted(home.glob("lake/raw/**/*.jsonl.gz"))
        for line in gzip.decompress(part.read_bytes()).splitlines()
        if json.loads(line)["method"] == "GET"
    ]


def test_what_was_recorded_arrives_and_a_second_run_changes_nothing(
    live: Installation, database: str, recorded: Path
) -> None:
    artists = expected_artists(recorded)
    assert len(artists) == 4
    live.run("watch", "add", *artists, UNKNOWN).succeeded()

    before = datetime.now(UTC)
    first = live.run("materialize").succeeded()
    after = datetime.now(UTC)
    if before.date() != after.date():
        pytest.fail("midnight (UTC) passed during the test: run it again")
    assert f"missing: artist_snapshots spotify: {UNKNOWN} on {before.date()} (not found" in first.out
    assert "simulated" not in first.text.lower()

    rows = {
        table: records(database, f"select * from snapshots.{table}")
        for table in ("artist_snapshots", "top_tracks", "new_releases")
    }
    for row in (row for table in rows.values() for row in table):
        assert (row["snapshot_date"], row["source"]) == (before.date(), "spotify")
        assert before <= row["observed_at"] <= after
    assert {row["artist_id"]: observed_columns(row) for row in rows["artist_snapshots"]} == artists
    tracks = expected_top_tracks(recorded)
    assert len(tracks) == 10
    assert {row["position"]: observed_columns(row) for row in rows["top_tracks"]} == tracks
    releases = expected_new_releases(recorded)
    assert len(releases) == 20
    assert {row["album_id"]: observed_columns(row) for row in rows["new_releases"]} == releases
    assert [len(table) for table in rows.values()] == [4, 10, 20]

    check_marts(database, artists, tracks, releases)
    check_books(database)

    standing, asked = contents(database), asked_urls(live.home)
    again = live.run("materialize", "--json").succeeded().json()
    assert contents(database) == standing
    assert sum(map(len, standing.values())) > 34
    # Only what did not come is asked for once more.
    new = sorted(asked_urls(live.home))
    for url in asked:
        new.remove(url)
    received = set(artists)
    assert new
    for url in new:
        assert UNKNOWN in url or "/top-tracks" in url
        assert WITH_TOP_TRACKS not in url
        if "/artists?" in url:
            assert not any(artist in url for artist in received)
    assert {load["table"]: load["loaded"] for load in again["loads"]} == {
        "artist_snapshots": 4, "top_tracks": 10, "new_releases": 20,
    }  # fmt: skip

    status = live.run("status").succeeded()
    assert UNKNOWN in status.out
    assert SECRET not in first.text + status.text


def check_marts(
    database: str,
    artists: dict[str, dict[str, Any]],
    tracks: dict[int, dict[str, Any]],
    releases: dict[str, dict[str, Any]],
) -> None:
    trend = records(database, "select * from marts.artist_popularity_trend")
    assert {(row["artist_id"], row["metric"]): (row["name"], row["value"]) for row in trend} == {
        (key, metric): (artist["name"], artist[metric])
        for key, artist in artists.items()
        for metric in ("popularity", "followers")
    }
    by_popularity = sorted((artist["popularity"] for artist in artists.values()), reverse=True)
    assert {row["artist_id"]: row["rank"] for row in trend if row["metric"] == "popularity"} == {
        key: by_popularity.index(artist["popularity"]) + 1 for key, artist in artists.items()
    }
    assert all(row["is_observed"] and row["change_1_day"] is None for row in trend)

    songs = records(database, "select * from marts.track_popularity_trend")
    assert sorted(map(song, songs), key=str) == sorted(
        (
            (
                *("isrc", f"isrc:{track['isrc']}", track["primary_artist_id"], [track["track_id"]], ["US"]),
                *(track["name"], track["popularity"], position),
            )
            for position, track in tracks.items()
        ),
        key=str,
    )
    radar = records(database, "select * from marts.new_release_radar")
    shown = (
        "name", "album_type", "artist_ids", "artist_names", "release_date", "release_date_precision",
        "total_tracks", "label", "upc", "popularity",
    )  # fmt: skip
    assert {row["album_id"]: [row[name] for name in shown] for row in radar} == {
        key: [album[name] for name in shown] for key, album in releases.items()
    }
    watched = {row["album_id"]: row["is_watched_artist"] for row in radar}
    assert watched == {key: bool(set(album["artist_ids"]) & set(artists)) for key, album in releases.items()}


def song(row: dict[str, Any]) -> tuple[Any, ...]:
    """A song's row, without what has to be computed."""
    shown = (
        "song_id_kind",
        "song_id",
        "artist_id",
        "track_ids",
        "markets",
        "title",
        "popularity",
        "best_position",
    )
    return tuple(row[name] for name in shown)


def check_books(database: str) -> None:
    books = query(
        database,
        "select table_name, rows_requested, rows_received, rows_missing, rows_loaded, rows_quarantined "
        "from ops.current_partition_loads "
        "where table_name in ('artist_snapshots', 'new_releases', 'top_tracks') order by table_name",
    )
    assert books == [
        ("artist_snapshots", 5, 4, 1, 4, 0),
        ("new_releases", 20, 20, 0, 20, 0),
        ("top_tracks", 5, 10, 4, 10, 0),
    ]


def test_an_app_in_development_mode_gets_what_it_may_and_reasons(
    development: Installation, database: str, recorded: Path
) -> None:
    artists = expected_artists(recorded)
    development.run("watch", "add", *artists).succeeded()
    development.run("materialize").succeeded()

    hidden = dict.fromkeys(("popularity", "followers", "genres"))
    rows = records(database, "select * from snapshots.artist_snapshots")
    assert {row["artist_id"]: observed_columns(row) for row in rows} == {
        key: artist | hidden for key, artist in artists.items()
    }
    left_out = "left out of every answer of this day: this app may not see it"
    trend = records(database, "select * from marts.artist_popularity_trend")
    assert {(row["artist_id"], row["metric"]): (row["name"], row["value_null_reason"]) for row in trend} == {
        (key, metric): (artist["name"], left_out)
        for key, artist in artists.items()
        for metric in ("popularity", "followers")
    }
    assert query(database, "select count(*) from snapshots.top_tracks") == [(0,)]
    reasons = query(
        database,
        "select m.key, m.reason ->> 'code' "
        "from ops.current_partition_loads, jsonb_each(missing) as m (key, reason) "
        "where table_name = 'top_tracks'",
    )
    assert {key.partition("/")[0] for key, _ in reasons} == set(artists)
    assert {reason for _, reason in reasons} == {"refused"}

    # Albums come from each artist's own list, which was recorded of one of them, years ago.
    asked = [url for url in asked_urls(development.home) if f"/artists/{WITH_TOP_TRACKS}/albums" in url]
    assert len(asked) == 2
    assert all("limit=10" in url for url in asked)

    report = development.run("doctor", "--json").succeeded().json()
    (upstream,) = report["upstreams"]
    assert upstream["access"] == "development"
    assert upstream["calls_per_day"] == 400
    calls = upstream["tomorrow"]["calls"]
    assert (calls["artists"], calls["top_tracks"]) == (4, 0)
    assert calls["new_releases"] >= 5 + 2 * len(artists)
    told = development.run("doctor").succeeded()
    assert "Development Mode" in told.out
    assert "Nothing is wrong with your set-up" in " ".join(told.out.split())
    assert SECRET not in told.text
