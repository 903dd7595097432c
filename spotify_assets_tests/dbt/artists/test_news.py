"""What the daily digest tells, read from real marts: who breaks out, who reached what, what is new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from pydantic import SecretStr

from spotify_assets.serving.news import Breakout, Milestone, Release, newest_day, news_since
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data

LAST = date(2024, 5, 10)
DAYS = list(data.days(LAST - timedelta(days=60), LAST))


def test_what_is_new_is_found_once_and_only_of_the_last_days(new_project: Callable[[], Project]) -> None:
    project = new_project()
    warehouse = Warehouse(SecretStr(project.url))
    assert news_since(warehouse, ["s"], LAST) == []
    assert newest_day(warehouse, ["s"]) is None

    rows = []
    for number in range(24):  # enough of one size to be peers
        followers = 9_000
        for day in DAYS:
            jumps = number == 0 and day >= LAST - timedelta(days=2)
            followers += 500 if jumps else 1 + (number + day.day) % 2
            name = f"Artist {number}"
            rows.append(data.artist("s", f"a{number:02}", day, popularity=40, followers=followers, name=name))
    project.load("artist_snapshots", rows)
    of_watched = {"artist_ids": ["a00"], "artist_names": ["Artist 0"]}
    project.load("new_releases", [
        *(data.new_release("s", "old", day, **of_watched) for day in DAYS),
        data.new_release("s", "new", LAST, **of_watched),
        data.new_release("s", "other", LAST, artist_ids=["nobody"], artist_names=["Nobody"]),
    ])  # fmt: skip
    project.dbt("build", "--exclude-resource-type", "unit_test")
    assert newest_day(warehouse, ["s"]) == LAST

    since = LAST - timedelta(days=2)
    found = news_since(warehouse, ["s"], since)
    breakouts = [item for item in found if isinstance(item, Breakout)]
    assert {(item.artist_id, item.name, item.metric) for item in breakouts} == {
        ("a00", "Artist 0", "followers")
    }
    milestones = [item for item in found if isinstance(item, Milestone)]
    assert {(item.artist_id, item.threshold, item.record) for item in milestones} == {("a00", 10_000, False)}
    releases = [item for item in found if isinstance(item, Release)]
    assert [(item.day, list(item.artists)) for item in releases] == [(LAST, ["Artist 0"])]
    assert len({item.key for item in found}) == len(found)
    assert news_since(warehouse, ["another"], since) == []
    assert news_since(warehouse, ["s"], LAST + timedelta(days=1)) == []
