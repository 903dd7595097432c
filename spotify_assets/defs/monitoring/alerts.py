"""The sensors that tell people: failed runs and checks at once but never in floods, and once a day the news.

What a message says and how it is delivered stands in the room `alerts`.

Each channel has a memory of its own, which moves only after it has taken a message: what one could not
deliver is told with its next message, and the others are not told twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.alerts.problems import Problem, check_key
from spotify_assets.defs.daily.planner import OBSERVE_DAY, look, plan
from spotify_assets.defs.daily.runs import UNDER_WAY, runs_of_day
from spotify_assets.defs.daily.sensor import known_watchlist
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.outcome import why_failed
from spotify_assets.defs.partitions import PARTITION_TAG, RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.defs.resources import SettingsResource, WarehouseResource
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import Clock

if TYPE_CHECKING:
    from spotify_assets.alerts.channels import Channel
    from spotify_assets.alerts.message import Message

PROBLEMS = "tell_problems"
NEWS = "tell_news"
SECONDS = 60
EVENTS_AT_ONCE = 1_000
"""Events of a kind that one message is made of at most: a long backlog comes in several."""
SETTLED_SECONDS = 10.0
"""Younger events are left for the next look: of two written at once, the later number may be seen first."""
KEPT = timedelta(days=3)
"""What could not be told for so long is not told any more; it stands in the web UI."""
NEWS_DAYS = 3
"""News of so many days are told, if they were not before: a day may be completed late."""
TOLD_AT_MOST = 3_000
"""News that are remembered as told, more than `NEWS_DAYS` days bring."""
WARNED_AT_MOST = 1_000
"""Checks that are remembered as told."""
LONGEST_PAUSE = timedelta(hours=6)
"""Between attempts to reach a channel that takes nothing."""
ASSET_JOB = "__ASSET_JOB"


@dataclass(slots=True)
class _Memory:
    """What one channel has been told.

    Attributes:
        runs: The last failed run that was told, by number of its event.
        checks: The last evaluation of a check that was looked at.
        warned: Checks that were told, and when, in seconds: the same check of a day is told once a day.
        news: News that were told.
        day: The last day whose news were told.
        sent: When it last took a message.
        failures: How often in a row it has taken none.
        tried: When that was last.
    """

    runs: int = 0
    checks: int = 0
    warned: dict[str, float] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    day: str = ""
    sent: float = 0.0
    failures: int = 0
    tried: float = 0.0

    def may_try(self, now: float, window: float) -> bool:
        """Whether the window since the last message, or the pause since the last failures, is over."""
        pause = min(window * 2 ** min(self.failures, 10), LONGEST_PAUSE.total_seconds())
        return now >= self.sent + window and (not self.failures or now >= self.tried + pause)


def _memories(cursor: str | None) -> dict[str, _Memory]:
    return {name: _Memory(**known) for name, known in json.loads(cursor or "{}").items()}


def _tell_all(
    context: dg.SensorEvaluationContext,
    settings: Settings,
    now: datetime,
    tell: Callable[[_Memory], tuple[Message | None, str]],
    told: Callable[[_Memory], None],
) -> dg.SensorResult:
    """Let each channel take what it has not been told.

    Args:
        context: Of the sensor.
        settings: Which channels there are, and how long to wait between two messages to one.
        now: The time.
        tell: Gives what a channel is to be told, by its memory; or why nothing.
        told: Notes in the memory that all of it is settled.
    """
    from spotify_assets.alerts.channels import NONE_SET, NotDelivered, open_channels

    channels: Sequence[Channel] = open_channels(settings)
    if not channels:
        return dg.SensorResult(skip_reason=NONE_SET)
    window, at = settings.alert_window_minutes * 60.0, now.timestamp()
    memories = _memories(context.cursor)
    said = []
    for channel in channels:
        memory = memories.setdefault(channel.name, _Memory())
        if not memory.may_try(at, window):
            said.append(
                f"{channel.name}: next message later, so that there is one in {window / 60:.0f} minutes"
            )
            continue
        message, reason = tell(memory)
        if message is None:
            said.append(f"{channel.name}: {reason}")
            continue
        try:
            channel.send(message)
        except NotDelivered as problem:
            memory.failures, memory.tried = memory.failures + 1, at
            context.log.error(f"{channel.name}: {problem}")
            said.append(f"{channel.name}: not delivered, told with the next message: {problem}")
            continue
        memory.failures, memory.sent = 0, at
        told(memory)
        said.append(f"{channel.name}: told: {message.title}")
    # No entry of a channel that is gone: configured again, it begins anew.
    kept = {channel.name: asdict(memories[channel.name]) for channel in channels}
    return dg.SensorResult(skip_reason=". ".join(said), cursor=json.dumps(kept))


def problems_sensor() -> dg.SensorDefinition:
    """Tell each channel of failed runs and failed checks, gathered, at most one message in a window."""

    @dg.sensor(
        name=PROBLEMS,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of failed runs and checks by Slack, e-mail or webhook, at most one message "
        "in ALERT_WINDOW_MINUTES.",
    )
    def tell_problems(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> dg.SensorResult:
        own, now = settings.read(), clock.now()
        seen: dict[str, Any] = {}

        def tell(memory: _Memory) -> tuple[Message | None, str]:
            from spotify_assets.alerts import problems as words

            found = _Found(context.instance, warehouse, own, now, memory)
            seen["found"] = found
            if found.waits_for_a_run(own.alert_window_minutes * 60.0):
                return None, "A run is under way that something has failed in: told when it is over"
            message = words.tell(found.problems, now.astimezone(UTC).date(), simulated=own.simulated)
            if message is None:
                found.settle(memory)
            return message, "Nothing failed"

        def told(memory: _Memory) -> None:
            seen["found"].settle(memory)

        return _tell_all(context, own, now, tell, told)

    return tell_problems


class _Found:
    """Failures that a channel has not been told of."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        warehouse: WarehouseResource,
        settings: Settings,
        today: datetime,
        memory: _Memory,
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

    def settle(self, memory: _Memory) -> None:
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

    def _failed_checks(self, records: Iterable[dg.EventLogRecord], memory: _Memory) -> list[Problem]:
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


def news_sensor() -> dg.SensorDefinition:
    """Tell each channel once a day of milestones, breakouts, and new releases of watched artists."""

    @dg.sensor(
        name=NEWS,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people once a day, after its marts are built, of milestones, breakouts and new "
        "releases of watched artists.",
    )
    def tell_news(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> dg.SensorResult:
        from spotify_assets.alerts import news as words
        from spotify_assets.serving.news import Item, newest_day, news_since

        own, now = settings.read(), clock.now()
        today, sources = now.astimezone(UTC).date(), own.observed_sources
        built: list[date | None] = []
        fresh: list[Item] = []

        def tell(memory: _Memory) -> tuple[Message | None, str]:
            if memory.day == today.isoformat():
                return None, f"The news of {today} are told"
            if not built:
                built.append(newest_day(warehouse.open(), sources))
            if built[0] != today:
                return None, f"The marts of {today} are not built yet"
            of_today = dg.RunsFilter(tags={PARTITION_TAG: today.isoformat()}, statuses=UNDER_WAY)
            if context.instance.get_runs(of_today, limit=1):
                return None, "A run of today is under way: told after it"
            since = today - timedelta(days=NEWS_DAYS - 1)
            known = set(memory.news)
            fresh[:] = [one for one in news_since(warehouse.open(), sources, since) if one.key not in known]
            message = words.digest(fresh, today, simulated=own.simulated, quiet_days=own.alert_quiet_days)
            if message is None:
                memory.day = today.isoformat()
            return message, f"There is no news on {today}"

        def told(memory: _Memory) -> None:
            memory.day = today.isoformat()
            memory.news = [*memory.news, *(one.key for one in fresh)][-TOLD_AT_MOST:]

        return _tell_all(context, own, now, tell, told)

    return tell_news


def definitions(_: CodeLocation) -> dg.Definitions:
    """Both sensors."""
    return dg.Definitions(sensors=[problems_sensor(), news_sensor()])
