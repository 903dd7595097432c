"""Processes sharing a credential when things go wrong: full window, pause, kill, lost connections."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.asking import asked, started
from spotify_assets_tests.support.simulator_server import running

pytestmark = [pytest.mark.faults, pytest.mark.timeout(200, func_only=True)]

PER_SECOND = 25.0
WINDOW = 30.0


@pytest.fixture
def database(database_server: DatabaseServer) -> Iterator[str]:
    with database_server.database(database_server.template) as url:
        yield url


@pytest.fixture
def upstream() -> Iterator[str]:
    config = SimulatorConfig(
        artists=1500, quirks=False, latency_ms=20, requests_per_second=PER_SECOND, window_seconds=WINDOW
    )
    with running(config) as url:
        yield url


def calls(upstream: str) -> list[float]:
    """When the calls arrived."""
    return [each["time"] for each in asked(upstream) if each["path"] != "/api/token"]


def test_four_processes_use_a_limit_and_never_meet_it(database: str, upstream: str) -> None:
    with started(database, upstream, 4, artists=275, per_second=PER_SECOND) as processes:
        for each in processes:
            each.go()
        outcomes = [each.outcome() for each in processes]
    assert [(o.answered, o.throttled, o.failures, o.stopped) for o in outcomes] == [(275, 0, 0, "")] * 4
    at = calls(upstream)
    end = at[0] + min(o.seconds for o in outcomes)
    steady = [t for t in at if at[0] + WINDOW <= t < end]
    assert len(steady) >= 0.9 * PER_SECOND * (end - at[0] - WINDOW)


def test_a_pause_that_one_meets_is_kept_by_all(database: str, upstream: str) -> None:
    rule = {"fault": "rate_limited", "path": "/top-tracks", "after": 40, "times": 1, "seconds": 4}
    httpx.post(f"{upstream}/_simulator/faults", json=rule).raise_for_status()
    with started(database, upstream, 4, artists=40, per_second=PER_SECOND) as processes:
        for each in processes:
            each.go()
        outcomes = [each.outcome() for each in processes]
    assert [(o.answered, o.failures, o.stopped) for o in outcomes] == [(40, 0, "")] * 4
    assert sum(o.throttled for o in outcomes) == 1
    (met,) = [each["time"] for each in asked(upstream) if each["status"] == 429]
    assert not [at for at in calls(upstream) if met + 0.5 < at < met + 3.9]


def test_a_killed_process_takes_nothing_with_it(database: str, upstream: str) -> None:
    with started(database, upstream, 3, artists=120, per_second=PER_SECOND) as processes:
        for each in processes:
            each.go()
        time.sleep(3)
        processes[0].process.kill()
        outcomes = [each.outcome() for each in processes[1:]]
    assert [(o.answered, o.throttled, o.stopped) for o in outcomes] == [(120, 0, "")] * 2
    at = calls(upstream)
    assert (len(at) - 1) / (at[-1] - at[0]) >= 0.8 * PER_SECOND


def test_books_that_are_cut_off_midway_are_opened_again(
    database: str, database_server: DatabaseServer, upstream: str
) -> None:
    """As when the database server restarts: every connection to it is ended, more than once."""
    name = database.split("?", maxsplit=1)[0].rpartition("/")[2]
    with started(database, upstream, 2, artists=100, per_second=PER_SECOND) as processes:
        for each in processes:
            each.go()
        for _ in range(4):
            time.sleep(0.7)
            database_server.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
            )
        outcomes = [each.outcome() for each in processes]
    assert [(o.answered, o.throttled, o.failures, o.stopped) for o in outcomes] == [(100, 0, 0, "")] * 2
