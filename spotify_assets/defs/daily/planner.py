"""When today is asked about again: the one place that decides it, for the sensor, the alerts and `status`.

Today may be asked about as long as it lasts, and never after it. Four things may call for a run of today
beside its daily one: the daily run was missed, new artists are watched, a cooldown is over, something is
missing. They are weighed together, so that at most one run comes of them, and none while one is queued or
under way.

What a run then asks for stands in `land`: only what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import OBSERVED_DAILY
from spotify_assets.sources.reasons.reason import Reason, ReasonCode

if TYPE_CHECKING:
    from spotify_assets.settings import Settings
    from spotify_assets.warehouse.connection import Warehouse
    from spotify_assets.warehouse.dagster_runs import RunOfDay
    from spotify_assets.warehouse.ledger import LedgerEntry
    from spotify_assets.warehouse.upstream_state.api_usage import Cooldown

COMPLETE_TODAY = "complete_today"
"""The sensor that asks for runs of today."""
RETRY = "spotify_assets/retry"
"""Tag of a run that asks again: which time it is."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120, 240))
"""How long after a run today is asked about again, each time; more often than that it is not."""
GRACE = timedelta(minutes=10)
"""How long after its hour the daily run counts as missed: a late scheduler makes up for it itself."""
SUCCESS, CANCELED = "SUCCESS", "CANCELED"
FINISHED = frozenset({SUCCESS, CANCELED, "FAILURE"})
"""How Dagster calls the states of runs that are over."""
RUN_KEY = "dagster/run_key"
"""Dagster's tag of what a run was asked for by."""
OBSERVE_DAY = "observe_day"
"""The job of the daily run."""
USUAL = timedelta(days=7)
"""What was loaded in the days before is expected today too."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run over all of today that is over.

    Attributes:
        ended: When that was.
        status: How it ended.
        key: By which it was asked for, if by a schedule or sensor.
        is_retry: Whether it asked again for what was missing.
    """

    ended: datetime
    status: str
    key: str | None = None
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class Today:
    """What is known of today.

    Attributes:
        now: The time.
        hour: Hour (UTC) of the daily run.
        runs: Runs over all of today that are over, oldest first.
        under_way: Whether any run of today is queued or under way.
        tracked: How many artists are watched.
        unasked: How many of them today's runs have not asked about, if that may have changed.
        watchlist: A text that changes with the watchlist.
        observed_before: Whether anything was ever observed.
        missing: Why things are missing today, one reason each.
        cooldowns: The last cooldown of each upstream.
    """

    now: datetime
    hour: int
    runs: Sequence[PastRun] = ()
    under_way: bool = False
    tracked: int = 0
    unasked: int = 0
    watchlist: str = ""
    observed_before: bool = True
    missing: Sequence[Reason] = ()
    cooldowns: Sequence[Cooldown] = ()

    @property
    def day(self) -> date:
        """The UTC day."""
        return self.now.date()

    @property
    def tick(self) -> datetime:
        """When the daily run of today is, or was."""
        return datetime.combine(self.day, time(self.hour), UTC)

    @property
    def midnight(self) -> datetime:
        """When today is over."""
        return datetime.combine(self.day + timedelta(days=1), time(), UTC)


@dataclass(frozen=True, slots=True)
class Next:
    """The next run of today.

    Attributes:
        at: When it is asked for; not later than now: at once.
        why: In words.
        key: The same for the same reason, so that it makes one run only; none for the daily run, which the
            schedule asks for.
        missed: Whether it makes up for the daily run.
        tags: Of the run.
    """

    at: datetime
    why: str
    key: str | None = None
    missed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


def plan(today: Today) -> Next | str:
    """The next run of today, or why there is none."""
    if today.under_way:
        return "A run of today is queued or under way"
    if not today.tracked:
        return "No artist is tracked: spotify-assets watch add ARTIST"
    if not today.runs:
        return _first_run(today)
    wanted = [_new_artists(today), _after_cooldown(today), _retry(today)]
    in_time = [one for one in wanted if isinstance(one, Next) and one.at < today.midnight]
    if in_time:
        return min(in_time, key=lambda one: one.at)
    return ". ".join(
        one if isinstance(one, str) else f"{one.why}, but today is over before" for one in wanted if one
    )


def next_tick(now: datetime, hour: int) -> datetime:
    """When the daily run comes next."""
    tick = datetime.combine(now.date(), time(hour), UTC)
    return tick if tick > now else tick + timedelta(days=1)


def _first_run(today: Today) -> Next:
    if not today.observed_before:
        return Next(today.now, "The first artists are observed at once", f"{today.day} first")
    if today.now < today.tick:
        return Next(today.tick, "The daily run")
    why = f"The daily run at {today.hour:02d}:00 UTC was missed"
    return Next(today.tick + GRACE, why, f"{today.day} missed", missed=True)


def _new_artists(today: Today) -> Next | None:
    if not today.unasked:
        return None
    who = "1 artist was" if today.unasked == 1 else f"{today.unasked:,} artists were"
    why = f"{who} added after today was asked about"
    return Next(today.now, why, f"{today.day} watchlist {today.watchlist}")


def _after_cooldown(today: Today) -> Next | str:
    """A run for the cooldown that ends, or ended, last, among those that kept today from being observed."""
    used = {run.key for run in today.runs}
    kept = [
        one
        for one in today.cooldowns
        if one.set_at.astimezone(UTC).date() == today.day or one.until >= today.tick
    ]
    waiting = [one for one in kept if one.seconds_left > 0]
    for one in sorted(kept, key=lambda one: one.until, reverse=True):
        if one.seconds_left <= 0:
            key = f"{one.upstream} {one.credential} {one.until.isoformat()}"
            if key not in used:
                return Next(today.now, f"{one.upstream} may be asked again", key)
            break
    if waiting:
        first = min(waiting, key=lambda one: one.until)
        return Next(first.until, f"{first.upstream} asked to be left alone until then")
    return "No cooldown has kept today from being observed"


def _retry(today: Today) -> Next | str:
    last, retries = today.runs[-1], sum(run.is_retry for run in today.runs)
    open_ = [reason for reason in today.missing if reason.is_retryable(asked_again=retries > 0)]
    if last.status == CANCELED:
        return "The last run of today was cancelled by hand: nothing is asked for again"
    failed = last.status != SUCCESS
    if not failed and not open_:
        return "Nothing is missing that asking again may bring"
    are = "is" if len(open_) == 1 else "are"
    what = "the last run failed" if failed else f"{len(open_):,} {are} missing"
    if retries >= len(PAUSES):
        return f"Asked again {retries} times today, and still {what}: left alone until tomorrow"
    at = last.ended + PAUSES[retries]
    if failed:  # it would meet the same pause again
        at = max([at, *(one.until for one in today.cooldowns if one.seconds_left > 0)])
    number = retries + 1
    why = f"Asked again ({number} of {len(PAUSES)}), because {what}"
    return Next(at, why, f"{today.day} retry {number}", tags={RETRY: str(number)})


def look(
    runs: Sequence[RunOfDay],
    warehouse: Warehouse,
    settings: Settings,
    now: datetime,
    known_watchlist: str | None = None,
) -> Today:
    """Read what is known of today.

    Args:
        runs: Runs of today, oldest first.
        warehouse: The database.
        settings: Whom to observe, and when.
        now: The time.
        known_watchlist: The watchlist after whose changes everybody was asked about; with the same one,
            nobody is looked for.
    """
    # Imported here, because definitions load without any of it.
    from spotify_assets.artists.tracked import not_asked_yet
    from spotify_assets.artists.watchlist import change_mark, tracked_anywhere
    from spotify_assets.warehouse.ledger import current_loads, has_loads_of
    from spotify_assets.warehouse.upstream_state.api_usage import last_cooldowns

    now = now.astimezone(UTC)
    sources = settings.observed_sources
    recent = [load for load in current_loads(warehouse, since=now.date() - USUAL) if load.source in sources]
    loads = [load for load in recent if load.day == now.date()]
    cooldowns = last_cooldowns(warehouse)
    paused = {one.upstream for one in cooldowns if one.seconds_left > 0}
    silent = [pair for pair in _not_loaded(recent, now.date()) if pair[1] not in paused]
    mark = change_mark(warehouse)
    return Today(
        now=now,
        hour=settings.spotify_assets_schedule_hour,
        runs=_past(runs, now) or _loaded_otherwise(loads, sources),
        under_way=any(run.status not in FINISHED for run in runs),
        tracked=len(tracked_anywhere(warehouse, simulated=settings.simulated)),
        unasked=not_asked_yet(warehouse, sources, now.date()) if mark != known_watchlist else 0,
        watchlist=mark,
        observed_before=any(has_loads_of(warehouse, source) for source in sources),
        missing=[
            *(reason for load in loads for reason in load.missing.values()),
            *(Reason(ReasonCode.FAILED, f"{source} gave nothing for {table}") for table, source in silent),
        ],
        cooldowns=cooldowns,
    )


def _not_loaded(recent: Sequence[LedgerEntry], day: date) -> list[tuple[str, str]]:
    """Tables and sources that were loaded in the days before and are not on this day.

    A source that answers nothing leaves no load that could name what is missing.
    """
    usual = {(load.table, load.source) for load in recent if load.day < day and load.table in OBSERVED_DAILY}
    return sorted(usual - {(load.table, load.source) for load in recent if load.day == day})


def _past(runs: Sequence[RunOfDay], now: datetime) -> list[PastRun]:
    """Those that were for all of today: a run of some assets leaves the others to the daily one."""
    return [
        PastRun(run.ended or now, run.status, run.tags.get(RUN_KEY), RETRY in run.tags)
        for run in runs
        if run.job == OBSERVE_DAY and run.of_all and run.status in FINISHED
    ]


def _loaded_otherwise(loads: Sequence[LedgerEntry], sources: Sequence[str]) -> list[PastRun]:
    """A run that stands for whatever loaded all of today, such as a backfill over a range of days."""
    loaded = {(load.table, load.source) for load in loads}
    if not loaded >= {(table, source) for table in OBSERVED_DAILY for source in sources}:
        return []
    return [PastRun(max(load.loaded_at for load in loads).astimezone(UTC), SUCCESS)]
