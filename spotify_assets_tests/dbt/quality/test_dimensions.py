"""The dimensions against independent computations, and built in any order of windows."""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data, profiles
from spotify_assets_tests.support.marts.rebuilding import (
    assert_equals_full_rebuild,
    build_in_order,
    day_by_day,
    load_days,
)
from spotify_assets_tests.support.oracles import artists as reference

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 28), date(2024, 5, 5)  # over a leap day
LOST = date(2024, 4, 30)
"""A day on which nothing was observed and that is never run."""
BUILT = {
    "intermediate.int_artist_profile_changes": ("source", "artist_id", "snapshot_date"),
    "intermediate.int_song_changes": ("source", "song_id", "snapshot_date"),
    "marts.dim_artist": ("source", "artist_id", "valid_from"),
    "marts.dim_track": ("source", "song_id"),
    "marts.dim_album": ("source", "album_id"),
    "marts.dim_date": ("snapshot_date",),
}
MODELS = ("--select", "+dim_artist", "+dim_track", "+dim_album", "+dim_date")


def snapshots(seed: int) -> dict[str, list[dict[str, Any]]]:
    """One source that goes on, one that has ended; a day lost from all."""
    ended = date(2024, 4, 10)
    tracks = data.awkward_tracks("simulated", seed + 2, FIRST, LAST)
    # listed before the first and after the last of the others, under no id at all
    tracks += [
        data.top_track("simulated", "a01", day, 20, isrc="GBAYE0000001", name="Without Id")
        for day in (FIRST + DAY, FIRST + 9 * DAY)
    ]
    # a position without a title, and a song that its upstream cut by two seconds, and made longer by four
    tracks += [
        data.top_track("untold", "a01", FIRST + day * DAY, 1, name=name, duration_ms=duration)
        for day, name, duration in (
            (0, None, 190_000),
            (1, "Texas", 235_636),
            (2, "Texas", 233_456),
            (3, "TEXAS (feat. Somebody)", 235_000),
            (4, "Texas", 239_500),
        )
    ]
    chance = random.Random(seed)
    releases = [
        row
        | {
            "name": chance.choice(["Album", "Album (Deluxe)"]),
            "label": chance.choice(["Label", None]),
            "upc": "00602",
            "total_tracks": chance.choice([9, 10, None]),
        }
        for row in data.awkward_releases("simulated", seed + 3, FIRST, LAST)
    ]
    found = {
        "artist_snapshots": profiles.awkward_profiles("simulated", seed, FIRST, LAST)
        + profiles.awkward_profiles("ended", seed + 1, FIRST, ended),
        "top_tracks": tracks,
        "new_releases": releases,
        "album_tracks": album_tracks(releases),
    }
    return {table: [row for row in rows if row["snapshot_date"] != LOST] for table, rows in found.items()}


def album_tracks(releases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tracks of some of the releases, asked for on the first day, and of an album that is no release."""
    first_days: dict[str, date] = {}
    for row in releases:
        first_days[row["album_id"]] = min(first_days.get(row["album_id"], LAST), row["snapshot_date"])
    asked = {album: day for album, day in first_days.items() if int(album[1:]) % 3 == 0}
    asked["imported"] = FIRST + 3 * DAY
    return [
        {
            "source": "simulated",
            "album_id": album,
            "snapshot_date": day,
            "disc_number": 1 + number % 2,
            "track_number": number,
            "track_id": f"{album}-{number}",
            "duration_ms": None if album == "r3" and number == 2 else 1000 * number,
            "observed_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        }
        for album, day in asked.items()
        for number in range(1, 3 + len(album))
    ]


@pytest.fixture(scope="module")
def found() -> dict[str, list[dict[str, Any]]]:
    return snapshots(70)


@pytest.fixture(scope="module")
def built(new_project: Callable[[], Project], found: dict[str, list[dict[str, Any]]]) -> Project:
    project = new_project()
    load_days(project, found, FIRST, LAST)
    project.dbt("build", *MODELS, "--indirect-selection", "cautious")
    return project


def test_artists_have_the_history_that_they_told(
    built: Project, found: dict[str, list[dict[str, Any]]]
) -> None:
    expected = profiles.histories(found["artist_snapshots"], {})
    actual = built.rows("marts.dim_artist")

    assert reference.differences(actual, expected, BUILT["marts.dim_artist"]) == []
    # the comparison proves little if nobody ever changes, or nobody begins by telling nothing
    assert sum(not row["is_current"] for row in actual) > 40
    assert any(row["genres"] is None for row in actual)
    assert any(row["name"] is None for row in actual)
    # and only news is kept, not what is told every day
    changes = built.rows("intermediate.int_artist_profile_changes")
    assert len(actual) < len(changes) < len(found["artist_snapshots"]) / 3


def test_songs_are_as_their_newest_day_tells_them(
    built: Project, found: dict[str, list[dict[str, Any]]]
) -> None:
    by_song: dict[str, list[dict[str, Any]]] = {}
    for entry in found["top_tracks"]:
        if entry["source"] != "simulated":
            continue
        # the test data's own knowledge of which song it is
        by_song.setdefault(re.sub(r"\D", "", entry["track_id"] or "none"), []).append(entry)
    actual = {
        re.sub(r"\D", "", (row["track_ids"] or [""])[0]): row
        for row in built.rows("marts.dim_track", "source = 'simulated'")
    }
    assert actual.keys() == by_song.keys()
    for song, entries in by_song.items():
        row, days = actual[song], {entry["snapshot_date"] for entry in entries}
        newest = [entry for entry in entries if entry["snapshot_date"] == max(days)]
        assert (row["first_seen_on"], row["last_seen_on"]) == (min(days), max(days))
        assert row["track_ids"] == (sorted({e["track_id"] for e in entries if e["track_id"]}) or None)
        assert row["title"] in {entry["name"] for entry in newest}
        isrcs = {entry["isrc"].upper().replace("-", "") for entry in entries if entry["isrc"]}
        assert row["isrc"] == next(iter(isrcs), None)
        assert row["song_id_kind"] == ("isrc" if isrcs else "title")
        assert row["artist_id"] == newest[0]["artist_id"]


def test_a_song_is_one_whatever_its_rounded_length_and_needs_no_title(built: Project) -> None:
    rows = built.rows("marts.dim_track", "source = 'untold'")
    found = sorted(
        (row["song_id_kind"], row["first_seen_on"] - FIRST, row["last_seen_on"] - FIRST) for row in rows
    )
    assert found == [("title", DAY, 3 * DAY), ("title", 4 * DAY, 4 * DAY), ("untitled", 0 * DAY, 0 * DAY)]


def test_albums_are_as_their_newest_day_tells_them(
    built: Project, found: dict[str, list[dict[str, Any]]]
) -> None:
    released: dict[str, dict[date, dict[str, Any]]] = {}
    for row in found["new_releases"]:
        released.setdefault(row["album_id"], {})[row["snapshot_date"]] = row
    listed: dict[str, list[dict[str, Any]]] = {}
    for row in found["album_tracks"]:
        listed.setdefault(row["album_id"], []).append(row)
    columns = ("name", "album_type", "artist_ids", "artist_names", "release_date", "release_date_precision")
    expected = []
    for album_id in released.keys() | listed.keys():
        days, tracks = released.get(album_id, {}), listed.get(album_id, [])
        newest = days[max(days)] if days else {}
        seen = [*days, *(track["snapshot_date"] for track in tracks)]
        lengths = [track["duration_ms"] for track in tracks]
        total = newest.get("total_tracks")
        expected.append(
            {
                "source": "simulated",
                "album_id": album_id,
                **{column: newest.get(column) for column in (*columns, "label", "upc")},
                "total_tracks": total if total is not None else len(tracks) or None,
                "listed_tracks": len(tracks) or None,
                "listed_discs": max((track["disc_number"] for track in tracks), default=None),
                "listed_duration_ms": sum(lengths) if lengths and None not in lengths else None,
                "is_new_release": bool(days),
                "first_seen_on": min(seen),
                "last_seen_on": max(seen),
            }
        )
    actual = built.rows("marts.dim_album")
    releases = {row["album_id"]: row.pop("release_id") for row in actual}
    assert {album for album, release in releases.items() if release is not None} == released.keys()
    assert reference.differences(actual, expected, BUILT["marts.dim_album"]) == []
    assert {row["is_new_release"] for row in actual} == {True, False}


def test_the_calendar_has_every_day_from_the_first_to_the_newest(
    built: Project, found: dict[str, list[dict[str, Any]]]
) -> None:
    observed = [row["snapshot_date"] for rows in found.values() for row in rows]
    expected = []
    for day in data.days(min(observed), max(observed)):
        year, week, weekday = day.isocalendar()
        quarter = (day.month + 2) // 3
        expected.append(
            {
                "snapshot_date": day,
                "calendar_year": day.year,
                "quarter_number": quarter,
                "quarter_start": date(day.year, 3 * quarter - 2, 1),
                "month_number": day.month,
                "month_name": calendar.month_name[day.month],
                "month_start": day.replace(day=1),
                "iso_year": year,
                "iso_week": week,
                "week_start": day - (weekday - 1) * DAY,
                "weekday_number": weekday,
                "weekday_name": calendar.day_name[weekday - 1],
                "is_weekend": weekday > 5,
            }
        )
    assert reference.differences(built.rows("marts.dim_date"), expected, ("snapshot_date",)) == []
    assert expected[0]["snapshot_date"] == FIRST


def test_day_by_day_equals_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(80)
    project = new_project()
    build_in_order(project, found, day_by_day(FIRST, LAST - 8 * DAY, LAST, LOST), ("run", *MODELS))
    assert_equals_full_rebuild(project, BUILT, MODELS)


def test_days_out_of_order_equal_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(90)
    project = new_project()
    middle = date(2024, 3, 10)
    windows = [[middle], [LAST - 3 * DAY, LAST], [middle - 9 * DAY], [FIRST, middle + 3 * DAY], [FIRST, LAST]]
    build_in_order(project, found, windows, ("run", *MODELS))
    assert_equals_full_rebuild(project, BUILT, MODELS)


def test_a_replaced_day_changes_what_is_news_later(new_project: Callable[[], Project]) -> None:
    """A day without news has news as soon as the day before is taken away, however far the run looks."""
    project = new_project()
    days = list(data.days(FIRST, FIRST + 20 * DAY))
    rows = [
        data.artist(
            "s", artist_id, day, popularity=50, followers=5, name="Now" if day >= days[10] else "Then"
        )
        | {"genres": None, "image_url": None}
        for n, day in enumerate(days)
        for artist_id in ("a", "b")
    ]
    tracks = [data.top_track("s", "a", day, 1, track_id="t", isrc="GBAYE0000001", name="S") for day in days]
    plain = [data.top_track("s", "a", day, 2, name="Plain", duration_ms=203_500) for day in days]
    tracks += [plain[0] | {"duration_ms": 200_000}, *plain[1:]]
    project.load("artist_snapshots", rows)
    project.load("top_tracks", tracks)
    project.dbt("run", *MODELS)
    for table in ("artist_snapshots", "top_tracks"):
        project.take_away(table, days[10])
    project.dbt("run", *MODELS)
    history = project.rows("marts.dim_artist", "artist_id = 'a'")
    assert [(row["name"], row["valid_from"]) for row in history] == [("Then", days[0]), ("Now", days[11])]
    for table in ("artist_snapshots", "top_tracks"):
        project.take_away(table, days[0])
    project.dbt("run", *MODELS)
    assert project.rows("marts.dim_track")[0]["first_seen_on"] == days[1]
    assert project.rows("marts.dim_artist", "artist_id = 'a'")[0]["valid_from"] == days[1]

    # what was listed first decides which lengths are one song, also where it comes later
    def titled() -> list[date]:
        return [row["first_seen_on"] for row in project.rows("marts.dim_track", "song_id_kind = 'title'")]

    assert titled() == [days[1]]
    project.load("top_tracks", [plain[0] | {"duration_ms": 206_000}])
    project.dbt("run", *MODELS)
    assert titled() == [days[0]]
    update = "update snapshots.top_tracks set duration_ms = 207000 where duration_ms = 206000"
    project.change("top_tracks", days[0], update)
    project.dbt("run", *MODELS)
    assert sorted(titled()) == [days[0], days[1]]
    songs = {table: BUILT[table] for table in ("intermediate.int_song_changes", "marts.dim_track")}
    assert_equals_full_rebuild(project, songs, MODELS)


def know(project: Project, old: str, new: str) -> None:
    """Keep that an upstream answered for one id with another."""
    project.execute(
        "insert into ops.identities (source, artist_id, target, target_id, method, confidence, resolved_at) "
        f"values ('s', '{old}', 's', '{new}', 'answered', 1, now())"
    )


def test_a_merged_artist_has_one_history(new_project: Callable[[], Project]) -> None:
    """Two ids that take turns are one artist; who was seen beside the other stays apart."""
    chance = random.Random(3)
    rows = []
    for number, day in enumerate(data.days(FIRST, FIRST + 40 * DAY)):
        turns = ["old" if number % 7 < 4 else "new", "twin", "other"]
        for artist_id in [*turns, "heir"] if number > 20 else turns:
            told = {"genres": chance.choice([["pop"], ["rock"], None]), "image_url": None}
            name = chance.choice([artist_id, "Same"])
            rows.append(data.artist("s", artist_id, day, popularity=50, followers=5, name=name) | told)
    project = new_project()
    project.load("artist_snapshots", rows)
    track = {"track_id": "t", "isrc": "GBAYE0000001", "name": "Song"}
    project.load("top_tracks", [data.top_track("s", "old", FIRST, 1, **track)])
    project.dbt("run", *MODELS)
    key = BUILT["marts.dim_artist"]
    actual = project.rows("marts.dim_artist")
    assert reference.differences(actual, profiles.histories(rows, {}), key) == []
    assert project.rows("marts.dim_track")[0]["artist_id"] == "old"

    know(project, "old", "new")
    know(project, "twin", "heir")
    project.dbt("run", *MODELS)
    joined = profiles.histories(rows, {("s", "old"): "new"})
    assert reference.differences(project.rows("marts.dim_artist"), joined, key) == []
    assert project.rows("marts.dim_track")[0]["artist_id"] == "new"
    project.dbt("run", *MODELS, "--full-refresh")
    assert reference.differences(project.rows("marts.dim_artist"), joined, key) == []

    project.execute("update ops.identities set target_id = null, confidence = 0")
    project.dbt("run", *MODELS)
    assert reference.differences(project.rows("marts.dim_artist"), profiles.histories(rows, {}), key) == []
