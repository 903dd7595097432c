"""The new releases of each week, against an independent computation, in whatever order days are built."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data, release_data
from spotify_assets_tests.support.marts.rebuilding import build_in_order, load_days
from spotify_assets_tests.support.oracles import artists as reference
from spotify_assets_tests.support.oracles import releases

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 2, 1), date(2024, 4, 17)
SELECTED = ("--select", "+new_releases_weekly")
KEY = ("source", "week_starts_on", "release_id")


def snapshots(seed: int) -> release_data.Tables:
    found = release_data.awkward_uploads("simulated", seed, FIRST, LAST)
    found["artist_snapshots"] = data.awkward_artists("simulated", seed + 1, FIRST, LAST)
    return found


def expected(found: release_data.Tables, until: date = LAST) -> list[dict[str, Any]]:
    found = releases.source_tables(found, until)
    artists: dict[str, dict[date, int | None]] = {}
    for row in found["artist_snapshots"]:
        artists.setdefault(row["artist_id"], {})[row["snapshot_date"]] = row["popularity"]
    return releases.new_releases_weekly(releases.Releases("simulated", found), artists)


def differing(project: Project, rows: list[dict[str, Any]]) -> list[str]:
    return reference.differences(project.rows("marts.new_releases_weekly"), rows, KEY)


def test_weeks_equal_the_independent_computation_each_day(new_project: Callable[[], Project]) -> None:
    found = snapshots(200)
    project = new_project()
    backfilled = LAST - 10 * DAY
    load_days(project, found, FIRST, backfilled)
    project.dbt("run", *SELECTED)
    assert differing(project, expected(found, backfilled)) == []
    lost = LAST - 4 * DAY
    for table, rows in found.items():
        found[table] = [row for row in rows if row["snapshot_date"] != lost]
    for day in data.days(backfilled + DAY, LAST):
        if day == lost:
            continue
        load_days(project, found, day, day)
        project.dbt("run", *SELECTED)
        assert differing(project, expected(found, day)) == [], day

    rows = project.rows("marts.new_releases_weekly")
    assert {row["popularity_basis"] for row in rows} == {"album", "tracks", None}
    reasons = {row["popularity_null_reason"] for row in rows}
    assert reasons == {None, "not_yet_7_days_on", "no_popularity_7_days_on"}
    assert {row["popularity_actual_days"] for row in rows} == {6, 7, 8, None}
    assert {row["is_preliminary"] for row in rows} == {True, False}
    assert any(row["artist_popularity"] is not None for row in rows)
    again = dict.fromkeys(row["release_id"] for row in rows)
    assert len(again) == len(rows), "a release stands in two weeks"


def test_weeks_built_out_of_order_or_again_equal_a_full_rebuild(new_project: Callable[[], Project]) -> None:
    found = snapshots(210)
    project = new_project()
    middle = date(2024, 3, 6)
    windows = [[middle], [LAST - 3 * DAY, LAST], [middle - 9 * DAY], [FIRST, middle + 3 * DAY], [FIRST, LAST]]
    build_in_order(project, found, windows, ("run", *SELECTED))
    assert differing(project, expected(found)) == []

    chance = random.Random(4)
    replaced = date(2024, 3, 18)
    for table, rows in found.items():
        project.take_away(table, replaced)
        found[table] = [row for row in rows if row["snapshot_date"] != replaced or chance.random() < 0.5]
    load_days(project, found, replaced, replaced)
    project.dbt("run", *SELECTED)
    assert differing(project, expected(found)) == []
    project.dbt("run", *SELECTED, "--full-refresh")
    assert differing(project, expected(found)) == []
