"""Failed runs and checks that a channel has not been told of, as Dagster's records have them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from spotify_assets.alerts.problems import Problem, check_key
from spotify_assets.defs.daily.planner import OBSERVE_DAY, look, plan
from spotify_assets.defs.daily.runs import UNDER_WAY, runs_of_day
from spotify_assets.defs.daily.sensor import known_watchlist
from spotify_assets.defs.monitoring.channel_memory import ChannelMemory
from spotify_assets.defs.outcome import why_failed
from spotify_assets.defs.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.defs.resources import WarehouseResource
from spotify_assets.settings import Settings

EVENTS_AT_ONCE = 1_000
"""Events of a kind that one message is made of at most: a long backlog comes in several."""
SETTLED_SECONDS = 10.0
"""Younger events are left for the next look: of two written at once, the later number may be seen first."""
KEPT = timedelta(days=3)
"""What could not be told for so long is not told any more; it stands in the web UI."""
WARNED_AT_MOST = 1_000
"""Checks that are remembered as told."""
ASSET_JOB = "__ASSET_JOB"


class Failures:
    """Failures that a channel has not been told of."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        warehouse: WarehouseResource,
        settings: Settings,
        today: datetime,
        memory: ChannelMemory,
    ) -> None:
        self._instance = instance
        self._warehouse = warehouse
        self._settings = settings
        self._today = today.astimezone(UTC)
        self._web = settings.dagster_web_url
        self._now = now = time.time()  # as Dagster dates its events
        self._runs: dict[str, dg.DagsterRun | None] = {}
        self._mended: set[str] = set()
        failed = self._events(dg.DagsterEventType.RUN_FAILURE, memory.runs)
        evaluated = self._events(dg.DagsterEventType.ASSET_CHECK_EVALUATION, memory.checks)
        self._last_run = max([memory.runs, *(record.storage_id for record in failed)])
        self._last_check = max([memory.checks, *(record.storage_id for record in evaluated)])
        checks = self._failed_checks(evaluated, memory)
        self._told = {problem.key: now for problem in checks}
        self.problems: list[Problem] = [*self._failed_runs(failed), *checks]

    def settle(self, memory: ChannelMemory) -> None:
        """Note that all of it is told, or needs not be."""
        memory.runs, memory.checks = self._last_run, self._last_check
        recent = self._now - timedelta(days=1).total_seconds()
        kept = {key: at for key, at in memory.warned.items() if at > recent and key not in self._mended}
        memory.warned = dict(list({**kept, **self._told}.items())[-WARNED_AT_MOST:])

    def waits_for_a_run(self, window: float) -> bool:
        """Whether more may come soon: a run that something failed in is under way, and not for long."""
        oldest = min((problem.at.timestamp() for problem in self.problems), default=self._now)
        return self._now - oldest < window and any(
            run is not None and run.status in UNDER_WAY for run in self._runs.values()
        )

    def _events(self, kind: dg.DagsterEventType, after: int) -> Sequence[dg.EventLogRecord]:
        return self._instance.event_log_storage.get_event_records(
            dg.EventRecordsFilter(
                event_type=kind,
                after_cursor=after,
                after_timestamp=self._now - KEPT.total_seconds(),
                before_timestamp=self._now - SETTLED_SECONDS,
            ),
            limit=EVENTS_AT_ONCE,
            ascending=True,
        )

    def _run(self, run_id: str) -> dg.DagsterRun | None:
        if run_id not in self._runs:
            self._runs[run_id] = self._instance.get_run_by_id(run_id)
        return self._runs[run_id]

    def _failed_runs(self, records: Iterable[dg.EventLogRecord]) -> Iterator[Problem]:
        """Of the runs of one job over the same days the last one speaks for all."""
        same: dict[tuple[str, str | None], list[tuple[dg.DagsterRun, dg.EventLogRecord]]] = {}
        for record in records:
            if (run := self._run(record.run_id)) is not None:  # else deleted since
                same.setdefault((_called(run), _days(run)), []).append((run, record))
        for (what, day), failures in same.items():
            run, record = failures[-1]
            if not self._has_succeeded_since(run):
                yield Problem(
                    kind="run",
                    what=what,
                    day=day,
                    reason=_why(self._instance, run.run_id) or record.event_log_entry.user_message,
                    at=_time(record),
                    link=f"{self._web}/runs/{run.run_id}",
                    observes=run.job_name == OBSERVE_DAY or run.job_name.startswith(ASSET_JOB),
                    automatic=self._what_follows(run),
                    times=len(failures),
                )

    def _has_succeeded_since(self, run: dg.DagsterRun) -> bool:
        partition = run.tags.get(PARTITION_TAG)
        if partition is None or run.job_name != OBSERVE_DAY:
            return False
        newest = self._instance.get_runs(
            dg.RunsFilter(job_name=run.job_name, tags={PARTITION_TAG: partition}), limit=1
        )
        return bool(newest) and newest[0].status == dg.DagsterRunStatus.SUCCESS

    def _what_follows(self, run: dg.DagsterRun) -> str | None:
        """What is done by itself about a day that can still be observed."""
        now = self._today
        if run.job_name != OBSERVE_DAY or run.tags.get(PARTITION_TAG) != now.date().isoformat():
            return None
        runs, known = runs_of_day(self._instance, now.date()), known_watchlist(self._instance)
        following = plan(look(runs, self._warehouse.open(), self._settings, now, known))
        if isinstance(following, str):
            return f"{following}."
        at = f"At {following.at:%H:%M} UTC" if following.at > now else "Now"
        return f"{at}: {following.why[0].lower()}{following.why[1:]}."

    def _failed_checks(self, records: Iterable[dg.EventLogRecord], memory: ChannelMemory) -> list[Problem]:
        """The last evaluation of a check for the same days speaks for all; one that passes needs no words."""
        newest: dict[tuple[str, str | None], Problem] = {}
        for record in records:
            event = record.event_log_entry.dagster_event
            if event is None:
                continue
            evaluation = event.asset_check_evaluation_data
            what = f"{evaluation.check_name} on {evaluation.asset_key.to_user_string()}"
            if evaluation.passed and not newest and not memory.warned:
                continue  # as of nearly all: whose days they were need not be looked up
            day = self._day_of(evaluation, record)
            if evaluation.passed:
                newest.pop((what, day), None)
                self._mended |= {check_key(what, day, severe=True), check_key(what, day, severe=False)}
                continue
            severe = evaluation.severity == dg.AssetCheckSeverity.ERROR
            before = newest.get((what, day))
            newest[what, day] = Problem(
                kind="check",
                what=what,
                day=day,
                reason=evaluation.description or "It did not pass; its page says more.",
                at=_time(record),
                link=f"{self._web}/assets/{'/'.join(evaluation.asset_key.path)}?view=checks",
                severe=severe,
                blocking=bool(evaluation.blocking),
                times=before.times + 1 if before else 1,
            )
        told = set(memory.warned) - self._mended
        return [problem for problem in newest.values() if problem.key not in told]

    def _day_of(self, evaluation: dg.AssetCheckEvaluation, record: dg.EventLogRecord) -> str | None:
        if evaluation.partition is not None:
            return evaluation.partition
        run = self._run(record.run_id)
        return _days(run) if run is not None else None


def _time(record: dg.EventLogRecord) -> datetime:
    return datetime.fromtimestamp(record.event_log_entry.timestamp, UTC)


def _days(run: dg.DagsterRun) -> str | None:
    """The day or days that a run is about."""
    first, last = (run.tags.get(tag) for tag in (RANGE_START_TAG, RANGE_END_TAG))
    if first and last:
        return first if first == last else f"{first} to {last}"
    return run.tags.get(PARTITION_TAG)


def _called(run: dg.DagsterRun) -> str:
    """What a run is called: its job, or the assets that somebody chose."""
    if not run.job_name.startswith(ASSET_JOB):
        return run.job_name
    keys = sorted(key.to_user_string() for key in run.asset_selection or ())
    return f"{', '.join(keys[:3])}{' …' if len(keys) > 3 else ''}" or "assets"


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the first failed step of a run said."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is not None:
            return why_failed(event.step_failure_data)
    return ""
