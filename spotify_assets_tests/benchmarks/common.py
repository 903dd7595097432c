"""What the benchmarks share: findings and how they are written down, scratch homes, an upstream, step times.

A finding is a figure with its target; a missed target is written down and fails nothing, because a timing
on a busy machine proves no defect.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from spotify_assets.settings import PROJECT_ROOT, Settings
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import serve
from spotify_assets.warehouse.embedded import server
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.command import Installation, query
from spotify_assets_tests.support.manifest import build_manifest

RESULTS = PROJECT_ROOT / ".benchmarks" / "latest.jsonl"
Direction = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One finding.

    Attributes:
        name: What was measured, in words.
        value: The figure; a ratio unless `unit` says otherwise.
        target: What it should be; absent for what is only worth knowing.
        direction: Which side of the target is the good one.
        unit: Unit of value and target.
    """

    name: str
    value: float
    target: float | None
    direction: Direction
    unit: str

    @property
    def met(self) -> bool | None:
        """Whether the target is met."""
        if self.target is None:
            return None
        return self.value >= self.target if self.direction == "at least" else self.value <= self.target

    def line(self) -> str:
        """The finding for a person."""
        value = f"{self.value:,.2f}{self.unit}"
        if self.target is None:
            return f"  {self.name:<66} {value:>12}   for information"
        target = f"{self.direction} {self.target:g}{self.unit}"
        return f"  {self.name:<66} {value:>12}   target {target:<15} {'met' if self.met else 'MISSED'}"


class Report:
    """The findings of one benchmark: printed at once, and kept as JSON lines until it is run again."""

    def __init__(self, benchmark: str, file: Path = RESULTS) -> None:
        """Forget what this benchmark found the last time."""
        self._benchmark = benchmark
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = file.read_text("utf-8").splitlines() if file.exists() else []
        others = [line for line in kept if json.loads(line)["benchmark"] != benchmark]
        file.write_text("".join(f"{line}\n" for line in others), "utf-8")
        print(f"{benchmark} (load of the machine before: {os.getloadavg()[0]:.1f})", flush=True)

    def add(
        self,
        name: str,
        value: float,
        target: float | None = None,
        *,
        direction: Direction = "at least",
        unit: str = "",
        **details: Any,
    ) -> None:
        """Write a finding down.

        Args:
            name: What was measured, in words.
            value: The figure.
            target: What it should be; absent for what is only worth knowing.
            direction: Which side of the target is the good one.
            unit: Unit of value and target; none for a ratio.
            **details: What the figure was computed from.
        """
        figure = Figure(name, value, target, direction, unit)
        record = {
            "benchmark": self._benchmark, "figure": name, "value": value, "unit": unit.strip() or "ratio",
            "target": target, "direction": direction if target is not None else None, "met": figure.met,
            "load_average": os.getloadavg()[0], **details,
        }  # fmt: skip
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(_rounded(record)) + "\n")
        print(figure.line(), flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return value


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds the work took."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def forget_settings() -> None:
    """Make this process blind to the settings of whoever runs it."""
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)
    Settings.model_config["env_file"] = None


@contextmanager
def installation() -> Iterator[Installation]:
    """A platform that has never run, in a home of its own; nothing of it is left at the end."""
    build_manifest()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        try:
            yield Installation(home)
        finally:
            # The commands' server stops after its last user; join it, to be the one that waits for its end.
            if (cluster_folder(home.resolve()) / "data" / "postmaster.pid").exists():
                server.ensure_running(home)
            server.release(home)
            remove_home(home)


@contextmanager
def upstream(latency_ms: float) -> Iterator[str]:
    """The simulated upstream without quirks, in a process of its own; gives its base URL."""
    command = [sys.executable, "-m", "spotify_assets_tests.benchmarks.common", "--latency", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the simulated upstream did not start")
            yield url
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class RunTimes:
    """Where the time of one run went.

    Attributes:
        steps: Seconds of each step, in the order of the run.
        run: Seconds from the run's creation to its end.
    """

    steps: dict[str, float]
    run: float

    def stages(self) -> dict[str, float]:
        """Seconds for asking and landing, for validating and loading, for dbt, and around the steps."""
        fetch = sum(seconds for name, seconds in self.steps.items() if name.startswith("landing"))
        load = sum(seconds for name, seconds in self.steps.items() if name.startswith("snapshots"))
        dbt = sum(self.steps.values()) - fetch - load
        return {"fetch": fetch, "load": load, "dbt": dbt, "around": self.run - fetch - load - dbt}


def run_times(home: Path) -> list[RunTimes]:
    """Times of all runs of a home, oldest first, from Dagster's own events."""
    url = server.ensure_running(home)
    found = []
    for (run_id,) in query(url, "select run_id from dagster.runs order by id"):
        events = query(
            url,
            "select dagster_event_type, step_key, extract(epoch from timestamp)::float8 "
            "from dagster.event_logs where run_id = %s and dagster_event_type is not null order by id",
            (run_id,),
        )
        starts = {step: at for kind, step, at in events if kind == "STEP_START"}
        ends = {step: at for kind, step, at in events if kind in {"STEP_SUCCESS", "STEP_FAILURE"}}
        times = [at for _, _, at in events]
        found.append(
            RunTimes(
                {step: ends[step] - at for step, at in starts.items() if step in ends},
                max(times) - min(times),
            )
        )
    return found


def today() -> date:
    """The day (UTC) that it is for the platform."""
    from spotify_assets.sources.clock import SYSTEM_CLOCK

    return SYSTEM_CLOCK.now().date()


def _serve() -> None:
    parser = argparse.ArgumentParser(description="Serve the simulated upstream for a benchmark.")
    parser.add_argument("--latency", type=float, required=True)
    serve(
        SimulatorConfig(quirks=False, latency_ms=parser.parse_args().latency, log_size=50_000),
        ready=lambda url: print(url, flush=True),
    )


if __name__ == "__main__":
    _serve()
