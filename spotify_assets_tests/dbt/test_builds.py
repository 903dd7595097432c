"""A build finds out by itself what was loaded since the last one, and touches nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg2
import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.marts.rebuilding import contents

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 30)
OLD = date(2024, 3, 20)
RUN = ("run", "--select", "staging", "intermediate", "marts")
SERIES = ("source", "artist_id", "metric", "snapshot_date")
BUILT = {
    "marts.artist_popularity_trend": SERIES,
    "marts.top_track_churn": ("source", "market", "artist_id", "snapshot_date"),
    "marts.artist_leaderboard": ("source", "artist_id"),
}


@pytest.fixture(scope="module")
def project(new_project: Callable[[], Project]) -> Project:
    project = new_project()
    for seed, source in enumerate(("one", "other")):
        project.load("artist_snapshots", data.awkward_artists(source, seed, FIRST, LAST))
        project.load("top_tracks", data.awkward_tracks(source, seed, FIRST, LAST))
        project.load("new_releases", data.awkward_releases(source, seed, FIRST, LAST))
    project.dbt(*RUN)
    return project


def first_days(project: Project) -> dict[str, date | None]:
    """The first day that the last build of each model has built; none where there was nothing to build."""
    return {row["model_name"]: row["first_day"] for row in project.rows("ops.model_builds")}


def versions_of_rows(project: Project, table: str, source: str) -> set[tuple[Any, ...]]:
    """Each row's place and transaction: a row that was written anew has others."""
    rows = project.rows(
        f"(select source, ctid::text, xmin::text, 1 from {table}) as t", f"source = '{source}'"
    )
    return {tuple(row.values()) for row in rows}


def test_where_nothing_was_loaded_nothing_is_written(project: Project) -> None:
    project.dbt(*RUN)
    before = {table: versions_of_rows(project, table, "one") for table in BUILT}
    assert all(before.values())
    views = "select oid, relname, xmin from pg_class where relkind = 'v' and relname like 'int_%'"
    standing = project.rows(f"({views}) as v", order="1")
    project.dbt(*RUN)
    assert {table: versions_of_rows(project, table, "one") for table in BUILT} == before
    assert project.rows(f"({views}) as v", order="1") == standing, "a view was replaced by the same one"
    assert set(first_days(project).values()) == {None}


def test_one_old_day_of_one_table_and_source_touches_what_reads_it_and_that_source_only(
    project: Project,
) -> None:
    project.dbt(*RUN)
    before = {table: versions_of_rows(project, table, "one") for table in BUILT}
    untouched = versions_of_rows(project, "marts.artist_popularity_trend", "other")
    project.note_loads("top_tracks", [("other", OLD)])
    project.dbt(*RUN)
    found = first_days(project)
    assert found["top_track_churn"] == found["int_song_days"] == found["track_popularity_trend"] == OLD
    for model in ("artist_popularity_trend", "artist_leaderboard", "new_release_radar", "genre_trends"):
        assert found[model] is None, model
    assert {table: versions_of_rows(project, table, "one") for table in BUILT} == before
    assert versions_of_rows(project, "marts.artist_popularity_trend", "other") == untouched
    rows = project.rows("marts.top_track_churn", f"source = 'other' and snapshot_date < '{OLD}'")
    assert rows, "days before the one that was loaded are gone"


def test_a_model_built_alone_has_not_seen_what_its_parents_have_not(project: Project) -> None:
    project.dbt(*RUN)
    project.take_away("artist_snapshots", LAST, "source = 'one'")
    project.load("artist_snapshots", [data.artist("one", "a00", LAST, popularity=77, followers=7)])
    project.dbt("run", "--select", "artist_popularity_trend")
    stale = project.rows("marts.artist_popularity_trend", f"snapshot_date = '{LAST}' and source = 'one'")
    project.dbt(*RUN)
    healed = project.rows("marts.artist_popularity_trend", f"snapshot_date = '{LAST}' and source = 'one'")
    assert healed != stale
    expected = contents(project, BUILT)
    project.dbt(*RUN, "--full-refresh")
    assert contents(project, BUILT) == expected


def test_a_model_of_another_version_is_built_whole_and_its_neighbours_are_not(project: Project) -> None:
    project.dbt(*RUN)
    before = contents(project, BUILT)
    project.execute("update marts.artist_popularity_trend set value = 1")
    project.execute("update ops.model_builds set version = '' where model_name = 'artist_popularity_trend'")
    project.dbt(*RUN)
    assert contents(project, BUILT) == before
    found = first_days(project)
    assert found["artist_popularity_trend"] == date(1900, 1, 1)
    assert found["top_track_churn"] is None
    project.execute("delete from ops.model_builds")  # as in a database from before builds were noted
    project.dbt(*RUN)
    assert contents(project, BUILT) == before
    assert set(first_days(project).values()) == {date(1900, 1, 1)}


def test_a_part_that_is_built_alone_is_not_compared_with_what_is_behind(project: Project) -> None:
    newer = LAST + timedelta(days=1)
    project.dbt(*RUN)
    project.load("artist_snapshots", [data.artist("one", "a00", newer, popularity=7, followers=7)])
    project.dbt("build", "--select", "int_artist_aliases", "--exclude-resource-type", "unit_test")
    reply = project.dbt("build", "--exclude-resource-type", "unit_test")
    tests = {entry["id"].split(".")[2] for entry in reply["results"]}
    assert "artist_popularity_trend_keeps_observed_artists" in tests


def test_a_reader_in_an_open_transaction_stops_no_build(project: Project) -> None:
    project.note_loads("artist_snapshots", [("one", LAST)])
    reader = psycopg2.connect(project.url)
    try:
        with reader.cursor() as cursor:
            for row in project.rows(
                "pg_class", "relkind in ('r', 'v') and relnamespace = 'marts'::regnamespace"
            ):
                cursor.execute(f"select count(*) from marts.{row['relname']}")
            project.dbt(*RUN)
    finally:
        reader.close()
    assert first_days(project)["artist_popularity_trend"] == LAST


def test_a_build_that_cannot_get_a_lock_says_who_holds_it(project: Project) -> None:
    holder = psycopg2.connect(project.url, application_name="somebody's tool")
    database = project.url.rpartition("/")[2].partition("?")[0]
    project.execute(f'alter database "{database}" set lock_timeout = 300')
    project.close()
    try:
        with holder.cursor() as cursor:
            cursor.execute("lock table marts.top_track_churn in exclusive mode")
            reply = project.dbt("run", "--select", "top_track_churn", expect_success=False)
    finally:
        holder.close()
        project.execute(f'alter database "{database}" reset lock_timeout')
        project.close()
    (message,) = [one["message"] for one in reply["results"] if one["status"] == "error"]
    assert "marts.top_track_churn was locked by process" in message
    assert "somebody's tool" in message
    project.dbt("run", "--select", "top_track_churn")


def test_loads_take_their_numbers_in_the_order_in_which_they_are_committed(project: Project) -> None:
    insert = (
        "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, rows_received, "
        "rows_missing, rows_loaded, rows_quarantined, content_hash, run_id) "
        "values ('top_tracks', 'one', '2024-03-01', 0, 0, 0, 0, 0, '', '') returning load_id"
    )
    first, second = psycopg2.connect(project.url), psycopg2.connect(project.url)
    try:
        with first.cursor() as early, second.cursor() as late:
            early.execute(insert)
            number = (early.fetchone() or (0,))[0]
            late.execute("set lock_timeout = 200")
            with pytest.raises(psycopg2.errors.LockNotAvailable):
                late.execute(insert)
            second.rollback()
            first.commit()
            late.execute(insert)
            assert (late.fetchone() or (0,))[0] > number
    finally:
        first.close()
        second.close()


def test_days_without_a_load_are_not_built_again(project: Project) -> None:
    """The grid goes on to the newest day of a source, and no further back than it has to."""
    newer = LAST + timedelta(days=2)
    project.dbt(*RUN)
    before = project.rows("marts.artist_popularity_trend", "source = 'other'")
    project.load("artist_snapshots", [data.artist("one", "a00", newer, popularity=7, followers=7)])
    project.dbt(*RUN)
    days = {row["snapshot_date"] for row in project.rows("marts.artist_popularity_trend", "source = 'one'")}
    assert {LAST + timedelta(days=1), newer} <= days
    assert project.rows("marts.artist_popularity_trend", "source = 'other'") == before
