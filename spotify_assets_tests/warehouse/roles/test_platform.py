"""Owner, loader and reader on a real server: what each may do works, and what it may not is refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
import pytest
from pydantic import SecretStr

from spotify_assets.settings import Settings, load_settings
from spotify_assets.users.store import users
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import RolesRefused
from spotify_assets.warehouse.loading.tables import ensure_month
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets.warehouse.ownership import BUILT
from spotify_assets.warehouse.roles.dagster_records import set_up_records
from spotify_assets.warehouse.roles.platform import set_up
from spotify_assets_tests.conftest import DatabaseServer

PASSWORD = "pass/word@ß"


@dataclass(frozen=True)
class Roles:
    """A database with an owner, and the URLs of all five."""

    owner: str
    loader: str
    reader: str
    keeper: str
    viewer: str

    def settings(self) -> Settings:
        return load_settings(
            database_url=SecretStr(self.loader),
            database_owner_url=SecretStr(self.owner),
            database_reader_url=SecretStr(self.reader),
        )

    def warehouses(self) -> tuple[Warehouse, Warehouse, Warehouse]:
        settings = self.settings()
        owner, reader = Warehouse.reach_owner(settings), Warehouse.reach_reader(settings)
        assert owner is not None
        assert reader is not None
        return owner, Warehouse.reach(settings), reader


@pytest.fixture
def roles(database_server: DatabaseServer) -> Iterator[Roles]:
    """An empty database of an owner who may make roles; the others do not exist."""
    tail = uuid.uuid4().hex[:8]
    names = [f"{kind}_{tail}" for kind in ("owner", "loader", "reader", "keeper", "viewer")]
    database_server.execute(f"create role {names[0]} login createrole password '{PASSWORD}'")
    try:
        with database_server.database() as url:
            parts = urlsplit(url)
            database_server.execute(f'alter database "{parts.path[1:]}" owner to {names[0]}')
            host = parts.netloc.rpartition("@")[2]
            yield Roles(
                *(
                    urlunsplit(
                        (parts.scheme, f"{name}:pass%2Fword%40%C3%9F@{host}", parts.path, parts.query, "")
                    )
                    for name in names
                )
            )
    finally:
        for name in reversed([*names, *odd(tail)]):
            quoted = name.replace('"', '""')
            database_server.execute(f'drop role if exists "{quoted}"')


def odd(tail: str) -> list[str]:
    """Names of loader, reader, keeper and viewer that have to be quoted."""
    return [f"{kind}{tail}" for kind in ("Load Er", "re\"a'der", "Keep.Er@corp", "vi%ewer")]


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetchall() if cursor.description else []
        connection.commit()
        return found


def refused(url: str, statement: str) -> None:
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
        run(url, statement)


LOAD = (
    "insert into snapshots.artist_snapshots (snapshot_date, source, artist_id, requested_id, observed_at) "
    "values ('2026-11-20', 'spotify', 'a', 'a', now())"
)


def test_each_may_do_its_work(roles: Roles) -> None:
    owner, loader, reader = roles.warehouses()
    assert set_up(owner, loader, reader) == ([loader.user, reader.user], [])
    assert set_up(owner, loader, reader) == ([], [])
    warehouse = open_warehouse(roles.settings())
    assert warehouse.user == loader.user
    with warehouse.connect() as connection:
        assert ensure_month(connection, "artist_snapshots", date(2026, 11, 20)) == "artist_snapshots_2026_11"
    run(roles.loader, LOAD)
    run(roles.loader, "delete from ops.quarantine; insert into ops.watchlist (source, artist_id, added_by) "
                      "values ('spotify', 'a', 'me')")  # fmt: skip
    # As dbt does: a table is made anew in the place of the old one, again and again.
    for value in (1, 2):
        run(
            roles.loader,
            f"create table marts.new as select {value} as n; drop table if exists marts.trend; "
            "alter table marts.new rename to trend; create table dagster.t as select 1; drop table dagster.t",
        )
        assert run(roles.reader, "select n from marts.trend") == [(value,)]
    assert run(roles.reader, "select artist_id from snapshots.artist_snapshots") == [("a",)]
    assert run(roles.reader, "select count(*) from ops.current_partition_loads") == [(0,)]
    assert run(roles.reader, "select count(*) from forecasts.shown_forecasts") == [(0,)]
    assert users(warehouse) == []


def test_what_is_not_theirs_is_refused(roles: Roles) -> None:
    owner, loader, reader = roles.warehouses()
    set_up(owner, loader, reader)
    run(
        roles.loader,
        "create table marts.trend as select 1 as n; select ops.ensure_month('top_tracks', current_date)",
    )
    run(roles.loader, "create table intermediate.inner_one as select 1 as n")
    for statement in (
        "alter table snapshots.artist_snapshots add column mine text",
        "drop table snapshots.top_tracks",
        "truncate ops.partition_loads",
        "create table snapshots.mine (n integer)",
        "create table ops.mine (n integer)",
        "create schema mine",
        "update ops.schema_migrations set checksum = 'x'",
        "delete from ops.schema_migrations",
        "create role mine",
        f"alter role {reader.user} createdb",
        f"set role {owner.user}",
        "select pg_read_file('/etc/passwd')",
    ):
        refused(roles.loader, statement)
    for statement in (
        "select * from ops.users",
        "select refresh_token from ops.users",
        "select * from intermediate.inner_one",
        "set default_transaction_read_only = off; create table dagster.mine (n integer)",
        "insert into ops.watchlist (source, artist_id, added_by) values ('spotify', 'a', 'me')",
        "set default_transaction_read_only = off; delete from marts.trend",
        "set default_transaction_read_only = off; " + LOAD,
        "set default_transaction_read_only = off; create table marts.mine (n integer)",
        "set default_transaction_read_only = off; create temporary table mine (n integer)",
        "select ops.ensure_month('top_tracks', current_date)",
        f"set role {loader.user}",
    ):
        refused(roles.reader, statement)


def test_the_function_makes_months_of_loaded_tables_only(roles: Roles) -> None:
    owner, loader, reader = roles.warehouses()
    set_up(owner, loader, reader)
    for name in ("nothing", "top_tracks; drop table ops.users", '"', "../ops.users"):
        with pytest.raises(psycopg2.errors.UndefinedTable):
            run(roles.loader, f"select ops.ensure_month($x${name}$x$, current_date)")
    # Whatever the caller puts into its own search path, the function does not look there.
    run(
        roles.loader,
        "create function pg_temp.date_trunc(text, date) returns date language sql as 'select null::date'; "
        "set search_path = pg_temp, pg_catalog; select ops.ensure_month('top_tracks', '2026-11-20')",
    )
    assert run(roles.loader, "select to_regclass('snapshots.top_tracks_2026_11') is not null") == [(True,)]


def test_passwords_are_hashed_before_they_leave(roles: Roles, database_server: DatabaseServer) -> None:
    owner, loader, reader = roles.warehouses()
    set_up(owner, loader, reader)
    with closing(psycopg2.connect(database_server.admin_url)) as connection, connection.cursor() as cursor:
        cursor.execute("select rolpassword, rolsuper, rolcreatedb, rolcreaterole from pg_authid "
                       "where rolname = any(%s)", ([loader.user, reader.user],))  # fmt: skip
        found = cursor.fetchall()
    assert [row[1:] for row in found] == [(False, False, False)] * 2
    assert all(row[0].startswith("SCRAM-SHA-256$") for row in found)
    assert PASSWORD not in repr((owner, loader, reader))


def test_what_one_user_has_made_is_handed_over(roles: Roles) -> None:
    """A database that was used with one user so far, who now only owns it."""
    owner, loader, reader = roles.warehouses()
    open_warehouse(load_settings(database_url=SecretStr(roles.owner)))
    run(
        roles.owner,
        "".join(f"create table {name}.old as select 1 as n;" for name in BUILT)
        + 'select ops.claim_relations(\'[["marts", "seen"]]\'); insert into ops.managed_objects '
        f"select unnest(array{list(BUILT)}), 'old'",
    )
    run(roles.owner, "create table dagster.event_logs (id serial primary key); "
                     "create view marts.seen as select * from marts.old")  # fmt: skip
    set_up(owner, loader, reader)
    run(roles.loader, "drop table seeds.old; insert into dagster.event_logs default values")
    run(roles.loader, "create or replace view marts.seen as select n from marts.old")
    assert run(roles.reader, "select n from marts.seen") == [(1,)]


def test_a_new_version_is_migrated_by_the_owner(roles: Roles) -> None:
    owner, loader, reader = roles.warehouses()
    set_up(owner, loader, reader)
    run(
        roles.owner,
        "alter table ops.partition_loads drop column lake_parts cascade; "
        "delete from ops.schema_migrations where name >= '0017'",
    )
    open_warehouse(roles.settings())
    run(roles.loader, "select lake_parts from ops.current_partition_loads")


def test_what_does_not_fit_is_refused(roles: Roles, database_server: DatabaseServer) -> None:
    owner, loader, reader = roles.warehouses()
    with pytest.raises(
        RolesRefused, match="Each URL has to name another user: DATABASE_OWNER_URL names owner_"
    ):
        set_up(owner, Warehouse(SecretStr(roles.owner)), reader)
    with pytest.raises(RolesRefused, match="The URLs have to name the same database"):
        set_up(owner, Warehouse(SecretStr(roles.loader.replace("/test_", "/other_"))), reader)
    database_server.execute(f"alter role {owner.user} nocreaterole")
    with pytest.raises(RolesRefused, match=f'run: ALTER ROLE "{owner.user}" CREATEROLE'):
        set_up(owner, loader, reader)


def test_users_may_have_any_name(roles: Roles) -> None:
    owner, *_ = roles.warehouses()
    odd_names = odd(owner.user.rpartition("_")[2])
    loader, reader, keeper, viewer = (
        Warehouse(SecretStr(roles.owner.replace(owner.user, quote(name, safe="")))) for name in odd_names
    )
    for made in (odd_names, []):
        assert set_up(owner, loader, reader)[0] == made[:2]
        run(roles.owner, "create table if not exists dagster.runs (id integer)")
        assert set_up_records(owner, loader, keeper, viewer) == made[2:]
    assert run(viewer.url.get_secret_value(), "select count(*) from dagster.runs") == [(0,)]


def test_dagster_keeps_its_records_as_a_user_who_sees_no_data(roles: Roles) -> None:
    owner, loader, reader = roles.warehouses()
    keeper, viewer = Warehouse(SecretStr(roles.keeper)), Warehouse(SecretStr(roles.viewer))
    set_up(owner, loader, reader)
    # As after years with one user: the loader's tables are handed over.
    run(roles.loader, "create table dagster.asset_keys (id serial primary key, cached_status_data text)")
    assert set_up_records(owner, loader, keeper, viewer) == [keeper.user, viewer.user]
    set_up(owner, loader, reader)
    assert set_up_records(owner, loader, keeper, viewer) == []
    kept, seen = roles.keeper, roles.viewer
    run(kept, "insert into dagster.asset_keys default values; create table dagster.runs (id serial)")
    run(kept, "insert into dagster.runs default values; alter table dagster.asset_keys add column more text")
    assert run(roles.loader, "delete from dagster.runs returning id") == [(1,)], "runs prune records"
    assert run(seen, "select count(*) from dagster.runs, dagster.asset_keys") == [(0,)]
    run(kept, "create table dagster.instance_info (run_storage_id text)")
    set_up_records(owner, loader, keeper, viewer)
    assert len(run(seen, "select run_storage_id from dagster.instance_info")) == 1
    run(seen, "update dagster.asset_keys set cached_status_data = 'counted'")
    for statement in (
        "insert into dagster.runs default values",
        "delete from dagster.asset_keys",
        "update dagster.asset_keys set more = 'x'",
        "create table dagster.mine (n integer)",
        f"set role {keeper.user}",
    ):
        refused(seen, statement)
    for url in (kept, seen):
        for statement in (
            "select * from snapshots.artist_snapshots",
            "select * from ops.users",
            "select * from ops.watchlist",
            "create schema mine",
            f"set role {loader.user}",
            f"set role {owner.user}",
            "select pg_read_file('/etc/passwd')",
        ):
            refused(url, statement)
