"""Migrations: in order, once, whole, and never silently different."""

from __future__ import annotations

import multiprocessing

import psycopg2
import pytest

from spotify_assets.warehouse.errors import MigrationError
from spotify_assets.warehouse.migrate import Migration, migrate, packaged_migrations

FIRST = Migration("0001_first", "create table public.first (n integer);")
SECOND = Migration("0002_second", "create table public.second (n integer); insert into first values (1);")


def _migrate(url: str) -> None:
    connection = psycopg2.connect(url)
    migrate(connection)
    connection.close()


def test_the_packaged_files_are_applied_once_in_order(empty_database_url: str) -> None:
    connection = psycopg2.connect(empty_database_url)
    names = [migration.name for migration in packaged_migrations()]
    assert names == sorted(names)
    assert migrate(connection) == names
    assert migrate(connection) == []
    with connection.cursor() as cursor:
        cursor.execute("select name from ops.schema_migrations order by name")
        assert [row[0] for row in cursor.fetchall()] == names
        wanted = "('snapshots', 'ops', 'dagster')"
        cursor.execute(f"select nspname from pg_namespace where nspname in {wanted} order by 1")
        assert [row[0] for row in cursor.fetchall()] == ["dagster", "ops", "snapshots"]
    connection.close()


def test_four_processes_migrate_at_once(empty_database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_migrate, args=(empty_database_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def test_a_later_file_is_added_and_a_failing_one_is_undone(empty_database_url: str) -> None:
    connection = psycopg2.connect(empty_database_url)
    assert migrate(connection, [FIRST]) == ["0001_first"]
    broken = Migration("0002_second", "create table public.half (n integer); select nonsense;")
    with pytest.raises(MigrationError, match="0002_second failed and was undone"):
        migrate(connection, [FIRST, broken])
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('public.half')")
        assert cursor.fetchone() == (None,)
    connection.commit()
    assert migrate(connection, [FIRST, SECOND]) == ["0002_second"]
    connection.close()


def test_what_does_not_fit_the_database_is_refused(empty_database_url: str) -> None:
    connection = psycopg2.connect(empty_database_url)
    migrate(connection, [FIRST, SECOND])
    with pytest.raises(MigrationError, match="0001_first was changed after"):
        migrate(connection, [Migration("0001_first", "select 1"), SECOND])
    with pytest.raises(MigrationError, match=r"newer than this version.*0002_second"):
        migrate(connection, [FIRST])
    with pytest.raises(MigrationError, match="0001_inserted comes before 0002_second"):
        migrate(connection, [FIRST, Migration("0001_inserted", "select 1"), SECOND])
    assert migrate(connection, [Migration("0001_first", FIRST.sql), SECOND]) == []
    connection.close()


def test_line_ends_do_not_count_as_a_change(empty_database_url: str) -> None:
    connection = psycopg2.connect(empty_database_url)
    migrate(connection, [Migration("0001_first", "select 1;\nselect 2;\n")])
    assert migrate(connection, [Migration("0001_first", "select 1;\r\nselect 2;\r\n")]) == []
    connection.close()
