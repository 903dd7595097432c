"""How much of a limit is used by processes that share it, and how often they run into it.

Run as `python -m spotify_assets_tests.benchmarks.bench_limits [--artists N]`. The upstream is the simulator
in a process of its own with a rolling window of 30 seconds. Four processes ask for the top tracks of
10,000 artists, a quarter each, and agree through PostgreSQL only. Steady state begins one window after the
first call: until then nothing could be refused. What counts is when requests reached the upstream.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import serve
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import server
from spotify_assets.warehouse.migrate import migrate
from spotify_assets_tests.benchmarks.common import Report, forget_settings
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.asking import asked, started


@contextmanager
def limited_upstream(per_second: float, window: float) -> Iterator[str]:
    """The simulated upstream with a limit, in a process of its own; gives its base URL."""
    command = [
        sys.executable,
        "-m",
        __spec__.name,
        "--serve",
        "--pace",
        str(per_second),
        "--window",
        str(window),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the simulated upstream did not start")
            yield url
        finally:
            process.terminate()


@contextmanager
def books() -> Iterator[str]:
    """A database of their own for the processes; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        try:
            url = server.ensure_running(home)
            with Warehouse(SecretStr(url), home).connect() as connection:
                migrate(connection)
            yield url
        finally:
            server.release(home)
            remove_home(home)


def fullest(times: list[float], seconds: float) -> int:
    """The most of the sorted `times` that lie in any window of so many seconds."""
    return max(bisect_left(times, time + seconds) - number for number, time in enumerate(times))


def measure(report: Report, artists: int, processes: int, per_second: float, window: float) -> None:
    """Ask, and write down what came of it.

    Raises:
        RuntimeError: Something was not answered, so the figures mean nothing.
    """
    with books() as database, limited_upstream(per_second, window) as upstream:
        share = artists // processes
        with started(database, upstream, processes, artists=share, per_second=per_second) as all_:
            for each in all_:
                each.go()
            outcomes = [each.outcome() for each in all_]
        seen = [each for each in asked(upstream) if each["path"] != "/api/token"]
    if any(outcome.stopped or outcome.failures or outcome.answered != share for outcome in outcomes):
        raise RuntimeError(f"not everything was answered: {outcomes}")
    times = [each["time"] for each in seen]
    # The steady state ends with the first process that has nothing left to ask.
    begin, end = times[0] + window, times[0] + min(outcome.seconds for outcome in outcomes)
    steady = [time for time in times if begin <= time < end]
    name = f"{processes} processes, {artists:,} artists, {per_second:g} a second"
    report.add(
        f"share of the limit used: {name}",
        len(steady) / (end - begin) / per_second,
        0.9,
        seconds=times[-1] - times[0],
        over_all=len(times) / (times[-1] - times[0]) / per_second,
        each=[outcome.seconds for outcome in outcomes],
    )
    report.add(
        f"calls refused with 429 (fullest window: {fullest(times, window) / window:.1f}/s)",
        float(sum(each["status"] == 429 for each in seen)),
        0.0,
        direction="at most",
        unit="",
        calls=len(seen),
    )


def main() -> None:
    """Run the benchmark, or be its upstream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artists", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--pace", type=float, default=130.0, help="requests a second that are allowed")
    parser.add_argument("--window", type=float, default=30.0, help="seconds over which that is a mean")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(
            SimulatorConfig(
                artists=options.artists,
                quirks=False,
                requests_per_second=options.pace,
                window_seconds=options.window,
                log_size=100_000,
            ),
            ready=lambda url: print(url, flush=True),
        )
        return
    forget_settings()
    measure(Report("limits"), options.artists, options.processes, options.pace, options.window)


if __name__ == "__main__":
    main()
