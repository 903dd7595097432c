"""Whoever reads the marts sees the last good rows, whole, while a build runs, fails, or begins anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg2
import pytest

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.command import query
from spotify_assets_tests.support.marts import data

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
FIRST, LAST = date(2024, 1, 1), date(2024, 4, 10)
MARTS = "marts.artist_popularity_trend"
READ = "select count(*), coalesce(max(md5(mart::text)), '') from {} as mart"
"""How many rows there are, and something that hardly any other rows have in common."""

Sight = tuple[int, str]


def relations(project: Project) -> list[str]:
    """All tables and views that people read."""
    found = project.rows(
        "pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid",
        "n.nspname = 'marts' and c.relkind in ('r', 'v', 'm', 'p')",
    )
    return sorted(f"{row['nspname']}.{row['relname']}" for row in found)


def sights(project: Project) -> dict[str, Sight]:
    """What a reader sees of every mart now."""
    seen = {}
    connection = psycopg2.connect(project.url)
    try:
        with connection, connection.cursor() as cursor:
            for name in relations(project):
                cursor.execute(READ.format(name))
                seen[name] = cursor.fetchone() or (0, "")
    finally:
        connection.close()
    return seen


@dataclass
class Reader:
    """Reads marts again and again, each time in a statement of its own, as a dashboard does.

    Attributes:
        url: Database.
        names: What to read.
        seen: Every different thing seen of each mart, in the order seen.
        problems: Every error.
        longest: Seconds that the slowest reading took.
        readings: How many there were.
    """

    url: str
    names: list[str]
    seen: dict[str, list[Sight]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    longest: float = 0.0
    readings: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            while not self._stop.is_set():
                for name in self.names:
                    started = time.monotonic()
                    try:
                        cursor.execute(READ.format(name))
                        sight = cursor.fetchone()
                    except psycopg2.Error as error:
                        self.problems.append(f"{name}: {error}")
                        continue
                    assert sight is not None
                    self.readings += 1
                    self.longest = max(self.longest, time.monotonic() - started)
                    seen = self.seen.setdefault(name, [])
                    if not seen or seen[-1] != sight:
                        seen.append(sight)
        connection.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        threads = [threading.Thread(target=self.read) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def snapshots(project: Project, first: date, last: date) -> None:
    found = {
        "artist_snapshots": data.awkward_artists("simulated", 50, FIRST, LAST),
        "top_tracks": data.awkward_tracks("simulated", 52, FIRST, LAST),
        "new_releases": data.awkward_releases("simulated", 53, FIRST, LAST),
    }
    for table, rows in found.items():
        project.load(table, [row for row in rows if first <= row["snapshot_date"] <= last])


@pytest.fixture(scope="module")
def project(new_project: Callable[[], Project]) -> Project:
    """All but the last days, built."""
    made = new_project()
    snapshots(made, FIRST, LAST - 5 * DAY)
    made.dbt("run")
    return made


def over(project: Project, schema: str) -> list[str]:
    """A view over every mart, which nobody but its maker knows of."""
    project.execute(f"create schema {schema}")
    names = []
    for name in relations(project):
        names.append(f"{schema}.{name.partition('.')[2]}")
        project.execute(f"create view {names[-1]} as select * from {name}")
    return names


def test_while_a_window_is_built_readers_see_what_was_or_what_is(project: Project) -> None:
    before = sights(project)
    assert any(count for count, _ in before.values())
    views = over(project, "readers")
    snapshots(project, LAST - 4 * DAY, LAST - 4 * DAY)
    reader = Reader(project.url, [*before, *views])
    with reader.reading():
        project.dbt("run", "--select", "intermediate", "marts")
    after = sights(project)
    assert reader.problems == []
    assert reader.readings > len(before)
    assert before[MARTS] != after[MARTS]
    for name, seen in reader.seen.items():
        mart = name.replace("readers.", "marts.")
        assert set(seen) <= {before[mart], after[mart]}, name
    # Nobody had to wait for a build: each is an exchange of rows.
    assert reader.longest < 5
    project.execute("drop schema readers cascade")


def test_a_mart_that_fails_keeps_its_rows_and_so_do_the_others(project: Project) -> None:
    snapshots(project, LAST - 3 * DAY, LAST - 3 * DAY)
    before = sights(project)
    broken = "marts.new_release_radar"
    project.execute(
        f"alter table {broken} add constraint no_more check (snapshot_date < '{LAST - 3 * DAY}') not valid"
    )
    reader = Reader(project.url, list(before))
    with reader.reading():
        reply = project.dbt("run", "--select", "intermediate", "marts", expect_success=False)
    failed = [entry["id"].split(".")[-1] for entry in reply["results"] if entry["status"] == "error"]
    assert failed == ["new_release_radar"]
    after = sights(project)
    assert reader.problems == []
    assert after[broken] == before[broken], "a mart whose build failed has lost its last good rows"
    assert after[MARTS] != before[MARTS], "a mart that has nothing to do with it was not built"
    for name, seen in reader.seen.items():
        assert set(seen) <= {before[name], after[name]}, name
    project.execute(f"alter table {broken} drop constraint no_more")
    project.dbt("run", "--select", "new_release_radar")
    assert sights(project)[broken] != before[broken]


def columns(project: Project, name: str) -> list[tuple[str, str]]:
    found = project.rows("pg_attribute", f"attrelid = '{name}'::regclass and attnum > 0 and not attisdropped")
    return sorted((row["attname"], str(row["atttypid"])) for row in found)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("artist_breakouts", "alter table {} drop column source cascade"),
        ("artist_breakouts", "alter table {} alter column artist_id type varchar"),
        ("artist_comparison", "drop view {0}; create view {0} as select 1 as wrong"),
    ],
)
def test_what_is_built_whole_stays_the_same_object_unless_its_columns_have_changed(
    project: Project, name: str, change: str
) -> None:
    mart = f"marts.{name}"
    identity = f"oid = '{mart}'::regclass"
    wanted, seen = columns(project, mart), sights(project)[mart]
    (before,) = project.rows("pg_class", identity)
    project.dbt("run", "--select", name)
    (after,) = project.rows("pg_class", identity)
    assert after["oid"] == before["oid"]
    project.execute(change.format(mart))
    assert columns(project, mart) != wanted
    project.dbt("run", "--select", name)
    assert columns(project, mart) == wanted
    assert sights(project)[mart] == seen


def test_a_full_refresh_puts_new_tables_in_the_place_of_the_old_ones(project: Project) -> None:
    """The old one is dropped, with the views over it, which are gone until their models are built again."""
    before = sights(project)
    tables = project.rows("pg_class", "relnamespace = 'marts'::regnamespace and relkind = 'r'")
    reader = Reader(project.url, sorted(f"marts.{row['relname']}" for row in tables))
    with reader.reading():
        project.dbt("run", "--select", "intermediate", "marts", "--full-refresh")
    after = sights(project)
    assert reader.problems == []
    for name, seen in reader.seen.items():
        assert set(seen) <= {before[name], after[name]}, name


ATTACHED = (
    "create schema attached",
    "create table attached.notes (n int)",
    "create function attached.note() returns trigger language plpgsql as "
    "'begin insert into attached.notes values (1); return null; end'",
    "create trigger noted after insert on marts.artist_breakouts execute function attached.note()",
    "create policy seen on marts.artist_popularity_trend for select to public using (true)",
    "set client_min_messages = error",
    "create publication attached for table marts.artist_milestones",
    "create table attached.days () inherits (marts.dim_date)",
    "insert into attached.days select * from marts.dim_date limit 2",
    "grant select (name) on marts.artist_leaderboard to public",
    "grant select on marts.artist_comparison, marts.artist_leaderboard to pg_monitor with grant option",
)
"""What others may do to relations of ours."""


def test_what_others_have_attached_to_a_mart_stays(project: Project) -> None:
    project.execute("; ".join(ATTACHED))

    def attached() -> list[list[tuple[Any, ...]]]:
        return [
            query(project.url, statement)
            for statement in (
                "select * from ops.foreign_dependents()",
                "select * from attached.days order by 1",
                "select relname, acl::text from pg_class cross join lateral unnest(relacl) as acl "
                "where relname in ('artist_comparison', 'artist_leaderboard') order by 1, 2",
                "select attrelid::regclass::text, attname, attacl::text from pg_attribute "
                "where attacl is not null and attrelid = 'marts.artist_leaderboard'::regclass",
            )
        ]

    before = attached()
    assert [len(found) for found in before] == [4, 2, 4, 1], before
    names = ("artist_breakouts", "artist_popularity_trend", "artist_milestones", "artist_leaderboard")
    project.dbt("run", "--select", *names, "artist_comparison", "dim_date", "--full-refresh")
    project.dbt("run", "--select", "dim_date")
    assert attached() == before
    project.execute(
        "drop publication attached; drop policy seen on marts.artist_popularity_trend; "
        "drop schema attached cascade"
    )
    assert query(project.url, "select * from ops.foreign_dependents()") == []


def test_what_others_have_made_is_neither_replaced_nor_dropped(project: Project) -> None:
    project.execute("create schema team")
    marts = ("artist_popularity_trend", "artist_breakouts", "artist_comparison")  # incremental, table, view
    for name in marts:
        project.execute(f"create view team.{name} as select * from marts.{name}")
    seen = {name: project.rows(f"team.{name}") for name in marts}
    project.dbt("run", "--select", *marts, "--full-refresh")
    assert {name: project.rows(f"team.{name}") for name in marts} == seen
    project.dbt("seed", "--full-refresh")
    # What can only be made anew is refused before it begins, and named.
    project.execute("alter table marts.artist_breakouts add column extra integer")
    reply = project.dbt("run", "--select", "artist_breakouts", expect_success=False)
    (message,) = [entry["message"] for entry in reply["results"] if entry["status"] == "error"]
    assert "view team.artist_breakouts" in message
    assert project.rows("team.artist_breakouts") == seen["artist_breakouts"]
    project.execute("drop schema team cascade")
    project.dbt("run", "--select", "artist_breakouts")
    # Where a model's name is somebody else's, nothing at all is built.
    project.execute("delete from ops.managed_objects where object_name = 'dim_date'")
    (before,) = project.rows("pg_class", "oid = 'marts.dim_date'::regclass")
    reply = project.dbt("run", "--select", "artist_breakouts", "dim_date", expect_success=False)
    assert not reply["success"]
    assert "marts.dim_date" in str(reply)
    assert project.rows("pg_class", "oid = 'marts.dim_date'::regclass") == [before]
    project.execute("insert into ops.managed_objects values ('marts', 'dim_date')")
