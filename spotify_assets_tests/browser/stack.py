"""The running platform: data of its own, `spotify-assets up` on free ports, everything gone afterwards.

What a page must show stands in the tests.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]

from spotify_assets.settings import PROJECT_ROOT
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.command import Installation, eventually

START_SECONDS = 150.0
STOP_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass
class Stack:
    """One `spotify-assets up` on a home of its own."""

    installation: Installation
    port: int = field(default_factory=free_port)
    docs_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def web(self) -> str:
        """Address of the Dagster web UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def docs(self) -> str:
        """Address of the documentation site."""
        return f"http://127.0.0.1:{self.docs_port}"

    @property
    def printed(self) -> str:
        """What `up` has printed so far."""
        return (self.installation.home.parent / "up.log").read_text("utf-8")

    def observe(self, artists: int, days: int) -> None:
        """Fill it with simulated observations."""
        self.installation.run("demo", "--artists", str(artists), "--days", str(days), seconds=240).succeeded()

    def start(self) -> None:
        """Run `up` until it says that everything is there."""
        with (self.installation.home.parent / "up.log").open("w", encoding="utf-8") as output:
            self.process = self.installation.start(
                "up", "--port", str(self.port), "--docs-port", str(self.docs_port), output=output
            )
        process = self.process
        eventually(lambda: "Ctrl-C" in self.printed or process.poll() is not None, START_SECONDS, 0.2)
        assert process.poll() is None, self.printed
        assert "Ctrl-C stops all of it" in self.printed, self.printed

    def interrupt(self) -> int:
        """Press Ctrl-C and wait; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def processes(self) -> list[str]:
        """Command lines of every process that works on this home."""
        return [" ".join(process.cmdline()) for process in self._processes()]

    def _processes(self) -> Iterator[psutil.Process]:
        home = str(self.installation.home)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                named = any(home in word for word in process.cmdline())
                if named or process.environ().get("SPOTIFY_ASSETS_HOME") == home:
                    yield process

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.interrupt()
        eventually(lambda: not self.processes(), 20, 0.2)
        for process in list(self._processes()):
            with contextlib.suppress(psutil.Error):
                process.kill()
        if self.process is not None:
            self.process.wait(STOP_SECONDS)

    def ask(self, query: str, **variables: Any) -> Any:
        """Ask Dagster's GraphQL API, to see from another side what a page did."""
        answer = httpx.post(
            f"{self.web}/graphql", json={"query": query, "variables": variables}, timeout=30
        ).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def run_status(self, run_id: str) -> str:
        """Status of a run, given by the first characters of its id or all of them."""
        return next(run["status"] for run in self._runs() if run["id"].startswith(run_id))

    def wait_for_run(self, run_id: str, seconds: float) -> str:
        """Wait until a run has ended; gives its status."""
        deadline = time.monotonic() + seconds
        while (status := self.run_status(run_id)) not in {"SUCCESS", "FAILURE", "CANCELED"}:
            assert time.monotonic() < deadline, f"run {run_id} is still {status} after {seconds:.0f} s"
            time.sleep(1)
        return status

    def wait_until_idle(self, seconds: float = 200) -> None:
        """Wait until no run is queued or under way: the platform's own sensors ask for some, too."""
        over = {"SUCCESS", "FAILURE", "CANCELED"}
        deadline = time.monotonic() + seconds
        while left := [run["status"] for run in self._runs() if run["status"] not in over]:
            assert time.monotonic() < deadline, f"runs are still {left} after {seconds:.0f} s"
            time.sleep(1)

    def _runs(self) -> list[dict[str, str]]:
        found = self.ask("{runsOrError(limit: 50) {... on Runs {results {id status}}}}")
        runs: list[dict[str, str]] = found["runsOrError"]["results"]
        return runs

    def newest_backfill(self) -> dict[str, Any] | None:
        """The backfill asked for last, with its runs."""
        found = self.ask(
            "{partitionBackfillsOrError(limit: 1) {... on PartitionBackfills "
            "{results {id status numPartitions runs(limit: 100) {id status}}}}}"
        )
        newest: list[dict[str, Any]] = found["partitionBackfillsOrError"]["results"]
        return newest[0] if newest else None


@contextlib.contextmanager
def running(folder: Path, artists: int, days: int) -> Iterator[Stack]:
    """A platform with simulated data, served until the block ends.

    Args:
        folder: An empty folder for it; its path must be short enough for a unix socket.
        artists: How many artists to track.
        days: How many days to observe, up to today.
    """
    settings = PROJECT_ROOT / ".env"
    assert not settings.exists(), f"{settings} would choose what is served here; move it away for this"
    home = folder / "home"
    home.mkdir()
    stack = Stack(Installation(home))
    try:
        stack.observe(artists, days)
        stack.start()
        yield stack
    finally:
        stack.end()
        remove_home(home)
