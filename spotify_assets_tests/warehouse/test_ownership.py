"""Somebody else's database: what is not ours is named and left as it is, byte for byte."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from pydantic import SecretStr

from spotify_assets.erasure.purge import purge_artist, purge_source, purge_user
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings, load_settings
from spotify_assets.warehouse import ownership
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import ForeignObjects, WarehouseError
from spotify_assets.warehouse.migrate import Migration, migrate, packaged_migrations
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets.warehouse.replaceable import check_replaceable
from spotify_assets.warehouse.roles.platform import set_up
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.command import change, query
from spotify_assets_tests.support.strangers import BESIDE, WAREHOUSE, picture
from spotify_assets_tests.support.warehouse import artists, load

ALL = ("ops", "snapshots", "forecasts", "dagster", "seeds", "staging", "intermediate", "marts")
BEFORE_RECORD = [migration for migration in packaged_migrations() if migration.name < "0012"]


@pytest.fixture
def other_user(database_server: DatabaseServer) -> Iterator[str]:
    """A user who owns nothing of ours."""
    name = f"team_{uuid.uuid4().hex[:8]}"
    database_server.execute(f"create role {name} login password 'x'")
    yield name
    database_server.execute(f"drop role {name}")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A dbt manifest of three models and a seed."""
    names = {"marts": ["dim_date", "dim_artist"], "staging": ["stg_top_tracks"], "seeds": ["thresholds"]}
    nodes = {
        f"{kind}.{name}": {"resource_type": kind, "schema": schema, "alias": name}
        for schema, held in names.items()
        for name in held
        for kind in ["seed" if schema == "seeds" else "model"]
    }
    nodes["test.unique"] = {"resource_type": "test", "schema": "audit", "alias": "unique"}
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"nodes": nodes}))
    return file


def opened(url: str) -> Warehouse:
    return open_warehouse(load_settings(database_url=SecretStr(url)))


def as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, f"{user}:x@{parts.netloc.rpartition('@')[2]}", *parts[2:]))


def refused(url: str) -> str:
    with pytest.raises(ForeignObjects, match="a database of its own: createdb") as caught:
        opened(url)
    with pytest.raises(ForeignObjects), Warehouse(SecretStr(url)).connect() as connection:
        check_replaceable(connection, ALL)
    return str(caught.value)


def test_names_in_the_hands_of_others_are_refused_before_the_first_migration(
    empty_database_url: str, other_user: str
) -> None:
    change(empty_database_url, WAREHOUSE)
    before = picture(Warehouse(SecretStr(empty_database_url)))
    message = refused(empty_database_url)
    for name in ("Schemas dagster, marts, staging", "dagster.runs", "marts.dim_date", "marts.v_fiscal"):
        assert name in message
    assert picture(Warehouse(SecretStr(empty_database_url))) == before
    change(empty_database_url, "drop schema marts, staging, dagster cascade")
    for theirs in (
        *(f"create schema {name}" for name in ALL),
        "create schema ops; create table ops.schema_migrations (version text)",
        "create schema ops; create function ops.on_call() returns int language sql return 1",
        f"create schema marts authorization {other_user}; create table marts.dim_date ()",
    ):
        change(empty_database_url, theirs)
        name = theirs.split()[2].strip(";")
        assert f"Schema {name}" in refused(empty_database_url)
        change(empty_database_url, f"drop schema {name} cascade")
    assert opened(empty_database_url).ping()


def test_a_schema_that_comes_between_two_migrations_is_refused(empty_database_url: str) -> None:
    with_first = [Migration("0001_first", "create schema snapshots;")]
    with psycopg2.connect(empty_database_url) as connection:
        migrate(connection, with_first)
        change(empty_database_url, "create schema later; create table later.theirs (n int)")
        with pytest.raises(ForeignObjects, match=r"Schema later \(later.theirs\)"):
            migrate(connection, [*with_first, Migration("0002_second", "create schema if not exists later;")])
        change(empty_database_url, "create table snapshots.taken (n int)")
        with pytest.raises(ForeignObjects, match=r"0002_second was undone: .*taken"):
            migrate(connection, [*with_first, Migration("0002_second", "create table snapshots.taken ();")])
    connection.close()


def test_beside_a_teams_own_everything_works_and_nothing_of_theirs_changes(
    empty_database_url: str, other_user: str, manifest: Path, tmp_path: Path, database_server: DatabaseServer
) -> None:
    change(empty_database_url, BESIDE)
    owner, tail = Warehouse(SecretStr(empty_database_url)), uuid.uuid4().hex[:8]
    loader = Warehouse(SecretStr(as_user(empty_database_url, f"loader_{tail}")))
    reader = Warehouse(SecretStr(as_user(empty_database_url, f"reader_{tail}")))
    warehouse = opened(empty_database_url)
    try:
        with warehouse.connect() as connection:
            ownership.claim_models(connection, manifest)
        change(
            empty_database_url,
            "insert into ops.watchlist (source, artist_id, added_by) values ('spotify', 'a', 'me'); "
            "create table snapshots.notes (artist_id text); insert into snapshots.notes values ('a'); "
            "create table sales.kept () inherits (ops.watchlist); "
            "insert into sales.kept (source, artist_id, added_by) values ('spotify', 'a', 'them')",
        )
        landing = Landing(f"file://{tmp_path}")
        before = picture(owner, "sales", "public")
        purged = purge_artist(warehouse, landing, tmp_path, "a")
        assert {place.name: place.left for place in purged.places if place.left} == {
            "public.artist_snapshots": 1,
            "sales.artists": 1,
            "sales.kept": 1,
            "sales.orders": 1,
            "snapshots.notes": 1,
        }
        purge_user(warehouse, landing, "anna")
        purge_source(warehouse, landing, tmp_path, "spotify", before=date(2026, 11, 2))
        made, others = set_up(owner, loader, reader)
        assert made == [loader.user, reader.user]
        assert {"schema sales", "table public.artist_snapshots"} <= set(others)
        # Others still connect, as everybody may in a new database.
        assert query(as_user(empty_database_url, other_user), "select count(*) from pg_class")
        # The last line is the database's rights, which name our new users.
        assert picture(owner, "sales", "public").splitlines()[:-1] == before.splitlines()[:-1]
        change(empty_database_url, "drop table snapshots.notes, sales.kept")
        with warehouse.connect() as connection:
            assert set(check_replaceable(connection, ALL)) == set(ALL)
    finally:
        for role in (loader, reader):
            change(empty_database_url, f"drop owned by {role.user} cascade")
            database_server.execute(f"drop role {role.user}")


def test_a_day_is_replaced_where_others_publish_all_tables(
    warehouse: Warehouse, settings: Settings, database_server: DatabaseServer
) -> None:
    assert settings.database_url is not None
    owner = database_server.url(urlsplit(settings.database_url.get_secret_value()).path[1:])
    change(owner, "create publication everything for all tables")
    for _ in range(2):
        load(warehouse, artists(["a", "b"]))
    assert query(owner, "select count(*) from snapshots.artist_snapshots") == [(2,)]


def test_a_restore_is_refused_while_something_of_others_would_go_along(warehouse: Warehouse) -> None:
    url = warehouse.url.get_secret_value()
    within = {
        "table ops.notes": "create table ops.notes (n int)",
        "function marts.mine()": "create function marts.mine() returns int language sql return 1",
        "type staging.kind": "create type staging.kind as enum ('x')",
        "sequence snapshots.numbers": "create sequence snapshots.numbers",
        "materialized view marts.mine": "create materialized view marts.mine as select 1 as n",
    }
    change(url, "create schema team")
    without = {
        "view team.loads": "create view team.loads as select * from ops.current_partition_loads",
        "table constraint fk on team.notes": "create table team.notes (s text, a text, constraint fk "
        "foreign key (s, a) references ops.watchlist (source, artist_id))",
        "function team.watched()": "create function team.watched() returns bigint language sql "
        "begin atomic select count(*) from ops.watchlist; end",
        "table team.child": "create table team.child () inherits (ops.quarantine)",
        "table column team.typed.one": "create table team.typed (one ops.watchlist)",
    }
    change(url, ";".join([*within.values(), *without.values()]))
    # Parts of what is ours are no strangers: partitions, indexes, what dbt left behind.
    change(url, "select ops.ensure_month('top_tracks', '2026-11-20'); create index mine on "
                "ops.watchlist (name); "
                """select ops.claim_relations('[["marts", "dim_date"]]');"""
                "create table marts.dim_date__dbt_backup (n int)")  # fmt: skip
    with warehouse.connect() as connection:
        with pytest.raises(ForeignObjects) as caught:
            check_replaceable(connection, ALL)
        assert sorted(ownership.foreign(connection)) == sorted([*within, *without])
    assert "would drop what Spotify Assets did not make" in str(caught.value)
    change(url, "drop schema team cascade; drop table ops.notes; drop function marts.mine; "
                "drop type staging.kind; "
                "drop sequence snapshots.numbers; drop materialized view marts.mine")  # fmt: skip
    with warehouse.connect() as connection:
        assert set(check_replaceable(connection, ALL)) == set(ALL)


def test_a_models_name_that_is_taken_is_refused_before_a_build(warehouse: Warehouse, manifest: Path) -> None:
    url = warehouse.url.get_secret_value()
    clean = (
        "drop schema if exists marts cascade; create schema marts; "
        "insert into ops.managed_objects values ('marts', '')"
    )
    with warehouse.connect() as connection:
        for theirs in (
            "create table marts.dim_date (date_key int)",
            "create type marts.dim_date as enum ('x')",
            "create sequence marts.dim_date",
            "create materialized view marts.dim_date as select 1 as n",
            "create table x (n int); create index dim_date on x (n); alter table x set schema marts",
            "delete from ops.managed_objects where schema_name = 'marts'",  # the schema is theirs
        ):
            change(url, theirs)
            before = query(url, "select * from ops.managed_objects order by 1, 2")
            with pytest.raises(ForeignObjects, match=r"marts\.dim_date.*database of its own"):
                ownership.claim_models(connection, manifest)
            assert query(url, "select * from ops.managed_objects order by 1, 2") == before
            change(url, f"{clean} on conflict do nothing")
        ownership.claim_models(connection, manifest)
        change(url, "create table marts.dim_date (n int)")
        ownership.claim_models(connection, manifest)


def test_an_installation_from_before_the_record_is_known(empty_database_url: str, manifest: Path) -> None:
    with psycopg2.connect(empty_database_url) as connection:
        migrate(connection, BEFORE_RECORD)
    connection.close()
    change(
        empty_database_url,
        "create schema marts; create table marts.dim_date (n int); "
        "create view marts.fiscal as select 1 as n; "
        "create schema intermediate; insert into ops.model_builds (version) values ('earlier'); "
        "create schema staging; create table staging.raw_invoices (n int); "
        "create table dagster.runs (id int); select ops.ensure_month('top_tracks', '2026-11-20')",
    )
    unmigrated = Warehouse(SecretStr(empty_database_url))
    before = picture(unmigrated)
    with unmigrated.connect() as connection, pytest.raises(WarehouseError, match="Schema staging"):
        check_replaceable(connection, ALL)
    assert picture(unmigrated) == before
    warehouse = opened(empty_database_url)
    with warehouse.connect() as connection:
        assert ownership.foreign(connection) == ["view marts.fiscal"]
        with pytest.raises(ForeignObjects, match=r"staging\.stg_.*Nothing was changed"):
            ownership.claim_models(connection, manifest)
        change(empty_database_url, "alter table staging.raw_invoices set schema public")
        change(empty_database_url, "insert into ops.managed_objects values ('staging', '')")
        ownership.claim_models(connection, manifest)


def test_of_models_that_were_never_noted_as_built_those_described_by_dbt_are_ours(
    empty_database_url: str, manifest: Path
) -> None:
    with psycopg2.connect(empty_database_url) as connection:
        migrate(connection, BEFORE_RECORD)
    connection.close()
    change(
        empty_database_url,
        "create schema marts; create table marts.dim_date (n int); create table marts.dim_artist (n int); "
        "comment on table marts.dim_date is 'Days.'; comment on column marts.dim_date.n is 'Number.'; "
        "comment on table marts.dim_artist is 'Ours, by hand.'",
    )
    warehouse = opened(empty_database_url)
    with warehouse.connect() as connection:
        assert ownership.foreign(connection) == ["table marts.dim_artist"]
        with pytest.raises(ForeignObjects, match=r"built: marts\.dim_artist\. Nothing"):
            ownership.claim_models(connection, manifest)
