"""Awkward releases for the tests: uploaded again, with codes that show late, tracks seen here and there."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from spotify_assets_tests.support.marts import data

DAY = timedelta(days=1)
Tables = dict[str, list[dict[str, Any]]]


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def album_track(
    source: str, album_id: str, day: date, number: int, track_id: str | None, **columns: Any
) -> dict[str, Any]:
    """A row of snapshots.album_tracks."""
    row: dict[str, Any] = {
        "snapshot_date": day,
        "source": source,
        "album_id": album_id,
        "disc_number": 1,
        "track_number": number,
        "track_id": track_id,
        "observed_at": _at(day),
    }
    return row | columns


def track_detail(source: str, track_id: str, day: date, **columns: Any) -> dict[str, Any]:
    """A row of snapshots.track_details."""
    row: dict[str, Any] = {
        "snapshot_date": day,
        "source": source,
        "track_id": track_id,
        "isrc": None,
        "artist_ids": None,
        "artist_names": None,
        "album_id": None,
        "popularity": None,
        "release_date": None,
        "release_date_precision": None,
        "observed_at": _at(day),
    }
    return row | columns


def playlist_track(source: str, day: date, position: int, **columns: Any) -> dict[str, Any]:
    """A row of snapshots.playlist_tracks."""
    row: dict[str, Any] = {
        "snapshot_date": day,
        "source": source,
        "playlist_id": "chart",
        "position": position,
        "track_id": None,
        "isrc": None,
        "album_id": None,
        "popularity": None,
        "observed_at": _at(day),
    }
    return row | columns


FEATURES = (
    "acousticness",
    "danceability",
    "duration_ms",
    "energy",
    "instrumentalness",
    "liveness",
    "loudness",
    "mode",
    "speechiness",
    "tempo",
    "time_signature",
    "valence",
)


def audio_feature(source: str, track_id: str, day: date, **columns: Any) -> dict[str, Any]:
    """A row of snapshots.audio_features."""
    row: dict[str, Any] = {
        "snapshot_date": day,
        "source": source,
        "track_id": track_id,
        **dict.fromkeys(FEATURES),
        "observed_at": _at(day),
    }
    return row | columns


def _disturbed(chance: random.Random, value: int) -> int | None:
    return chance.choices([value, 0, None], weights=[82, 12, 6])[0]


def awkward_uploads(source: str, seed: int, first: date, last: date) -> Tables:
    """Five artists who release often, under several album ids, with and without codes, and their tracks."""
    chance = random.Random(seed)
    tables: Tables = {
        table: []
        for table in ("new_releases", "top_tracks", "playlist_tracks", "album_tracks", "track_details")
    }
    albums: list[dict[str, Any]] = []
    span = (last - first).days
    for number in range(40):
        artist = f"a{number % 5:02}"
        released = first + chance.randrange(-3, span) * DAY
        shared = {
            "number": number,
            "artist": artist,
            "released": released,
            "precision": chance.choices(["day", "month"], weights=[9, 1])[0],
            "upc": chance.choice([None, f"{7000 + number}"]),
            "codes_late": chance.random() < 0.3,
            "tracks": chance.randrange(1, 4),
            "level": chance.randrange(5, 80),
            "album_type": chance.choice(["album", "single"]),
        }
        for upload in range(chance.choice([1, 1, 2, 3])):
            code = shared["upc"]
            if upload and chance.random() < 0.3:
                code = chance.choice([None, f"{9000 + number}"])
            albums.append(
                shared
                | {
                    "album_id": f"r{number:02}{chance.choice('xyz')}{upload}",
                    "upc": code,
                    "appears": released + chance.choice([-2, 0, 0, 1, 3, 9, 20]) * (upload + 1) * DAY,
                    "title": chance.choice(
                        ["Album {}", "ALBUM {}!", "Album {} (feat. B)", "Record {}", "Album {}"]
                    ).format(number),
                    "told": chance.choice([0, 0, 0, 2, None]),
                }
            )
    for album in albums:
        _list_album(chance, tables, source, album, first, last)
    _list_tracks(chance, tables, source, albums, first, last)
    return tables


def _list_album(
    chance: random.Random, tables: Tables, source: str, album: dict[str, Any], first: date, last: date
) -> None:
    start = max(first, album["appears"])
    for age, day in enumerate(data.days(start, min(last, start + chance.randrange(3, 16) * DAY))):
        if chance.random() < 0.12:
            continue
        upc = None if album["codes_late"] and age < 2 else album["upc"]
        tables["new_releases"].append(
            data.new_release(
                source,
                album["album_id"],
                day,
                name=album["title"],
                album_type=album["album_type"],
                artist_ids=[album["artist"], chance.choice(["a01", "unseen"])],
                artist_names=[f"Artist {album['artist']}", "Other"],
                release_date=album["released"],
                release_date_precision=album["precision"],
                total_tracks=album["tracks"],
                upc=upc and upc.zfill(chance.choice([4, 12])),
                popularity=_disturbed(chance, min(100, album["level"] + age)),
            )
        )
        if age == album["told"]:
            for number in range(1, album["tracks"] + 1):
                track_id = f"{album['album_id']}t{number}"
                tables["album_tracks"].append(album_track(source, album["album_id"], day, number, track_id))
                if chance.random() < 0.7:
                    tables["track_details"].append(
                        track_detail(
                            source,
                            track_id,
                            day,
                            isrc=f"I{album['number']:02}{number}",
                            album_id=album["album_id"],
                            popularity=chance.choice([None, 0, album["level"]]),
                        )
                    )


def _list_tracks(
    chance: random.Random, tables: Tables, source: str, albums: list[dict[str, Any]], first: date, last: date
) -> None:
    for day in data.days(first, last):
        if chance.random() < 0.05:
            continue
        current = [album for album in albums if -2 <= (day - album["released"]).days <= 95]
        for position, album in enumerate(chance.sample(current, min(len(current), 12)), start=1):
            number = chance.randrange(1, album["tracks"] + 1)
            shown = chance.choice(["all", "album", "track", "recording"])
            columns = {
                "track_id": f"{album['album_id']}t{number}"
                if shown in {"all", "track"}
                else f"other{position}",
                "album_id": album["album_id"] if shown in {"all", "album"} else None,
                "isrc": f"i-{album['number']:02}{number}" if shown in {"all", "recording"} else None,
                "popularity": _disturbed(chance, min(100, album["level"] + chance.randrange(6))),
            }
            if chance.random() < 0.7:
                tables["top_tracks"].append(
                    data.top_track(source, album["artist"], day, position, name=f"Song {position}", **columns)
                )
            else:
                tables["playlist_tracks"].append(playlist_track(source, day, position, **columns))
