"""`up`: one a home, one a database, and what its terminal says of them."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from dagster._daemon.types import DaemonHeartbeat

from spotify_assets.cli.commands.operations.watching import HomeGone, Watch
from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.clocks.clocked import record_run
from spotify_assets_tests.support.command import Installation, eventually
from spotify_assets_tests.support.dagster_records import dagster_records


@pytest.fixture
def environment(settings: Settings, warehouse: Warehouse) -> Environment:
    return Environment(settings, warehouse, Landing(settings.effective_lake_url))


@pytest.fixture
def instance(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    with dagster_records(environment, monkeypatch) as found:
        yield found


def free_ports() -> tuple[str, str]:
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1]), str(two.getsockname()[1])


def test_a_second_one_in_the_home_is_refused_by_pid_and_address(installation: Installation) -> None:
    log, lock = installation.home / "out.log", installation.home / "up.lock"
    port, docs = free_ports()
    with log.open("w") as output:
        first = installation.start("up", "--port", port, "--docs-port", docs, output=output)
        try:
            assert eventually(lambda: lock.exists() and lock.read_text(), 100), log.read_text()
            second = installation.run("up", "--port", port, "--docs-port", docs)
        finally:
            first.send_signal(signal.SIGTERM)
            code = first.wait(100)
    assert second.code == 1
    assert f"already running in this home (pid {first.pid}, http://127.0.0.1:{port})" in second.err
    assert json.loads(lock.read_text())["pid"] == first.pid
    assert code == 130, log.read_text()
    assert "Stopped before everything had started." in log.read_text()
    assert "What was committed" not in log.read_text()


@contextmanager
def heartbeats(instance: dg.DagsterInstance) -> Iterator[None]:
    """A daemon elsewhere, as the database knows it."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.3):
            now = datetime.now(UTC).timestamp()
            instance.add_daemon_heartbeat(DaemonHeartbeat(now, "SENSOR", "elsewhere"))

    instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp(), "SENSOR", "elsewhere"))
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_daemon_of_another_machine_is_known_by_its_heartbeats(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path, database_url: str
) -> None:
    other = tmp_path / "other home"
    other.mkdir()
    port, docs = free_ports()
    with heartbeats(instance):
        done = Installation(other, {"DATABASE_URL": database_url}).run(
            "up", "--port", port, "--docs-port", docs
        )
    assert done.code == 1
    assert "A Dagster daemon already works on this database" in done.err
    assert not (other / "logs").exists(), "nothing was started"


def test_runs_and_an_absent_database_are_told_line_by_line(
    environment: Environment, instance: dg.DagsterInstance, database_url: str
) -> None:
    at = datetime(2026, 11, 20, 12, 3, tzinfo=UTC)
    record_run(instance, at)
    said: list[str] = []
    watch = Watch(environment.settings.spotify_assets_home, environment.warehouse, "http://web", said.append)
    watch.look()
    assert said == [], "what was there before is old"
    failed = record_run(instance, at, dg.DagsterRunStatus.FAILURE)
    going = record_run(instance, at, dg.DagsterRunStatus.STARTED)
    watch.look()
    watch.look()
    assert [line.partition("  ")[2] for line in said] == [
        f"observe_day of 2026-11-20 failed: http://web/runs/{failed}", "observe_day of 2026-11-20 started"
    ]  # fmt: skip
    run = instance.get_run_by_id(going)
    assert run is not None
    instance.report_run_canceled(run)
    watch.look()
    assert said[2:] == [line for line in said[2:] if line.endswith("observe_day of 2026-11-20 was cancelled")]
    assert len(said) == 3


def test_a_home_that_is_gone_or_another_ends_it(environment: Environment) -> None:
    home = environment.settings.spotify_assets_home
    watch = Watch(home, environment.warehouse, "http://web", print)
    watch.look()
    shutil.rmtree(home)
    with pytest.raises(HomeGone, match="was removed while the platform was running"):
        watch.look()
    home.mkdir()
    (home / "postgres").mkdir()
    home.rename(home.with_name("moved"))
    home.mkdir()
    with pytest.raises(HomeGone):
        watch.look()


def test_sql_clients_are_told_where_to_connect(installation: Installation, database: str) -> None:
    done = installation.run("status", "--url").succeeded()
    url = done.out.strip()
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select current_database()")
        assert cursor.fetchone() == (psycopg2.extensions.parse_dsn(database)["dbname"],)
    shown = installation.run(
        "status", "--url",
        DATABASE_URL=database.replace("?", "?sslpassword=canary&").replace("@", ":canary@", 1),
    )  # fmt: skip
    assert "canary" not in shown.text
