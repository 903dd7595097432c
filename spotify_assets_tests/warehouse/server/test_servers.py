"""Servers as they are: time zones, encodings, languages, limits, several hosts, poolers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import sqlalchemy
from pydantic import SecretStr

from spotify_assets.operations import dump
from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import DatabaseUnavailable
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets.warehouse.server import address
from spotify_assets.warehouse.server.refusals import advice, may_pass
from spotify_assets.warehouse.server.sqlstate import refusals
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.command import change, eventually, query
from spotify_assets_tests.support.warehouse import artists, load

GERMAN = {
    "53300": "FATAL:  tut mir leid, schon zu viele Verbindungen",
    "57P03": "FATAL:  das Datenbanksystem startet",
    "28P01": "FATAL:  Passwort-Authentifizierung für Benutzer »u« fehlgeschlagen",
    "3D000": "FATAL:  Datenbank »spot« existiert nicht",
}


def opened(url: str) -> Warehouse:
    return open_warehouse(load_settings(database_url=SecretStr(url)), connect_seconds=5)


def where(url: str) -> tuple[str, str]:
    """Host and port of the tests' server."""
    ((host, port),) = address.hosts(address.parse(url))
    return host, port


def database(url: str) -> str:
    return urlsplit(url).path[1:]


def seen_by_child(environment: dict[str, str], statement: str) -> str:
    """What a program sees that finds the database by libpq's variables, or by those of the dbt profile."""
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGDATABASE": "DATABASE"}
    names["PGPASSWORD"] = "PASSWORD"
    code = (
        "import os, psycopg2; c = psycopg2.connect('').cursor(); "
        f"c.execute({statement!r}); print(c.fetchone()[0])"
    )
    given = {
        pg: environment.get(pg) or environment.get(f"SPOTIFY_ASSETS_PG_{name}", "")
        for pg, name in names.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True,
        env={**os.environ, **environment, **given},
    )  # fmt: skip
    return done.stdout.strip()


def test_every_door_is_in_utc_and_free_of_the_databases_limits(empty_database_url: str) -> None:
    name = database(empty_database_url)
    change(
        empty_database_url,
        f"alter database \"{name}\" set timezone = 'Asia/Tokyo'; "
        f'alter database "{name}" set statement_timeout = 1; '
        f'alter database "{name}" set idle_in_transaction_session_timeout = 1; '
        f"alter database \"{name}\" set client_encoding = 'LATIN1'",
    )
    warehouse = opened(empty_database_url)
    load(warehouse, artists(["a", "b"]))
    statement = (
        "select concat_ws(' ', current_setting('timezone'), current_setting('statement_timeout'), "
        "current_setting('client_encoding')) from pg_sleep(0.02)"
    )
    seen = []
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        seen += [row[0] for row in cursor.fetchall()]
        time.sleep(0.02)
        cursor.execute("select 1")
    with warehouse.adbc() as arrow, arrow.cursor() as reader:
        reader.execute(statement)
        seen += [row[0] for row in reader.fetchall()]
    engine = sqlalchemy.create_engine(warehouse.dagster_url().get_secret_value())
    with engine.connect() as dagster:
        seen.append(dagster.execute(sqlalchemy.text(statement)).scalar_one())
        assert dagster.execute(sqlalchemy.text("select current_schema()")).scalar_one() == "dagster"
    engine.dispose()
    seen += [seen_by_child(warehouse.dbt_environment(), statement)]
    seen += [seen_by_child(warehouse.libpq_environment(), statement)]
    assert seen == ["UTC 0 UTF8"] * 5


MEANINGS = {
    "datestyle": "SQL, DMY", "intervalstyle": "sql_standard", "bytea_output": "escape",
    "extra_float_digits": "-10", "standard_conforming_strings": "off", "quote_all_identifiers": "on",
    "array_nulls": "off", "transform_null_equals": "on", "xmloption": "document",
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on",
    "search_path": "nowhere", "row_security": "off", "client_min_messages": "debug2",
}  # fmt: skip


def test_what_statements_mean_is_not_the_databases_to_say(empty_database_url: str) -> None:
    name = database(empty_database_url)
    change(
        empty_database_url,
        "".join(
            f"alter database \"{name}\" set {setting} = '{value}'; " for setting, value in MEANINGS.items()
        ),
    )
    opened(empty_database_url)
    warehouse = opened(empty_database_url)  # knows its own schemas again
    load(warehouse, artists(["a", "b"]))
    statement = (
        r"select concat_ws('|', date '2026-11-03', interval '1 day', '\x00'::bytea, 1/3::float8, "
        "format_type('text'::regtype, null), '{NULL}'::text[] is null, quote_ident('a'), "
        "current_setting('transaction_isolation'))"
    )
    seen = {
        seen_by_child(environment, statement)
        for environment in (warehouse.dbt_environment(), warehouse.libpq_environment())
    }
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        seen |= {row[0] for row in cursor.fetchall()}
    assert seen == {r"2026-11-03|1 day|\x00|0.3333333333333333|text|f|a|read committed"}


def test_a_path_that_names_another_schema_before_postgresqls_own_changes_nothing(
    empty_database_url: str,
) -> None:
    change(
        empty_database_url,
        "create schema oracle; create table oracle.pg_class (x int); "
        "create function oracle.substr(text, int, int) returns text language sql return 'theirs'; "
        f'alter database "{database(empty_database_url)}" set search_path = oracle, public, pg_catalog',
    )
    warehouse = opened(empty_database_url)
    load(warehouse, artists(["a", "b"]))
    statement = "select substr('ours', 1, 4) || count(oid) from pg_class where relname = 'watchlist'"
    seen = [
        seen_by_child(environment, statement)
        for environment in (warehouse.dbt_environment(), warehouse.libpq_environment())
    ]
    assert seen == ["ours1"] * 2


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_in_utf8_is_refused_at_once(
    database_server: DatabaseServer, encoding: str
) -> None:
    name = f"test_{uuid.uuid4().hex[:16]}"
    database_server.execute(f"create database {name} encoding '{encoding}' template template0 locale 'C'")
    url = database_server.url(name)
    try:
        with pytest.raises(DatabaseUnavailable, match=f"is in {encoding}.*createdb --encoding=UTF8"):
            opened(url)
        assert query(url, "select nspname from pg_namespace where nspname in ('ops', 'snapshots')") == []
    finally:
        database_server.execute(f"drop database {name}")


def test_a_read_only_database_is_said_to_be(empty_database_url: str) -> None:
    name = database(empty_database_url)
    change(empty_database_url, f'alter database "{name}" set default_transaction_read_only = on')
    with pytest.raises(DatabaseUnavailable, match="is read-only: default_transaction_read_only is on"):
        opened(empty_database_url)


def test_several_hosts_serve_every_door(empty_database_url: str, tmp_path: Path) -> None:
    host, port = where(empty_database_url)
    user = address.parse(empty_database_url)["user"]
    url = (
        f"postgresql://{user}@/{database(empty_database_url)}?host=/nowhere,{host}&port=1,{port}"
        "&target_session_attrs=read-write"
    )
    warehouse = opened(url)
    assert f"at /nowhere:1,{host}:{port}" in warehouse.where
    engine = sqlalchemy.create_engine(warehouse.dagster_url().get_secret_value())
    with engine.connect() as dagster:
        assert dagster.execute(sqlalchemy.text("show timezone")).scalar_one() == "UTC"
    engine.dispose()
    environment = warehouse.dbt_environment()
    assert (environment["SPOTIFY_ASSETS_PG_HOST"], environment["SPOTIFY_ASSETS_PG_PORT"]) == (host, port)
    assert seen_by_child(environment, "select 'here'") == "here"
    dump.dump(warehouse, tmp_path / "dump")
    assert (tmp_path / "dump").stat().st_size > 0


def test_every_door_comes_to_a_database_of_any_name(
    database_server: DatabaseServer, empty_database_url: str
) -> None:
    name = f"{database(empty_database_url)} ü=?&#@:/+"
    database_server.execute(f'alter database "{database(empty_database_url)}" rename to "{name}"')
    try:
        url = empty_database_url.replace(f"/{database(empty_database_url)}", f"/{quote(name, safe='')}")
        warehouse = Warehouse(SecretStr(url))
        engine = sqlalchemy.create_engine(warehouse.dagster_url().get_secret_value())
        statement = "select current_database()"
        with engine.connect() as records, warehouse.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            seen = [str(cursor.fetchall()[0][0]), records.execute(sqlalchemy.text(statement)).scalar()]
        engine.dispose()
        seen += [
            seen_by_child(environment, statement)
            for environment in (warehouse.dbt_environment(), warehouse.libpq_environment())
        ]
        assert seen == [name] * 4
    finally:
        database_server.execute(f'alter database "{name}" rename to "{database(empty_database_url)}"')


def test_a_database_that_dbt_cannot_name_is_refused() -> None:
    for name in ("it%27s", "a%22b", "a%5Cb", "a%25b"):
        with pytest.raises(DatabaseUnavailable, match="rename it"):
            address.parse(f"postgresql://me@here/{name}")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("h1,h2", [("h1", "5432"), ("h2", "5432")]),
        ("h1:1,h2:2", [("h1", "1"), ("h2", "2")]),
        ("[::1]:1,h2", [("::1", "1"), ("h2", "5432")]),
        ("h1,h2:7,h3", [("h1", "5432"), ("h2", "7"), ("h3", "5432")]),
    ],
)
def test_hosts_are_paired_with_their_ports(given: str, wanted: list[tuple[str, str]]) -> None:
    assert address.hosts(address.parse(f"postgresql://u@{given}/db")) == wanted


def test_dagster_gets_the_address_as_it_is_however_it_is_spelt() -> None:
    given = "postgresql://u%40h:p%25%20%2F%3A%3F%23%5B%5D%2B%26%3D@[::1]:7,h2/2025?sslmode=prefer&options=-cx.y%3D1"
    url = sqlalchemy.make_url(address.dagster_url(address.parse(given)))
    assert (url.username, url.password, url.query["dbname"]) == ("u@h", "p% /:?#[]+&=", "2025")
    query = parse_qs(urlsplit(address.dagster_url(address.parse(given))).query)
    assert (query["host"], query["sslmode"]) == (["::1,h2"], ["prefer"])
    assert "-cx.y=1" in query["options"][0]


def test_the_code_of_a_refusal_is_known_in_every_language(
    database_server: DatabaseServer, database_url: str
) -> None:
    assert refusals(database_url) == {}
    assert list(refusals(database_server.url("absent"))) == ["3D000"]
    name = f"few_{uuid.uuid4().hex[:8]}"
    database_server.execute(f"create role {name} login connection limit 0 password 'x'")
    host, port = where(database_url)
    try:
        few = f"postgresql://{name}:x@/{database(database_url)}?host={host}&port={port}"
        assert list(refusals(few)) == ["53300"]
        both = f"postgresql://{name}:x@/absent?host=/nowhere,{host}&port=1,{port}"
        assert set(refusals(both)) <= {"3D000", "53300"}
        assert refusals(both)
    finally:
        database_server.execute(f"drop role {name}")
    nobody = f"postgresql://no_such_user_{name}@/postgres?host={host}&port={port}"
    assert f"no_such_user_{name}" in refusals(nobody)["28000"]
    assert refusals("postgresql://u@127.0.0.1:1/db") == {}


@pytest.mark.parametrize(
    ("code", "passes", "says"),
    [
        ("53300", True, "All its connections are in use"),
        ("57P03", True, "starting, stopping or recovering"),
        ("28P01", False, "Check user and password in DATABASE_URL"),
        ("3D000", False, "Create it (createdb"),
    ],
)
def test_a_german_server_gets_the_advice_of_an_english_one(code: str, passes: bool, says: str) -> None:
    assert may_pass(GERMAN[code], [code]) is passes
    assert says in advice(GERMAN[code], [code], setting="DATABASE_URL", user="u", database="spot")
    # Where the code is not known, a connection is tried again rather than given up.
    assert may_pass(GERMAN[code], [])


@pytest.mark.parametrize(
    "text",
    [
        'connection to server at "h" failed: SSL error: certificate verify failed',
        "fe_sendauth: no password supplied",
        "server does not support SSL, but SSL was required",
        'invalid port number: "x"',
    ],
)
def test_what_libpq_itself_finds_wrong_is_final(text: str) -> None:
    assert not may_pass(text, [])


@pytest.fixture(params=["session", "transaction"])
def pooler(
    request: pytest.FixtureRequest, empty_database_url: str, short_tmp: Path
) -> Iterator[tuple[str, Path, subprocess.Popen[bytes]]]:
    """The URL of a real PgBouncer before the server, and its configuration."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    host, port = where(empty_database_url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = free.getsockname()[1]
    user, name = address.parse(empty_database_url)["user"], database(empty_database_url)
    config = short_tmp / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n{name} = host={host} port={port} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {listen}\nauth_type = any\npool_mode = {request.param}\nunix_socket_dir =\n"
    )
    short_tmp.chmod(0o755)
    reaches = Path(host).owner() if host.startswith("/") else "nobody"  # PgBouncer does not run as root
    command = [program, *(["-u", reaches] if os.getuid() == 0 else []), str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"postgresql://{user}:x@127.0.0.1:{listen}/{name}", config, process
        finally:
            process.terminate()


def test_a_pooler_is_known_and_refused(pooler: tuple[str, Path, subprocess.Popen[bytes]]) -> None:
    url, config, process = pooler

    def refusal() -> str:
        with pytest.raises(DatabaseUnavailable, match=r"connection pooler.*server's own address") as caught:
            opened(url)
        return str(caught.value)

    assert "unsupported startup parameter" in refusal()
    # One that is told to leave our settings out is noticed after connecting.
    config.write_text(config.read_text() + "ignore_startup_parameters = options,extra_float_digits\n")
    process.send_signal(signal.SIGHUP)
    assert eventually(lambda: "settings (time zone, time limits) did not take effect" in refusal())
