"""A real daemon: runs that are killed or take too long end, free their pool, and the next run starts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from spotify_assets.settings import PROJECT_ROOT
from spotify_assets_tests.faults.conftest import Platform, alive, descendants, forget_requests, requests_seen
from spotify_assets_tests.support.command import eventually, query

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900, func_only=True)]

BIN = Path(sys.executable).parent
EXPORTED = (
    "import json, os; from spotify_assets.cli.runtime.environment import export_dagster, open_environment; "
    "export_dagster(open_environment()); "
    "print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('DAGSTER_')}))"
)
SLOWLY = {"SPOTIFY_REQUESTS_PER_SECOND": "0.5"}


def variables(platform: Platform, **more: str) -> dict[str, str]:
    """The environment of Dagster's own programs."""
    environment = platform.environment(**more)
    done = subprocess.run(
        [sys.executable, "-c", EXPORTED], check=True, capture_output=True, text=True, env=environment
    )
    return {**environment, **json.loads(done.stdout)}


@contextmanager
def daemon(platform: Platform, log: TextIO, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon with its code server and runs, all of them killed -9 at the end, as when a machine stops."""
    process = subprocess.Popen(
        [str(BIN / "dagster-daemon"), "run", "--workspace", "workspace.yaml"],
        cwd=PROJECT_ROOT, env=variables(platform, **more), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        children = descendants(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        for child in filter(alive, children):
            child.kill()
        process.wait(30)


def dagster(platform: Platform, *arguments: str) -> None:
    """Dagster's own command line."""
    subprocess.run(
        [str(BIN / "dagster"), *arguments, "--workspace", "workspace.yaml"],
        cwd=PROJECT_ROOT, env=variables(platform), check=True, capture_output=True, timeout=200,
    )  # fmt: skip


def launch(platform: Platform, day: str, **tags: str) -> str:
    """Queue a run of a day, as the web UI does; its id."""
    told = json.dumps({"dagster/partition": day, **tags})
    dagster(platform, "job", "launch", "--job", "observe_day", "--tags", told)
    return str(query(platform.url, "select run_id from dagster.runs order by id desc limit 1")[0][0])


def status(platform: Platform, run_id: str) -> str:
    return str(query(platform.url, "select status from dagster.runs where run_id = %s", (run_id,))[0][0])


def holders(platform: Platform) -> set[str]:
    """Runs that hold a place in the pool of upstreams."""
    taken = "select run_id from dagster.concurrency_slots where concurrency_key = 'upstream'"
    return {run_id for (run_id,) in query(platform.url, taken) if run_id}


def said(platform: Platform, run_id: str) -> str:
    rows = query(
        platform.url, "select event from dagster.event_logs where run_id = %s order by id", (run_id,)
    )
    return "\n".join(event for (event,) in rows)


def test_killed_runs_are_marked_and_the_next_one_starts(platform: Platform, simulator: str) -> None:
    forget_requests(simulator)
    # It would ask for runs of today, which compete for the place that this is about.
    dagster(platform, "sensor", "stop", "complete_today")
    with (platform.home / "daemon.log").open("w") as log:
        with daemon(platform, log, **SLOWLY):
            first = launch(platform, "2026-11-01")
            assert eventually(lambda: holders(platform) == {first} and requests_seen(simulator), 200), (
                platform.home / "daemon.log"
            ).read_text()
        # All is gone, and nobody could say so.
        assert status(platform, first) == "STARTED"
        assert holders(platform) == {first}

        with daemon(platform, log, **SLOWLY):
            second = launch(platform, "2026-11-02")
            assert eventually(lambda: status(platform, first) == "FAILURE", 150)
            assert "Its process was killed. What was committed stands" in said(platform, first)
            assert eventually(lambda: holders(platform) == {second}, 150), "the place was not given on"

            # Only the process of the run is killed.
            found = re.search(r"Executing steps in process \(pid: (\d+)\)", said(platform, second))
            assert found is not None
            third = launch(platform, "2026-11-03", **{"dagster/max_runtime": "5"})
            os.kill(int(found[1]), signal.SIGKILL)
            assert eventually(lambda: status(platform, second) == "FAILURE", 150)
            assert eventually(lambda: third in holders(platform), 150), "the place was not given on"

            # It takes longer than it may.
            assert eventually(lambda: status(platform, third) in {"FAILURE", "CANCELED"}, 150)
            assert "Exceeded maximum runtime of 5 seconds" in said(platform, third)
            assert eventually(lambda: not holders(platform), 150)
    runs = query(platform.url, "select count(*) from dagster.runs where pipeline_name = 'observe_day'")
    assert runs == [(3,)], "a failed run was run again by itself"
