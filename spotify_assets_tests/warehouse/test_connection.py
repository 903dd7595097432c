"""Reaching the database: every form of its address, patience, and messages without secrets."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
import pytest
from dbt_common.exceptions import env_secrets, scrub_secrets
from pydantic import SecretStr

from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets.warehouse.embedded import shutdown_watcher
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets.warehouse.errors import DatabaseUnavailable, WarehouseError
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.warehouse import DAY, artists, line, load, start
from spotify_assets_tests.warehouse.loading.test_replace import SLOW_LOADER

CANARY = "canary p@ss/w%rd:#?"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_every_spelling_of_the_scheme_opens(database_url: str, home: Path, scheme: str) -> None:
    url = f"{scheme}://{database_url.partition('://')[2]}"
    warehouse = open_warehouse(load_settings(database_url=SecretStr(url)))
    assert warehouse.url.get_secret_value().startswith("postgresql://")
    assert int(warehouse.ping().split(".")[0]) >= 15


def test_sessions_are_in_utc_named_and_impatient(warehouse: Warehouse) -> None:
    wanted = [("UTC", "spotify_assets", "1min")]
    names = ("timezone", "application_name", "lock_timeout")
    statement = "select " + ", ".join(f"current_setting('{name}')" for name in names)
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchall() == wanted
    with warehouse.adbc() as arrow, arrow.cursor() as reader:
        reader.execute(statement)
        assert reader.fetchall() == wanted


def test_what_is_not_committed_is_rolled_back(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create table forgotten (n integer)")
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('forgotten')")
        assert cursor.fetchone() == (None,)


def test_options_and_parameters_in_the_url_are_kept(database_url: str) -> None:
    separator = "&" if "?" in database_url else "?"
    warehouse = Warehouse(
        SecretStr(
            f"{database_url}{separator}options=-csearch_path%3Dops&application_name=mine&sslmode=prefer"
        )
    )
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select current_setting('search_path'), current_setting('application_name')")
        assert cursor.fetchone() == ("ops", "mine")
    environment = warehouse.dbt_environment()
    assert environment["PGSSLMODE"] == "prefer"
    assert "-csearch_path=ops" in environment["PGOPTIONS"]


@pytest.fixture
def login(database_server: DatabaseServer, database_url: str) -> Iterator[str]:
    """The URL of a user whose password is full of characters that must be quoted."""
    name = f"user_{os.urandom(6).hex()}"
    database_server.execute(f"create role \"{name}\" login password '{CANARY}'")
    parts = urlsplit(database_url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    yield urlunsplit(("postgresql", f"{name}:{quote(CANARY, safe='')}@{host}", parts.path, parts.query, ""))
    database_server.execute(f'drop role "{name}"')


def test_a_password_is_used_and_never_shown(login: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    warehouse = Warehouse(SecretStr(login), connect_seconds=0.2)
    assert warehouse.ping()
    environment = warehouse.dbt_environment()
    assert environment["SPOTIFY_ASSETS_PG_PASSWORD"] == CANARY
    assert environment["SPOTIFY_ASSETS_PG_USER"] == urlsplit(login).username
    seen = [repr(warehouse), str(warehouse), repr(warehouse.dagster_url()), warehouse.where, caplog.text]
    for broken in (login.replace("/test_", "/absent_"), "postgresql://u:" + CANARY + "@localhost:1/db"):
        with pytest.raises(DatabaseUnavailable) as caught:
            Warehouse(SecretStr(broken), connect_seconds=0.2).ping()
        seen += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    for text in seen:
        assert "canary" not in text
        assert "w%rd" not in text


@pytest.mark.parametrize("password", ["spotify_assets", "marts", "x"])
def test_dbt_tells_names_as_they_are_whatever_the_password(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    warehouse = Warehouse(SecretStr(f"postgresql://u:{password}@localhost:1/db"))
    for name, value in warehouse.dbt_environment().items():
        monkeypatch.setenv(name, value)
    told = "model.spotify_assets.artist_milestones in schema marts, index.html"
    assert scrub_secrets(told, env_secrets()) == told


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:canary@localhost:1/db", "Check host and port in DATABASE_URL"),
        ("postgresql://u:canary@no-such-host.invalid/db", "Check host and port in DATABASE_URL"),
        ("postgresql://u:can@ry@localhost/db", "percent-encoded"),
        ("postgresql://u:p@localhost:canary/db", "DATABASE_URL cannot be read"),
        ("postgresql://u:p@localhost/db?canary=1", "DATABASE_URL cannot be read"),
    ],
)
def test_an_address_that_does_not_work_says_what_to_do(url: str, says: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=says) as caught:
        Warehouse(SecretStr(url), connect_seconds=0.2).ping()
    assert "canary" not in str(caught.value)


def test_an_absent_database_is_named_at_once(database_url: str) -> None:
    parts = urlsplit(database_url)
    url = urlunsplit((parts.scheme, parts.netloc, "/absent", parts.query, ""))
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="createdb"):
        Warehouse(SecretStr(url)).ping()
    assert time.monotonic() - started < 5


def test_all_connections_in_use_is_said(database_server: DatabaseServer, database_url: str) -> None:
    name = f"few_{os.urandom(6).hex()}"
    database_server.execute(f"create role \"{name}\" login connection limit 2 password 'x'")
    parts = urlsplit(database_url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    url = urlunsplit(("postgresql", f"{name}:x@{host}", parts.path, parts.query, ""))
    try:
        with ExitStack() as stack:
            held = [psycopg2.connect(url) for _ in range(2)]
            for connection in held:
                stack.callback(connection.close)
            with pytest.raises(DatabaseUnavailable, match="All its connections are in use"):
                Warehouse(SecretStr(url), connect_seconds=0.3).ping()
            threading.Timer(0.4, held[0].close).start()
            assert Warehouse(SecretStr(url), connect_seconds=20).ping()
    finally:
        database_server.execute(f'drop role "{name}"')


def test_a_server_that_starts_later_is_waited_for(short_tmp: Path) -> None:
    url = embedded.ensure_running(short_tmp)
    embedded.release(short_tmp)
    opened: list[str] = []
    warehouse = Warehouse(SecretStr(url), connect_seconds=30)
    waiting = threading.Thread(target=lambda: opened.append(warehouse.ping()))
    waiting.start()
    time.sleep(0.5)
    embedded.ensure_running(short_tmp)
    waiting.join(30)
    embedded.release(short_tmp)
    assert opened


def test_a_server_killed_in_a_load_recovers_and_the_load_is_run_again(short_tmp: Path) -> None:
    warehouse = open_warehouse(load_settings(spotify_assets_home=short_tmp))
    assert warehouse.home == short_tmp.resolve()
    load(warehouse, artists(["a"]))
    loader = start(SLOW_LOADER, WAREHOUSE=warehouse.url.get_secret_value())
    assert line(loader) == "rows written"
    server = shutdown_watcher.server_pid(cluster_folder(short_tmp.resolve()) / "data")
    assert server is not None
    os.kill(server, signal.SIGKILL)
    time.sleep(1)  # its processes notice by themselves
    out, _ = loader.communicate("\n", timeout=60)
    assert "as it was; run again" in out
    assert read_partition(warehouse, "artist_snapshots", DAY).column("artist_id").to_pylist() == ["a"]
    load(warehouse, artists(["b"]))
    assert read_partition(warehouse, "artist_snapshots", DAY).column("artist_id").to_pylist() == ["b"]
    embedded.release(short_tmp)


def test_dagster_keeps_its_records_in_a_schema_of_its_own(warehouse: Warehouse, short_tmp: Path) -> None:
    """Runs in a process: Dagster's import is heavy and leaves threads behind."""
    code = """
import os, threading, sys
import dagster as dg
from dagster._core.events.log import EventLogEntry
@dg.asset
def one(): return 1
if __name__ == "__main__":
    with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
        seen = threading.Event()
        job = dg.Definitions(assets=[one]).resolve_implicit_global_asset_job_def()
        run = instance.create_run_for_job(job)
        instance.watch_event_logs(run.run_id, None, lambda event, cursor: seen.set())
        result = dg.materialize([one], instance=instance)
        instance.report_engine_event("hello", run)
        assert seen.wait(20), "no notification"
        assert result.success
        assert instance.get_latest_materialization_event(dg.AssetKey("one"))
        assert instance.get_run_by_id(result.run_id)
        instance.schedule_storage.all_instigator_state()
        print("all storages work")
"""
    (short_tmp / "dagster.yaml").write_text(
        "storage: {postgres: {postgres_url: {env: DAGSTER_URL}}}\ntelemetry: {enabled: false}\n"
    )
    url = warehouse.dagster_url().get_secret_value()
    process = start(code, str(short_tmp), DAGSTER_URL=url, DAGSTER_HOME=str(short_tmp))
    out, errors = process.communicate(timeout=120)
    assert "all storages work" in out, errors
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select distinct schemaname from pg_tables where tablename in "
            "('runs', 'event_logs', 'instigators', 'alembic_version')"
        )
        assert cursor.fetchall() == [("dagster",)]
        cursor.execute("select count(*) from dagster.alembic_version")
        assert cursor.fetchone() == (1,)


def test_errors_of_the_warehouse_share_one_class() -> None:
    assert issubclass(DatabaseUnavailable, WarehouseError)
