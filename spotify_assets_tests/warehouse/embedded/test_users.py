"""On the embedded server the platform is no superuser, and whoever asks by `sql` may only read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from pydantic import SecretStr

from spotify_assets.settings import Settings, load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import users
from spotify_assets.warehouse.errors import QueryRefused
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets.warehouse.query import read_only_query
from spotify_assets.warehouse.roles.platform import grant_reader
from spotify_assets_tests.support.servers.embedded_server import administrator_url
from spotify_assets_tests.support.warehouse import artists, load


@pytest.fixture
def default_settings(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The embedded default, as a user has it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return load_settings(spotify_assets_home=short_tmp, database_url=None)


@pytest.fixture
def reader(default_settings: Settings) -> Iterator[Warehouse]:
    """The reader, while a session of the platform's own is open."""
    own = open_warehouse(default_settings)
    load(own, artists(["a", "b", "c"]))
    found = Warehouse.reach_reader(default_settings)
    assert found is not None
    grant_reader(own, found)
    with own.connect():
        yield found


FORBIDDEN = (
    "select pg_read_file('postgresql.conf')",
    "select pg_ls_dir('.')",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'spotify_assets'",
    "select pg_reload_conf()",
    "select pg_stat_reset()",
    "select pg_switch_wal()",
    "select * from ops.users",
    "select * from dagster.runs",
    "select lo_create(0)",
    "select pg_create_physical_replication_slot('x')",
)


def test_the_reader_can_neither_reach_the_server_nor_private_tables(reader: Warehouse) -> None:
    assert read_only_query(reader, "select count(*) from artist_snapshots", 1).rows == [(3,)]
    for statement in FORBIDDEN:
        with pytest.raises(QueryRefused, match=r"permission denied|must be|[Oo]nly|does not exist"):
            read_only_query(reader, statement, 5)


def test_many_may_ask_at_once_and_while_tables_change(default_settings: Settings) -> None:
    own = open_warehouse(default_settings)
    load(own, artists(["a"]))
    reader = Warehouse.reach_reader(default_settings)
    assert reader is not None
    with ThreadPoolExecutor(4) as askers:
        for granted in [askers.submit(grant_reader, own, reader) for _ in range(4)]:
            granted.result()
    with own.connect() as building, building.cursor() as cursor:
        cursor.execute("grant select on snapshots.artist_snapshots to public")  # not committed
        grant_reader(replace(own, lock_seconds=0.2), reader)
    assert read_only_query(reader, "select count(*) from artist_snapshots", 1).rows == [(1,)]
    with own.connect() as building, building.cursor() as cursor:
        cursor.execute("revoke select on snapshots.artist_snapshots from spotify_assets_reader")
        building.commit()
    grant_reader(own, reader)
    assert read_only_query(reader, "select count(*) from artist_snapshots", 1).rows == [(1,)]


def test_what_is_returned_is_bounded_by_bytes_and_time(reader: Warehouse) -> None:
    large = "select repeat('x', 1000000) from generate_series(1, 1000)"
    found = read_only_query(reader, large, 10_000, most_bytes=5 << 20)
    assert found.truncated
    assert 5 <= len(found.rows) < 12
    with pytest.raises(QueryRefused, match="took too long"):
        read_only_query(reader, large, 10_000, seconds=0.3, most_bytes=1 << 40)
    many = read_only_query(reader, "select n from generate_series(1, 25000) as g (n)", 20_000)
    assert (len(many.rows), many.truncated, many.rows[-1]) == (20_000, True, (20_000,))
    whole = read_only_query(reader, "select n from generate_series(1, 2500) as g (n)", 2_500)
    assert (len(whole.rows), whole.truncated) == (2_500, False)


def test_a_cluster_from_before_is_handed_over_to_the_platform_s_user(short_tmp: Path) -> None:
    admin = administrator_url(short_tmp)

    def connect(database: str) -> PgConnection:
        return psycopg2.connect(admin.replace("/postgres?", f"/{database}?"))

    def ask(query: str) -> list[tuple[object, ...]]:
        with connect("spotify_assets") as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    with connect("spotify_assets") as connection, connection.cursor() as cursor:
        cursor.execute("alter database spotify_assets owner to postgres")
        cursor.execute("""
            create schema ops; create schema marts;
            create table ops.loads (id bigserial primary key, day date) partition by range (id);
            create table ops.loads_1 partition of ops.loads for values from (1) to (10);
            create view marts.days as select day from ops.loads;
            create materialized view marts.kept as select 1 as n;
            create function ops.f(x integer default 1) returns integer language sql as 'select x';
            create type ops.kind as enum ('a', 'b');
            create sequence ops.numbers;
            insert into ops.loads (day) values ('2026-11-20')
        """)
    for _ in range(2):
        users.set_up(connect)
    theirs = "(select oid from pg_roles where rolname = 'postgres')"
    assert ask(f"select relname from pg_class where relowner = {theirs} and oid >= 16384") == []
    assert ask(f"select proname from pg_proc where proowner = {theirs} and oid >= 16384") == []
    assert ask(f"select nspname from pg_namespace where nspowner = {theirs} and oid >= 16384") == []
    own = Warehouse(SecretStr(admin.replace("postgres@/postgres?", "spotify_assets@/spotify_assets?")))
    with own.connect() as connection, connection.cursor() as cursor:
        cursor.execute("insert into ops.loads (day) values ('2026-11-21') returning id, ops.f()")
        assert cursor.fetchall() == [(2, 1)]
        cursor.execute("drop schema marts cascade; drop schema ops cascade")
        cursor.execute("select rolsuper or rolcreaterole from pg_roles where rolname = current_user")
        assert cursor.fetchall() == [(False,)]
