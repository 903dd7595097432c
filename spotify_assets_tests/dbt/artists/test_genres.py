"""`genre_trends` against an independent computation: real genres, awkward artists, any order of windows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from statistics import median
from typing import Any

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data, profiles
from spotify_assets_tests.support.marts.rebuilding import (
    assert_equals_full_rebuild,
    build_in_order,
    day_by_day,
)
from spotify_assets_tests.support.oracles import artists as reference

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 28), date(2024, 5, 5)  # over a leap day
LOST = date(2024, 4, 30)
"""A day on which nothing was observed and that is never run."""
KEY = ("source", "genre", "snapshot_date")
BUILT = {"marts.genre_trends": KEY}
MODELS = ("--select", "+genre_trends")
LEAST, SPAN = 5, 28
Rows = list[dict[str, Any]]


def genre_trends(snapshots: Iterable[Mapping[str, Any]], ids: Mapping[tuple[str, str], str]) -> Rows:
    """Every row of the mart but its fingerprint; `ids` as for `profiles.histories`."""
    snapshots = list(snapshots)
    series: dict[tuple[str, str], dict[str, dict[date, int | None]]] = {}
    for row in snapshots:
        key = (row["source"], ids.get((row["source"], row["artist_id"]), row["artist_id"]))
        for metric in ("popularity", "followers"):
            series.setdefault(key, {}).setdefault(metric, {})[row["snapshot_date"]] = row.get(metric)
    histories: dict[tuple[str, str], Rows] = {}
    for row in profiles.histories(snapshots, ids):
        histories.setdefault((row["source"], row["artist_id"]), []).append(row)

    genres: dict[tuple[str, str, date], Rows] = {}
    for key, metrics in series.items():
        for day in metrics["popularity"]:
            known = [row for row in histories[key] if row["valid_from"] <= day]
            popularity = reference.counted(metrics["popularity"], day).get(day)
            followers = reference.counted(metrics["followers"], day)
            both = (followers.get(day), followers.get(day - SPAN * DAY))
            for genre in known[-1]["genres"] or []:
                artist = {"popularity": popularity, "followers": None if None in both else both}
                genres.setdefault((key[0], genre, day), []).append(artist)
    return [genre_row(*key, artists) for key, artists in genres.items()]


def genre_row(source: str, genre: str, day: date, artists: Rows) -> dict[str, Any]:
    """The row of one genre and day from its artists of that day."""
    popular = [artist["popularity"] for artist in artists if artist["popularity"] is not None]
    pairs = [artist["followers"] for artist in artists if artist["followers"] is not None]

    def reason(values: list[Any]) -> str | None:
        if len(artists) < LEAST:
            return "insufficient_artists"
        return "insufficient_observations" if len(values) < LEAST else None

    before = sum(pair[1] for pair in pairs)
    growth = None if reason(pairs) else sum(pair[0] for pair in pairs) - before
    return {
        "source": source,
        "genre": genre,
        "snapshot_date": day,
        "artists_observed": len(artists),
        "popularity_artists": len(popular),
        "median_popularity": None if reason(popular) else float(median(popular)),
        "median_popularity_null_reason": reason(popular),
        "follower_growth_artists": len(pairs),
        "follower_growth_28_days": growth,
        "follower_growth_28_days_percent": 100.0 * growth / before if growth is not None and before else None,
        "follower_growth_null_reason": reason(pairs) or (None if before else "no_followers_before"),
        "formula_version": 1,
    }


def without_fingerprint(rows: Rows) -> Rows:
    return [{name: value for name, value in row.items() if name != "joined_artists"} for row in rows]


def snapshots(seed: int) -> Rows:
    """One source that goes on, with artists enough, one that has ended; a day lost from all."""
    rows = profiles.awkward_profiles("simulated", seed, FIRST, LAST)
    for more in (2, 3):
        others = profiles.awkward_profiles("simulated", seed + more, FIRST, LAST)
        rows += [row | {"artist_id": f"{row['artist_id']}-{more}"} for row in others]
    rows += profiles.awkward_profiles("ended", seed + 1, FIRST, date(2024, 4, 10))
    return [row for row in rows if row["snapshot_date"] != LOST]


def load(project: Project, rows: Rows, first: date, last: date) -> None:
    project.load("artist_snapshots", [row for row in rows if first <= row["snapshot_date"] <= last])


def test_awkward_data_equals_the_independent_computation(new_project: Callable[[], Project]) -> None:
    found = snapshots(110)
    project = new_project()
    load(project, found, FIRST, LAST)
    project.dbt("build", *MODELS, "--indirect-selection", "cautious")
    actual = project.rows("marts.genre_trends")
    assert reference.differences(without_fingerprint(actual), genre_trends(found, {}), KEY) == []
    # the comparison proves little without the edges
    reasons = {row["median_popularity_null_reason"] for row in actual}
    assert reasons == {None, "insufficient_artists", "insufficient_observations"}
    grown = [row["follower_growth_28_days_percent"] for row in actual]
    assert sum(value is not None for value in grown) > 20
    assert {row["joined_artists"] for row in actual} == {None}


def test_day_by_day_equals_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(120)
    project = new_project()
    windows = day_by_day(FIRST, LAST - 8 * DAY, LAST, LOST)
    build_in_order(project, {"artist_snapshots": found}, windows, ("run", *MODELS))
    assert_equals_full_rebuild(project, BUILT, MODELS)


def test_days_out_of_order_equal_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(130)
    project = new_project()
    middle = date(2024, 3, 10)
    windows = [[middle], [LAST - 3 * DAY, LAST], [middle - 9 * DAY], [FIRST, middle + 3 * DAY], [FIRST, LAST]]
    build_in_order(project, {"artist_snapshots": found}, windows, ("run", *MODELS))
    assert_equals_full_rebuild(project, BUILT, MODELS)


def test_genres_that_become_known_late_are_known_from_then_on(new_project: Callable[[], Project]) -> None:
    """Days that had no genre at all get them when an earlier day turns out to have told some."""
    days = list(data.days(FIRST, FIRST + 30 * DAY))
    rows = [
        data.artist("s", f"a{number}", day, popularity=10 * number, followers=100)
        | {"genres": None, "image_url": None}
        for day in days
        for number in range(6)
    ]
    project = new_project()
    load(project, rows, FIRST, LAST)
    project.dbt("run", *MODELS)
    assert project.rows("marts.genre_trends") == []
    project.change(
        "artist_snapshots", days[9],
        f"update snapshots.artist_snapshots set genres = '{{pop}}' where snapshot_date = '{days[9]}'",
    )  # fmt: skip
    project.dbt("run", *MODELS)
    told = [row | {"genres": ["pop"]} if row["snapshot_date"] == days[9] else row for row in rows]
    actual = without_fingerprint(project.rows("marts.genre_trends"))
    assert reference.differences(actual, genre_trends(told, {}), KEY) == []
    assert [row["snapshot_date"] for row in actual] == days[9:]
    assert actual[0]["median_popularity"] == 25.0


def know(project: Project, old: str, new: str) -> None:
    """Keep that an upstream answered for one id with another."""
    project.execute(
        "insert into ops.identities (source, artist_id, target, target_id, method, confidence, resolved_at) "
        f"values ('s', '{old}', 's', '{new}', 'answered', 1, now()) on conflict (source, artist_id, target) "
        f"do update set target_id = '{new}', confidence = 1"
    )


def test_merged_artists_follow_the_series_and_come_apart_again(new_project: Callable[[], Project]) -> None:
    chance = random.Random(4)
    rows = []
    days = list(data.days(FIRST, FIRST + 60 * DAY))
    for number, day in enumerate(days):
        artists: dict[str, list[str] | None] = {f"a{n}": ["pop", "rock"] for n in range(4)}
        # the first id told genres, the later one never did
        artists["old" if number < 30 else "new"] = ["pop", "soul"] if number < 30 else None
        artists["elsewhere" if number > 32 else "a9"] = ["rock"]
        for artist_id, genres in artists.items():
            followers = 1000 + chance.randrange(100)
            row = data.artist("s", artist_id, day, popularity=chance.randrange(1, 99), followers=followers)
            rows.append(row | {"genres": genres, "image_url": None})
    project = new_project()
    load(project, rows, FIRST, LAST)
    project.dbt("run", *MODELS)
    apart = project.rows("marts.genre_trends")
    assert reference.differences(without_fingerprint(apart), genre_trends(rows, {}), KEY) == []

    for target in ("new", "elsewhere"):
        # whom a person takes to somebody else goes there; who was seen beside the other stays apart
        know(project, "old", target)
        know(project, "a0", "a1")
        project.dbt("run", *MODELS)
        expected = genre_trends(rows, {("s", "old"): target})
        actual = project.rows("marts.genre_trends")
        assert reference.differences(without_fingerprint(actual), expected, KEY) == [], target
        joined = {row["snapshot_date"] for row in actual if row["joined_artists"]}
        assert joined == set(days[:30])
        assert_equals_full_rebuild(project, BUILT, MODELS)

    project.execute("update ops.identities set target_id = null, confidence = 0")
    project.dbt("run", *MODELS)
    assert project.rows("marts.genre_trends") == apart
