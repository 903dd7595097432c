"""An accelerated clock: one place says the time, and platform, Dagster, database and upstream go by it.

What happens on a day stands in `year`.

Only time is not the real one. The patience with an answer and with a lock is shortened with it, or a fault
of one minute would take one.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.launcher import LaunchRunContext, RunLauncher
from dagster._core.origin import JobPythonOrigin
from dagster._core.test_utils import freeze_time
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData
from dagster._utils.hosted_user_process import recon_job_from_origin

from spotify_assets.definitions import build_definitions
from spotify_assets.defs.daily.planner import OBSERVE_DAY
from spotify_assets.defs.dbt.models import mart_keys
from spotify_assets.defs.forecasts.assets import forecast_keys
from spotify_assets.defs.resources import SettingsResource, SourcesResource, WarehouseResource
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import serve
from spotify_assets.sources.clock import SystemClock
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.protocol import Source
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.clocks.shifted import (
    install_database_clock,
    set_database_clock,
    set_upstream_clock,
)

MODULE = "spotify_assets_tests.support.clocks.accelerated"
NOW = "ACCELERATED_NOW"
"""The environment variable that says what time it is, here and in the processes of runs."""
WORLD = SimulatorConfig(artists=60, quirks=False, audio_features=True, log_size=200)
"""The upstream without whims of its own: what fails was made to fail."""
LOCK_SECONDS = 1.0
LIMITS = Limits(request_seconds=1.0, observation_seconds=30.0)
WITHOUT_MODELS = ("dbt_models", "forecasts__")
"""How the steps begin that build upon the snapshots."""


def accelerated_now() -> datetime:
    """What time it is."""
    return datetime.fromisoformat(os.environ[NOW])


class AcceleratedClock(SystemClock):
    """Tells that time, and waits only so long that others have their turn."""

    def now(self) -> datetime:
        return accelerated_now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


class ImpatientWarehouse(WarehouseResource):
    """The database, with less patience for locks."""

    def open(self) -> Warehouse:
        return replace(super().open(), lock_seconds=LOCK_SECONDS)


class ImpatientSources(SourcesResource):
    """The upstream, with less patience for answers."""

    def open(self, run_id: str) -> list[Source]:
        return [
            SpotifySource.from_settings(
                self._settings.read(), memory=self.state(), clock=self._clock, limits=LIMITS, run_id=run_id
            )
        ]


@cache
def _location() -> dg.Definitions:
    settings, clock = SettingsResource(), AcceleratedClock()
    warehouse = ImpatientWarehouse(settings)
    sources = ImpatientSources(settings, warehouse, clock)
    overrides = {"settings": settings, "clock": clock, "warehouse": warehouse, "sources": sources}
    return build_definitions(resource_overrides=overrides)


def __getattr__(name: str) -> Any:
    """The code location, made when it is first asked for: only then are settings there."""
    if name != "defs":
        raise AttributeError(name)
    return _location()


@dataclass(frozen=True)
class Time:
    """What moves the clock of everything at once.

    Attributes:
        database: URL of the database.
        upstream: URL of the simulated upstream.
    """

    database: str
    upstream: str

    def install(self) -> None:
        """Let the database go by it."""
        install_database_clock(self.database)

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Let it be that time while the block runs; only the database's clock goes on meanwhile."""
        os.environ[NOW] = moment.isoformat()
        set_database_clock(self.database, moment)
        set_upstream_clock(self.upstream, moment)
        with freeze_time(moment):
            yield


class SameProcess(RunLauncher, ConfigurableClass):
    """Executes each run at once, in the process that plays the daemon, or in one that is killed.

    Attributes:
        with_models: Whether daily runs build the models too.
        disturbs: Called with each run and what executes it, where something is to happen meanwhile.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self.with_models = False
        self.disturbs: Callable[[dg.DagsterRun, Callable[[], None]], None] | None = None
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData,
        config_value: Mapping[str, Any],  # noqa: ARG003
    ) -> SameProcess:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        run, origin = context.dagster_run, context.job_code_origin
        assert origin is not None

        def execute() -> None:
            execute_here(self._instance, run, origin, with_models=self.with_models)

        if self.disturbs is not None and run.job_name == OBSERVE_DAY:
            self.disturbs(run, execute)
        else:
            execute()

    def terminate(self, run_id: str) -> bool:  # noqa: ARG002
        return False


def execute_here(
    instance: dg.DagsterInstance, run: dg.DagsterRun, origin: JobPythonOrigin, *, with_models: bool
) -> None:
    """Execute a run here; without models it stays a run of the whole job, but for its last steps."""
    job = recon_job_from_origin(origin)
    if run.job_name == OBSERVE_DAY and not with_models:
        steps = create_execution_plan(job, run.run_config).step_keys_to_execute
        chosen = [step for step in steps if not step.startswith(WITHOUT_MODELS)]
        run = run._replace(step_keys_to_execute=chosen)
    execute_run(job, run, instance)


def build_models(instance: dg.DagsterInstance) -> None:
    """Build the models of what was loaded since they were built, and the forecasts from them."""
    keys = [*mart_keys(), *forecast_keys()]
    _location().resolve_job_def(OBSERVE_DAY).execute_in_process(instance=instance, asset_selection=keys)


def own_process(run_id: str) -> subprocess.Popen[bytes]:
    """Start a process that executes a queued run, for somebody to kill."""
    return subprocess.Popen(
        [sys.executable, "-m", MODULE, run_id],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@contextmanager
def upstream() -> Iterator[str]:
    """The simulated upstream in a process of its own, whose memory is not the daemon's; gives its URL."""
    command = [sys.executable, "-m", MODULE, "upstream"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _execute_run_of(run_id: str) -> None:
    with freeze_time(accelerated_now()), dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.job_code_origin is not None
        execute_here(instance, run, run.job_code_origin, with_models=False)


def _end_with_parent() -> None:
    """End when standard input does: a test that is killed cannot end this process itself."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "upstream":
        threading.Thread(target=_end_with_parent, daemon=True).start()
        serve(WORLD, ready=lambda url: print(url, flush=True))
    else:
        _execute_run_of(sys.argv[1])
