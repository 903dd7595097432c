"""A simulated year: which day has which fault, and how a day is lived.

How time is accelerated stands in `support.clocks.accelerated`; what must be so afterwards in `test_year`.

The daemon is Dagster's own, called at a few moments of each day instead of every second: its scheduler, its
sensors and its queue of runs, in this order, all that are in the real definitions. Nobody else starts a run.
Building models takes longer than all the rest of a day, so two things are not as on other days: the steps
that do so are left out of the daily runs after the first day's, and the sensor that builds what was left
behind is on only every `MODELS_EVERY` days.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import httpx
import psutil  # type: ignore[import-untyped]
import psycopg2
from dagster._core.remote_origin import CodeLocationOrigin, InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceLoadTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs

from spotify_assets.defs.file_imports.load import keep_connections
from spotify_assets_tests.support.clocks.accelerated import (
    MODULE,
    SameProcess,
    Time,
    build_models,
    own_process,
)
from spotify_assets_tests.support.command import eventually, query

LOCATION = "spotify_assets"
FIRST = date(2024, 1, 1)
"""A leap year."""
MODELS_EVERY = 28
CALM = (time(4, 1), time(12), time(13, 1))
"""When the daemon is called on a day on which nothing is to happen: the schedules' hours."""
DISTURBED = (*CALM[:2], time(12, 40), CALM[2], time(14), time(16, 10), time(20, 20), time(23, 30))
"""… and on others: also when something may be asked for again."""
HEALED_AT = time(12, 50)
"""When passing troubles of the upstream are over: what is asked for again before meets them once more."""
LOCKED = (
    "snapshots.artist_snapshots",
    "snapshots.top_tracks",
    "snapshots.new_releases",
    "ops.partition_loads",
)
ARTISTS_AT_ONCE = r"/v1/artists\?ids="
RUN = "spotify_assets"
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Kind:
    """A kind of trouble.

    Attributes:
        name: What it is.
        weight: How often it comes, beside the others.
        loses: Whether the day is really lost by it.
        off_until: The daemon is off before this time; None: all day.
    """

    name: str
    weight: int = 3
    loses: bool = False
    off_until: time | None = time(0)


KINDS = (
    Kind("errors"),  # 5xx until HEALED_AT
    Kind("garbage"),  # no JSON, half of it, or nothing, until then
    Kind("resets"),
    Kind("timeouts"),
    Kind("throttled"),  # Retry-After of some hours
    Kind("down", 2, loses=True),  # 5xx all day
    Kind("shut out", 2, loses=True),  # Retry-After of a day at the first question
    Kind("null once"),  # an artist is null in the first answer
    Kind("null", 2),  # … in all answers
    Kind("mute", 2),  # nothing is answered about one artist's top tracks
    Kind("killed", 4),  # the run's process, at one of five places
    Kind("cut off"),  # the database ends a connection that loads
    Kind("locked", 2),  # a table stays locked for longer than a run waits
    Kind("off until 15:00", off_until=time(15)),
    Kind("off until 22:00", off_until=time(22)),
    Kind("off", 2, loses=True, off_until=None),
)


@dataclass(frozen=True)
class Day:
    """A day of the calendar.

    Attributes:
        day: Which.
        kind: Its trouble, if any.
        number: A random number, by which the trouble chooses among its varieties.
        after_shut_out: Whether the day before ended with the upstream to be left alone.
    """

    day: date
    kind: Kind | None = None
    number: int = 0
    after_shut_out: bool = False

    @property
    def is_lost(self) -> bool:
        return self.kind is not None and self.kind.loses

    @property
    def looks(self) -> Sequence[datetime]:
        """When the daemon is called."""
        times = DISTURBED if self.kind or self.after_shut_out else CALM
        off_until = self.kind.off_until if self.kind else time(0)
        return [
            datetime.combine(self.day, one, UTC)
            for one in times
            if off_until is not None and one >= off_until
        ]

    def unlucky(self, artists: Sequence[str]) -> str | None:
        """The artist of whom something is not told all day, if so."""
        name = self.kind.name if self.kind else ""
        # One who is asked for alone is the first of the answer.
        return {"null": artists[0], "mute": artists[self.number % len(artists)]}.get(name)


def calendar(days: int, seed: int = 2026) -> list[Day]:
    """Days of which a third have a trouble, each kind at least once if there is room; the ends are calm."""
    chance = random.Random(seed)
    chosen = sorted(chance.sample(range(1, days - 1), days // 3))
    kinds = list(KINDS[: len(chosen)])
    kinds += chance.choices(KINDS, [kind.weight for kind in KINDS], k=len(chosen) - len(kinds))
    chance.shuffle(kinds)
    troubles = dict(zip(chosen, kinds, strict=True))
    for number, kind in troubles.items():
        # The day after has the end of that trouble already.
        if kind.name == "shut out" and number + 1 in troubles:
            troubles[number] = next(kind for kind in KINDS if kind.name == "down")
    return _days(days, troubles, chance)


def each_kind_once() -> list[Day]:
    """The shortest calendar that has everything."""
    return _days(len(KINDS) + 2, dict(enumerate(KINDS, 1)), random.Random(1))


def _days(days: int, kinds: dict[int, Kind], chance: random.Random) -> list[Day]:
    shut_out = {number for number, kind in kinds.items() if kind.name == "shut out"}
    return [
        Day(FIRST + timedelta(days=n), kinds.get(n), chance.randrange(1000), n - 1 in shut_out)
        for n in range(days)
    ]


class _Target(WorkspaceLoadTarget):
    def create_origins(self) -> Sequence[CodeLocationOrigin]:
        target = LoadableTargetOrigin(module_name=MODULE, attribute="defs")
        return [InProcessCodeLocationOrigin(target, location_name=LOCATION)]


@dataclass
class Life:
    """The daemon and its code server, in this process, and everything that befalls them.

    Attributes:
        workspace: The real definitions, as the daemon sees them.
        clock: Moves the time.
        artists: Who is watched.
        memory: MiB of this process at the end of each day.
    """

    workspace: IWorkspaceProcessContext[Any]
    clock: Time
    artists: Sequence[str]
    memory: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _iterations: dict[str, ScheduleIterationTimes] = field(default_factory=dict)
    _models_due: date = FIRST

    @classmethod
    @contextmanager
    def begin(cls, instance: dg.DagsterInstance, clock: Time, artists: Sequence[str]) -> Iterator[Life]:
        """Start the daemon."""
        keep_connections(instance)
        with create_test_daemon_workspace_context(_Target(), instance) as workspace:
            yield cls(workspace, clock, artists)

    @property
    def launcher(self) -> SameProcess:
        launcher = self.workspace.instance.run_launcher
        assert isinstance(launcher, SameProcess)
        return launcher

    def live(self, day: Day, *, last: bool = False) -> None:
        """Let a day pass."""
        healed = False
        self.launcher.with_models = day.day == FIRST
        self._befall(day)
        for look in day.looks:
            if not healed and look.time() >= HEALED_AT and not _lasts(day):
                self._heal()
                healed = True
            with self.clock.at(look):
                self._look(look)
            if look.time() >= CALM[-1] and (last or day.day >= self._models_due):
                # As the daemon does after loads, but not after each: that would take hours.
                with self.clock.at(look + timedelta(minutes=5)):
                    self._build_models(day.day)
        self._heal()
        self.launcher.disturbs = None
        self.memory.append(psutil.Process().memory_info().rss / 2**20)

    def _look(self, now: datetime) -> None:
        """What the daemon does all the time, once."""
        log = logging.getLogger("year")
        steps: tuple[Iterator[Any], ...] = (
            launch_scheduled_runs(self.workspace, log, now, self._iterations),
            execute_sensor_iteration(self.workspace, log, None, None),
            QueuedRunCoordinatorDaemon(interval_seconds=1).run_iteration(self.workspace),
        )
        for step in steps:
            self.errors += [f"{now}: {one.to_string()}" for one in step if one is not None]

    def _build_models(self, day: date) -> None:
        build_models(self.workspace.instance)
        self._models_due = day + timedelta(days=MODELS_EVERY)

    # What befalls it

    def _befall(self, day: Day) -> None:
        name = day.kind.name if day.kind else ""
        someone = self.artists[day.number % len(self.artists)]
        rules: dict[str, list[dict[str, Any]]] = {
            "errors": [{"fault": f"status_50{(0, 2, 3)[day.number % 3]}"}],
            "garbage": [{"fault": ("html", "truncated_json", "empty")[day.number % 3]}],
            "resets": [{"fault": "reset"}],
            "timeouts": [{"fault": "timeout", "seconds": 10, "path": "^/v1/artists"}],
            "throttled": [{"fault": "rate_limited", "seconds": 3600 * (2 + day.number % 8), "after": 3}],
            "shut out": [{"fault": "rate_limited_day"}],
            "down": [{"fault": "status_503"}],
            "null once": [{"fault": "null_artist", "path": ARTISTS_AT_ONCE, "index": 1 + day.number % 7}],
            "null": [{"fault": "null_artist", "path": ARTISTS_AT_ONCE, "index": 0}],
            "mute": [{"fault": "status_500", "path": f"/artists/{someone}/top-tracks"}],
        }
        if name in rules:
            httpx.post(f"{self.clock.upstream}/_simulator/faults", json=rules[name]).raise_for_status()
        deeds: dict[str, Callable[[dg.DagsterRun, Callable[[], None], int], None]] = {
            "killed": self._kill, "cut off": self._cut_off, "locked": self._lock_out,
        }  # fmt: skip
        if name in deeds:
            self.launcher.disturbs = lambda run, execute: self._once(deeds[name], run, execute, day.number)

    def _once(
        self,
        deed: Callable[[dg.DagsterRun, Callable[[], None], int], None],
        run: dg.DagsterRun,
        execute: Callable[[], None],
        number: int,
    ) -> None:
        self.launcher.disturbs = None
        deed(run, execute, number)

    def _heal(self) -> None:
        httpx.delete(f"{self.clock.upstream}/_simulator/faults").raise_for_status()

    def _kill(self, run: dg.DagsterRun, _: Callable[[], None], number: int) -> None:
        """Kill the run's process -9: while answers come, or where it loads."""
        place = number % (len(LOCKED) + 1)
        if place < len(LOCKED):
            with self._locked(LOCKED[place]):
                _kill_when(run, self._waiting)
            return
        faults, requests = (f"{self.clock.upstream}/_simulator/{name}" for name in ("faults", "requests"))
        httpx.post(faults, json={"fault": "timeout", "seconds": 20, "path": "top-tracks"}).raise_for_status()
        httpx.delete(requests).raise_for_status()
        _kill_when(run, lambda: "top-tracks" in httpx.get(requests).text)
        self._heal()

    def _cut_off(self, _: dg.DagsterRun, execute: Callable[[], None], number: int) -> None:
        """Let the server end the connection that a load waits on, in the middle of it."""
        done: list[int] = []

        def cut() -> None:
            with self._locked(LOCKED[number % len(LOCKED)]):
                if eventually(self._waiting, WAIT_SECONDS):
                    (pid,) = self._waiting()[0]
                    query(self.clock.database, "select pg_terminate_backend(%s)", (pid,))
                    done.append(pid)

        thread = threading.Thread(target=cut)
        thread.start()
        execute()
        thread.join()
        assert done, "no load came to be cut off"

    def _lock_out(self, _: dg.DagsterRun, execute: Callable[[], None], number: int) -> None:
        with self._locked(LOCKED[number % len(LOCKED)]):
            execute()

    @contextmanager
    def _locked(self, table: str) -> Iterator[None]:
        """Hold a lock from outside, so that whoever loads waits there."""
        connection = psycopg2.connect(self.clock.database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"lock table {table} in exclusive mode")
            yield
        finally:
            connection.close()

    def _waiting(self) -> list[tuple[int]]:
        return query(
            self.clock.database,
            "select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = %s "
            "and datname = current_database()",
            (RUN,),
        )


def _lasts(day: Day) -> bool:
    """Whether the trouble of the upstream lasts all day."""
    return day.kind is not None and day.kind.name in {"down", "shut out", "null", "mute"}


def _kill_when(run: dg.DagsterRun, condition: Callable[[], object]) -> None:
    process = own_process(run.run_id)
    try:
        assert eventually(lambda: condition() or process.poll() is not None, WAIT_SECONDS)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
