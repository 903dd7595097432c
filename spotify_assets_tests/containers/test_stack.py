"""docker-compose.yml, brought up for real: it observes today, survives the death of each service, and lets no
stranger in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from spotify_assets.simulator.catalogue import Catalogue
from spotify_assets_tests.cli.command import contents, eventually, query
from spotify_assets_tests.containers.engine import GUEST, LONGEST, Stack, compose_command

pytestmark = [pytest.mark.containers, pytest.mark.timeout(LONGEST * 2)]

SERVICES = ("postgres", "simulator", "code", "web", "daemon", "docs", "web-public", "proxy")
ARTISTS = Catalogue(artists=1000).artist_ids(12)
NOT_COMPARED = {"marts.data_quality_daily"}
"""Tells of each time it was looked, not only of what was seen."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    engine, compose = compose_command()
    made = Stack(engine, compose, tmp_path_factory.mktemp("compose"))
    made.environment()
    began = time.monotonic()
    try:
        made.must("build")
        print(f"built after {time.monotonic() - began:.0f} s")
        made.up()
        assert eventually(made.knows_the_job, 600, 2), made.logs("web")[-3000:]
        print(f"up after {time.monotonic() - began:.0f} s")
        yield made
    finally:
        made.do("down", "-v", "-t", "2")
        print(f"torn down after {time.monotonic() - began:.0f} s")


@pytest.fixture(scope="module")
def today(stack: Stack) -> str:
    """A day that was observed through the web UI."""
    said = stack.inside("code", "spotify-assets", "watch", "add", *ARTISTS[:6])
    assert said.returncode == 0, said.stderr
    day = datetime.now(UTC).date().isoformat()
    stack.wait_for(stack.launch(day)["run"]["runId"])
    return day


def observed(stack: Stack, day: str) -> int:
    statement = (
        "select count(*) from snapshots.artist_snapshots where snapshot_date = %s and source = 'simulated'"
    )
    return int(query(stack.database_url, statement, (day,))[0][0])


def facts(stack: Stack) -> dict[str, list[str]]:
    # A sensor may have asked for a day too.
    assert eventually(stack.quiet, 600, 2), stack.runs()
    found = contents(stack.database_url)
    return {name: rows for name, rows in found.items() if name not in NOT_COMPARED}


def begun(stack: Stack, run_id: str) -> None:
    """Wait until a run is in the middle of its work; the daemon may have asked for today before it."""
    assert eventually(lambda: stack.runs()[run_id]["status"] == "STARTED", 600, 0.5), stack.runs()
    time.sleep(3)


def heal(stack: Stack) -> None:
    """Start again what ended: after a kill by hand, engines leave that to the operator."""
    stack.up()
    assert eventually(lambda: stack.knows_the_job() and stack.finds_its_records(), 300, 2)


def test_it_does_not_start_without_a_password(stack: Stack) -> None:
    done = stack.do("up", "-d", "--no-build", POSTGRES_PASSWORD="")
    assert done.returncode != 0
    assert "Set POSTGRES_PASSWORD in .env" in done.stdout + done.stderr


def test_a_day_asked_for_in_the_web_ui_is_observed(stack: Stack, today: str) -> None:
    assert observed(stack, today) == 6
    assert query(stack.database_url, "select count(*) from marts.artist_leaderboard")[0][0] == 6


def test_every_health_check_passes(stack: Stack, today: str) -> None:
    for service in SERVICES:
        assert eventually(lambda service=service: stack.healthy(service), 180, 3), service  # type: ignore[misc]


def test_nothing_runs_as_root_or_may_change_the_program(stack: Stack) -> None:
    for service in ("code", "web", "daemon", "docs", "simulator", "web-public", "proxy"):
        assert stack.inside(service, "id", "-u").stdout.strip() not in {"", "0"}, service
    assert stack.inside("code", "touch", "/app/spotify_assets/new.py").returncode != 0


def test_the_public_web_ui_asks_who_is_there_and_changes_nothing(stack: Stack, today: str) -> None:
    for auth in (None, (GUEST[0], "wrong"), ("admin", "admin")):
        for path in ("/", "/graphql", "/server_info"):
            assert httpx.get(f"{stack.public}{path}", auth=auth).status_code == 401
    assert eventually(
        lambda: httpx.get(f"{stack.public}/server_info", auth=GUEST).status_code == 200, 120, 2
    ), stack.logs("web-public")
    before = stack.runs()
    assert stack.launch(today, stack.public, GUEST)["__typename"] == "UnauthorizedError"
    assert stack.runs().keys() == before.keys()


def test_a_run_killed_with_its_code_server_is_healed_by_asking_again(stack: Stack, today: str) -> None:
    assert stack.inside("code", "spotify-assets", "watch", "add", *ARTISTS[6:9]).returncode == 0
    run_id = stack.launch(today)["run"]["runId"]
    begun(stack, run_id)
    stack.kill("code")
    heal(stack)
    # Nobody was there to say that it had ended.
    assert eventually(lambda: stack.runs()[run_id]["status"] == "FAILURE", 240, 2), stack.logs("daemon")[
        -3000:
    ]
    stack.wait_for(stack.launch(today)["run"]["runId"])
    assert observed(stack, today) == 9


def test_a_run_whose_database_is_killed_is_healed_by_asking_again(stack: Stack, today: str) -> None:
    assert stack.inside("code", "spotify-assets", "watch", "add", *ARTISTS[9:12]).returncode == 0
    run_id = stack.launch(today)["run"]["runId"]
    begun(stack, run_id)
    stack.kill("postgres")
    heal(stack)
    assert eventually(lambda: stack.ended(run_id), 300, 2), stack.runs()
    if stack.runs()[run_id]["status"] != "SUCCESS":
        stack.wait_for(stack.launch(today)["run"]["runId"])
    assert observed(stack, today) == 12


@pytest.mark.parametrize("service", SERVICES)
def test_the_death_of_any_service_loses_nothing(stack: Stack, today: str, service: str) -> None:
    before, runs = facts(stack), stack.runs()
    stack.kill(service)
    heal(stack)
    assert eventually(lambda: stack.healthy(service), 240, 3), stack.logs(service)[-3000:]
    assert facts(stack) == before
    assert stack.runs().keys() >= runs.keys()


def test_after_all_that_it_still_works(stack: Stack, today: str) -> None:
    before = facts(stack)
    stack.wait_for(stack.launch(today)["run"]["runId"])
    assert facts(stack) == before, "the same day again is the same day"
