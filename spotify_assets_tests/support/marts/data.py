"""Snapshots for the tests: real ones where they are at hand, and awkward ones from fixed seeds."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

DAY = timedelta(days=1)


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last, both included."""
    day = first
    while day <= last:
        yield day
        day += DAY


def artist(
    source: str,
    artist_id: str,
    day: date,
    *,
    popularity: int | None = None,
    followers: int | None = None,
    listeners: int | None = None,
    plays: int | None = None,
    name: str = "",
) -> dict[str, Any]:
    """A row of snapshots.artist_snapshots."""
    return {
        "snapshot_date": day,
        "source": source,
        "artist_id": artist_id,
        "requested_id": artist_id,
        "name": name or f"Artist {artist_id}",
        "popularity": popularity,
        "followers": followers,
        "listeners": listeners,
        "plays": plays,
        "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
    }


def awkward_artists(source: str, seed: int, first: date, last: date) -> list[dict[str, Any]]:
    """Twelve artists with gaps, dips to 0, nulls, ties, late joiners and long absences."""
    chance = random.Random(seed)
    rows = []
    lost_days = {day for day in days(first, last) if chance.random() < 0.04}
    for number in range(12):
        popularity = chance.choice([0, 1, 50, 50, 50, 99, 100])
        followers = chance.choice([0, 10, 1000, 5_000_000_000])
        joins = first if number < 6 else first + chance.randrange((last - first).days) * DAY
        gap_from = first + chance.randrange((last - first).days) * DAY
        gap = chance.choice([0, 1, 3, 9, 30, 100])
        for day in days(joins, last):
            popularity = min(100, max(0, popularity + chance.choice([-1, 0, 0, 0, 1])))
            followers = max(0, followers + chance.randrange(-3, 9))
            absent = gap_from <= day < gap_from + gap * DAY
            if day in lost_days or absent or chance.random() < 0.06:
                continue
            rows.append(
                artist(
                    source,
                    f"a{number:02}",
                    day,
                    popularity=_disturbed(chance, popularity),
                    followers=_disturbed(chance, followers),
                    name=chance.choice([f"Artist {number}", f"ARTIST {number}"]),
                )
            )
    return rows


def _disturbed(chance: random.Random, value: int, *, often: int = 10) -> int | None:
    """The value, or in so many of a hundred cases 0, or half as often nothing."""
    return chance.choices([value, 0, None], weights=[100 - 1.5 * often, often, often / 2])[0]


def crowd(source: str, seed: int, first: date, last: date, *, artists: int = 28) -> list[dict[str, Any]]:
    """Artists of about one size, enough of them to be peers, some of whom rise, jump, join late or show once.

    Their popularity wanders within the forties, but for two at the ends of the range; they all have the same
    followers, until some gain more.
    """
    chance = random.Random(seed)
    lost_days = {day for day in days(first, last) if chance.random() < 0.03}
    count = (last - first).days + 1
    rows = []
    for number in range(artists):
        # the crowd is too small at first, and grows past what is enough
        joins = 0 if number < 16 else chance.randrange(1, count // 3)
        popularity = {2: 0, 3: 100}.get(number, chance.randrange(43, 47))
        gap_from, gap = chance.randrange(count), chance.choice([0, 0, 0, 2, 8, 25]) if number > 5 else 0
        for day in list(days(first, last))[joins:]:
            n = (day - first).days
            if number not in (2, 3, 4):
                wish = chance.choice([-1, 0, 0, 0, 0, 0, 0, 1])
                popularity = min(48, max(41, popularity + wish))
            shown, followers = popularity, 5000
            if number == 0 and n > 0.6 * count:  # climbs out of the band, a point a day
                shown = min(90, popularity + round(n - 0.6 * count))
            if number in (1, 4, 5) and n > (0.7 + number / 50) * count:  # jumps once, up or down
                shown = 40 if number == 5 else 49
            if n > 0.8 * count and number < 3:  # when some begin to be followed more
                followers += number * (n - int(0.8 * count)) ** 2
            shows_once = number == artists - 1 and day != first + joins * DAY
            absent = gap_from <= n < gap_from + gap
            if shows_once or day in lost_days or absent or chance.random() < 0.03:
                continue
            rows.append(
                artist(
                    source,
                    f"c{number:02}",
                    day,
                    popularity=_disturbed(chance, shown, often=2),
                    followers=_disturbed(chance, followers, often=1),
                )
            )
    return rows


def listeners_and_plays(
    source: str, seed: int, first: date, last: date, *, artists: int = 24
) -> list[dict[str, Any]]:
    """An open source: artists of one size with listeners and, some days later, counts of plays.

    The counts stand still and fall, for a day or for good; days are missing.
    """
    chance = random.Random(seed)
    lost_days = {day for day in days(first, last) if chance.random() < 0.04}
    rows = []
    for number in range(artists):
        listeners, plays = chance.randrange(2000, 6000), chance.randrange(10_000, 1_000_000)
        pace = chance.randrange(150, 700) if number else 0
        for day in days(first, last):
            n = (day - first).days
            listeners += chance.randrange(-30, 31) + (50 if number == 5 and n > 60 else 0)
            rising = number in (1, 2) and n > 90
            plays += chance.randrange(pace, pace + 40) * (4 if rising else 1) if pace else n // 40
            if chance.random() < 0.004:  # counted anew, for good
                plays = plays // 2
            if day in lost_days or chance.random() < 0.06:
                continue
            told = chance.choices([plays, plays // 3, None], weights=[96, 2, 2])[0]
            rows.append(
                artist(
                    source,
                    f"o{number:02}",
                    day,
                    listeners=_disturbed(chance, listeners, often=2),
                    plays=told if n >= 5 else None,
                )
            )
    return rows


def real_artists(path: Path, source: str) -> list[dict[str, Any]]:
    """The recorded observations of two artists; of a UTC day's observations the last counts."""
    frame = pd.read_csv(path)
    frame = frame.sort_values("ts_utc").drop_duplicates(["date_utc", "artist_id"], keep="last")
    return [
        artist(
            source,
            str(row["artist_id"]),
            date.fromisoformat(row["date_utc"]),
            popularity=int(row["popularity"]),
            followers=int(row["followers"]),
            name=str(row["name"]),
        )
        for row in frame.to_dict("records")
    ]


def top_track(source: str, artist_id: str, day: date, position: int, **columns: Any) -> dict[str, Any]:
    """A row of snapshots.top_tracks."""
    row: dict[str, Any] = {
        "snapshot_date": day,
        "source": source,
        "market": "US",
        "artist_id": artist_id,
        "position": position,
        "track_id": None,
        "isrc": None,
        "name": None,
        "primary_artist_id": artist_id,
        "popularity": None,
        "duration_ms": None,
        "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
    }
    return row | columns


def awkward_tracks(source: str, seed: int, first: date, last: date) -> list[dict[str, Any]]:
    """Songs that come and go, under two track ids each, in two markets, with dips to 0 and nulls."""
    chance = random.Random(seed)
    rows = []
    level = {song: chance.randrange(0, 101) for song in range(14)}
    for day in days(first, last):
        level = {
            song: min(100, max(0, value + chance.choice([-1, 0, 0, 1]))) for song, value in level.items()
        }
        for market in ("SE", "US"):
            if chance.random() < 0.05:
                continue
            listed = [song for song in level if chance.random() < 0.75]
            for position, song in enumerate(listed, start=1):
                isrc = chance.choice(["US-ABC-24-{:05}", "usabc24{:05}"]).format(song)
                title = chance.choice(["Song {}", "Song {} - 2011 Remaster", "song {} (feat. B)"])
                rows.append(
                    top_track(
                        source,
                        "a00",
                        day,
                        position,
                        market=market,
                        track_id=f"t{song}{chance.choice('xy')}",
                        isrc=isrc if song % 2 == 0 else None,
                        name=title.format(song),
                        popularity=_disturbed(chance, level[song]),
                        duration_ms=200_000 + chance.choice([0, 900]),
                    )
                )
    return rows


def real_top_tracks(path: Path, source: str) -> list[dict[str, Any]]:
    """The recorded top lists of five artists: of each UTC day the last run.

    The lists were taken every half hour, and a song's second track id shows in few of them: where an
    earlier run of the day has a track id that the last one lacks, it stands in as another market's list.
    """
    with gzip.open(path, "rt", newline="") as file:
        records = list(csv.DictReader(file))
    runs: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for record in records:
        day_runs = runs.setdefault((record["artist_name"], record["timestamp"][:10]), {})
        day_runs.setdefault(record["timestamp"], []).append(record)
    rows = []
    for (artist_name, day), day_runs in runs.items():
        last = day_runs[max(day_runs)]
        known = {record["track_url"] for record in last}
        other = next(
            (run for run in day_runs.values() if {record["track_url"] for record in run} - known), []
        )
        for market, run in (("US", last), ("SE", other)):
            rows += [
                top_track(
                    source,
                    artist_name,
                    date.fromisoformat(day),
                    position,
                    market=market,
                    track_id=record["track_url"].rsplit("/", 1)[-1],
                    name=record["track_name"],
                    popularity=int(record["track_popularity"]),
                )
                for position, record in enumerate(run, start=1)
            ]
    return rows


def new_release(source: str, album_id: str, day: date, **columns: Any) -> dict[str, Any]:
    """A row of snapshots.new_releases."""
    row: dict[str, Any] = {
        "snapshot_date": day,
        "source": source,
        "album_id": album_id,
        "name": f"Album {album_id}",
        "album_type": "album",
        "artist_ids": ["a00"],
        "artist_names": ["Artist 0"],
        "release_date": day,
        "release_date_precision": "day",
        "popularity": None,
        "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
    }
    return row | columns


def awkward_releases(source: str, seed: int, first: date, last: date) -> list[dict[str, Any]]:
    """Albums that come, stay a while, skip days and return."""
    chance = random.Random(seed)
    rows = []
    for number, appears in enumerate(days(first, last)):
        popularity = chance.randrange(0, 60)
        precision = chance.choice(["day", "day", "month", "year"])
        for day in days(appears, min(last, appears + chance.randrange(1, 15) * DAY)):
            popularity += chance.choice([0, 1, 2])
            if chance.random() < 0.15:
                continue
            rows.append(
                new_release(
                    source,
                    f"r{number}",
                    day,
                    artist_ids=chance.sample(["a00", "a01", "a11", "unseen"], 2),
                    artist_names=["One", "Two"],
                    release_date=appears,
                    release_date_precision=precision,
                    popularity=_disturbed(chance, popularity),
                )
            )
    return rows
