"""Landing one partition of one source: ask while the day is the day, otherwise find what was landed then.

Nothing here reads values; nothing here writes to the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from spotify_assets.ingest.clocks import CheckedSink, Clocks
from spotify_assets.ingest.day_errors import DayNotYet, NothingTracked, lost, refuse_later_day
from spotify_assets.ingest.plan import (
    FINISHED,
    PLAN,
    UNIDENTIFIED,
    WHOLE_LIST,
    explained,
    finished,
    note,
    planned_keys,
    unidentified_in,
)
from spotify_assets.ingest.read import answered
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.observer import UNASKED
from spotify_assets.sources.parsing import anything_observed
from spotify_assets.sources.protocol import (
    ARTIST_ENTITIES,
    BudgetSpent,
    CooldownRequired,
    Entity,
    NotAllowed,
    Source,
    SourceError,
    Usage,
)
from spotify_assets.sources.reasons.reason import Reason, ReasonCode


@dataclass(frozen=True, slots=True)
class Landed:
    """What landing one partition did.

    Attributes:
        day: The partition.
        exchanges: Responses that stand in the lake for it.
        usage: What it cost now; nothing for a replay.
        replayed: True if nothing had to be asked.
        stopped: Why the upstream could not be asked for the rest, if so.
    """

    day: date
    exchanges: int
    usage: Usage = field(default_factory=Usage)
    replayed: bool = False
    stopped: str | None = None


def _remaining(
    source: str,
    entity: Entity,
    wanted: Sequence[str],
    tracked: Sequence[str],
    before: Sequence[Exchange],
    merged: Mapping[str, str],
) -> list[str] | None:
    """Keys still to be asked for today; None if nothing is left to ask."""
    if entity == "new_releases" and not wanted:  # a list that is read as a whole
        return None if finished(before) else list(tracked)
    if not wanted and entity not in ARTIST_ENTITIES:  # a day with nothing new
        return None if finished(before) else []
    if not wanted:
        raise NothingTracked(
            f"No artist is tracked for {source}. Add some: spotify-assets watch add ARTIST "
            "(id, URI, link or name)."
        )
    done = answered(source, entity, before, merged)
    return [key for key in wanted if key not in done] or None


async def land(
    source: Source,
    landing: Landing,
    entity: Entity,
    day: date,
    tracked: Sequence[str],
    run_id: str,
    clock: Clock = SYSTEM_CLOCK,
    unidentified: Mapping[str, Reason] | None = None,
    merged: Mapping[str, str] | None = None,
    database_time: Callable[[], datetime] | None = None,
) -> Landed:
    """Make sure that what can be known of one partition lies in the lake.

    Args:
        source: Upstream to ask.
        landing: Where responses are kept.
        entity: What to ask for.
        day: UTC day.
        tracked: Ids of the artists to observe, in the source's namespace, the most important first; for
            what is asked once, of the albums or tracks.
        run_id: Run that asks.
        clock: What tells which day it is.
        unidentified: Tracked artists whose id there is not known, and why: recorded as missing.
        merged: Which ids are known to be another id's, by id.
        database_time: Asks the database for its time, which has to agree with `clock`.

    Returns:
        What was done. A source that stopped midway is no error as long as anything was landed, nor is one
        that does not let us see this, or whose calls for the day are used up: what was left unasked is
        landed with the reason.

    Raises:
        DayLost: The day is over and nothing was landed on it.
        DayNotYet: The day has not come.
        NothingTracked: There is no artist to ask for.
        LaterDayLanded: The lake holds a later day of this source.
        ClocksDiffer: The clocks do not agree that it is that day.
        SourceError: The upstream gave nothing at all.
    """
    clocks = None if source.can_observe_past else Clocks(source.name, day, clock, database_time)
    if entity not in source.entities:
        return _nothing_to_ask(source, landing, entity, day, run_id, clock, clocks)
    before = landing.read(source.name, entity, day)
    today = clock.now().date()
    if day > today:
        if clocks is not None:
            clocks.contradicted(over=False)
        raise DayNotYet(f"{day} has not come yet: today is {today} (UTC). Choose a day up to today.")
    if day < today and clocks is not None:
        needed = entity in ARTIST_ENTITIES
        if needed and not anything_observed(before) and not explained(before):
            clocks.contradicted(over=True)
            raise lost(source.name, entity, day)
        return Landed(day, len(before), replayed=True)

    # What was planned earlier today stays planned, also when the watchlist has lost it since.
    wanted = list(dict.fromkeys([*source.expected(entity, tracked), *planned_keys(before)]))
    unidentified = dict(unidentified or {}) if entity in {"artists", "top_tracks"} else {}
    remaining = (
        []
        if unidentified and not wanted
        else _remaining(source.name, entity, wanted, tracked, before, merged or {})
    )
    if remaining is None and unidentified == unidentified_in(before):
        return Landed(day, len(before), replayed=True)

    if clocks is not None:
        refuse_later_day(landing, source.name, day)
    return await _observe(
        source, landing, entity, day, wanted, remaining, unidentified, before, run_id, clock, clocks
    )


def _nothing_to_ask(
    source: Source,
    landing: Landing,
    entity: Entity,
    day: date,
    run_id: str,
    clock: Clock,
    clocks: Clocks | None,
) -> Landed:
    """Say once that a source knows nothing of an entity, so that its empty partition has a reason too."""
    before = landing.read(source.name, entity, day)
    what = entity.replace("_", " ")
    if not before and (clocks is None or day == clock.now().date()):
        if clocks is not None:
            clocks.check()
        reason = Reason(ReasonCode.NOT_OFFERED)
        with landing.writer(source.name, entity, day, run_id) as writer:
            writer(note(UNASKED, source.name, entity, clock.now(), run_id, [what], reason))
        return Landed(day, writer.exchanges)
    return Landed(day, len(before), replayed=True)


async def _observe(
    source: Source,
    landing: Landing,
    entity: Entity,
    day: date,
    wanted: Sequence[str],
    remaining: Sequence[str] | None,
    unidentified: Mapping[str, Reason],
    before: Sequence[Exchange],
    run_id: str,
    clock: Clock,
    clocks: Clocks | None,
) -> Landed:
    """Ask for what remains, and land the plan before it and the reasons for gaps after it."""

    def say(method: str, keys: Sequence[str] = (), reason: Reason | None = None) -> Exchange:
        return note(method, source.name, entity, clock.now(), run_id, keys, reason)

    problem: SourceError | None = None
    usage = Usage()
    plan = [say(PLAN, wanted)]
    plan += [say(UNIDENTIFIED, keys, why) for why, keys in _changed(unidentified, before).items()]
    with landing.writer(source.name, entity, day, run_id) as writer:
        # A plan under a day that it is not would be taken for that day's when it comes.
        sink = CheckedSink(writer, clocks, plan)
        try:
            if _is_anything_left(entity, remaining):
                usage = await source.observe(entity, day, remaining or [], sink)
        except SourceError as error:
            problem, usage = error, error.usage or usage
        problem = sink.finish() or problem
        if problem is None and not usage.failures:
            writer(say(FINISHED))
    exchanges = landing.read(source.name, entity, day)
    if problem is None:
        return Landed(day, len(exchanges), usage)
    if not _is_final(problem, entity) and not anything_observed(exchanges):
        raise problem
    with landing.writer(source.name, entity, day, run_id) as writer:
        if (reason := _reason(problem)) is not None:
            writer(say(UNASKED, _left(source, entity, wanted, remaining or []), reason))
    return Landed(day, len(exchanges) + writer.exchanges, usage, stopped=str(problem))


def _is_anything_left(entity: Entity, remaining: Sequence[str] | None) -> bool:
    """Whether there is a question; a list that is read as a whole needs no keys."""
    return remaining is not None and (entity == "new_releases" or bool(remaining))


def _changed(
    unidentified: Mapping[str, Reason], before: Sequence[Exchange]
) -> dict[Reason | None, list[str]]:
    """Who is not identified now, by reason, if that has changed since; nobody any more is a change too."""
    if unidentified == unidentified_in(before):
        return {}
    by_reason: dict[Reason | None, list[str]] = {}
    for key, why in unidentified.items():
        by_reason.setdefault(why, []).append(key)
    return by_reason or {None: []}


def _left(source: Source, entity: Entity, wanted: Sequence[str], remaining: Sequence[str]) -> Sequence[str]:
    """What stands for all that a run may have left unasked."""
    if wanted or entity != "new_releases":
        return remaining
    # Only by asking was it found out in which parts the list comes, if not as a whole.
    return source.expected(entity, remaining) or [WHOLE_LIST]


def _is_final(problem: SourceError, entity: Entity) -> bool:
    """Whether nothing is to be repaired for now, so that the partition itself may say why it is empty.

    Who artists are is what everything else builds on: of them, only a spent budget is no failure.
    """
    return isinstance(problem, BudgetSpent) or (
        isinstance(problem, NotAllowed | CooldownRequired) and entity != "artists"
    )


def _reason(error: SourceError) -> Reason | None:
    """Why the rest was left unasked, in few words: they stand beside each key."""
    if isinstance(error, NotAllowed):
        return Reason(ReasonCode.REFUSED, error.why)
    if isinstance(error, BudgetSpent):
        return Reason(ReasonCode.BUDGET_SPENT)
    if isinstance(error, CooldownRequired):
        return Reason(ReasonCode.COOLDOWN)
    return None
