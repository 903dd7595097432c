"""Landing one partition of one source: ask while the day is the day, otherwise find what was landed then.

Belongs here: rule 1 of the platform, "a day holds what was seen on that day". Nothing here reads
values; nothing here writes to the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from spotify_assets.contracts.tables import TABLES
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
from spotify_assets.ingest.tracked import Tracked
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.answers import anything_observed
from spotify_assets.sources.base import (
    ARTIST_ENTITIES,
    BudgetSpent,
    CooldownRequired,
    Entity,
    NotAllowed,
    Source,
    SourceError,
    Usage,
)
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.observing import UNASKED
from spotify_assets.warehouse.errors import WarehouseError
from spotify_assets.warehouse.ledger import BUDGET_SPENT, LEFT_ALONE, MAY_NOT, TELLS_NOTHING


class PartitionError(Exception):
    """A partition cannot be written; the message names the day and what to do."""


class DayLost(PartitionError):
    """The day is over and nothing was landed on it."""


class DayNotYet(PartitionError):
    """The day has not come."""


class NothingTracked(PartitionError):
    """There is nobody to observe."""


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


def _lost(source: str, entity: Entity, day: date) -> DayLost:
    table = next(table for table in TABLES.values() if table.entity == entity)
    return DayLost(
        f"{day} is lost for {entity} of {source}: nothing was observed while it was {day} (UTC), and the "
        f"upstream only tells how things are now. The table was left as it was. If you have the data of "
        f"that day, import it: spotify-assets import {table.name.replace('_', '-')} FILE --source {source}"
    )


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
    unidentified: Mapping[str, str] | None = None,
    merged: Mapping[str, str] | None = None,
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

    Returns:
        What was done. A source that stopped midway is no error as long as anything was landed, nor is one
        that does not let us see this, or whose calls for the day are used up: what was left unasked is
        landed with the reason.

    Raises:
        DayLost: The day is over and nothing was landed on it.
        DayNotYet: The day has not come.
        NothingTracked: There is no artist to ask for.
        SourceError: The upstream gave nothing at all.
    """
    if entity not in source.entities:
        return _nothing_to_ask(source, landing, entity, day, run_id, clock)
    before = landing.read(source.name, entity, day)
    today = clock.now().date()
    if day > today:
        raise DayNotYet(f"{day} has not come yet: today is {today} (UTC). Choose a day up to today.")
    if day < today and not source.can_observe_past:
        needed = entity in ARTIST_ENTITIES
        if needed and not anything_observed(before) and not explained(before):
            raise _lost(source.name, entity, day)
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

    return await _observe(
        source, landing, entity, day, wanted, remaining, unidentified, before, run_id, clock
    )


def _nothing_to_ask(
    source: Source, landing: Landing, entity: Entity, day: date, run_id: str, clock: Clock
) -> Landed:
    """Say once that a source knows nothing of an entity, so that its empty partition has a reason too."""
    before = landing.read(source.name, entity, day)
    what = entity.replace("_", " ")
    if not before and (source.can_observe_past or day == clock.now().date()):
        reason = f"{MAY_NOT} ({source.name} {TELLS_NOTHING} {what})"
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
    unidentified: Mapping[str, str],
    before: Sequence[Exchange],
    run_id: str,
    clock: Clock,
) -> Landed:
    """Ask for what remains, and land the plan before it and the reasons for gaps after it."""

    def say(method: str, keys: Sequence[str] = (), reason: str | None = None) -> Exchange:
        return note(method, source.name, entity, clock.now(), run_id, keys, reason)

    problem: SourceError | None = None
    usage = Usage()
    with landing.writer(source.name, entity, day, run_id) as writer:
        writer(say(PLAN, wanted))
        for why, keys in _changed(unidentified, before).items():
            writer(say(UNIDENTIFIED, keys, why))
        try:
            if _is_anything_left(entity, remaining):
                usage = await source.observe(entity, day, remaining or [], writer)
        except SourceError as error:
            problem, usage = error, error.usage or usage
        else:
            if not usage.failures:
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


def _changed(unidentified: Mapping[str, str], before: Sequence[Exchange]) -> dict[str, list[str]]:
    """Who is not identified now, by reason, if that has changed since; nobody any more is a change too."""
    if unidentified == unidentified_in(before):
        return {}
    by_reason: dict[str, list[str]] = {}
    for key, why in unidentified.items():
        by_reason.setdefault(why, []).append(key)
    return by_reason or {"": []}


def _left(source: Source, entity: Entity, wanted: Sequence[str], remaining: Sequence[str]) -> Sequence[str]:
    """What stands for all that a run may have left unasked."""
    if wanted or entity != "new_releases":
        return remaining
    # Only by asking was it found out in which parts the list comes, if not as a whole.
    return source.expected(entity, remaining) or [WHOLE_LIST]


async def land_from_all(
    sources: Sequence[Source],
    landing: Landing,
    entity: Entity,
    day: date,
    tracked: Mapping[str, Tracked],
    run_id: str,
    clock: Clock = SYSTEM_CLOCK,
) -> tuple[dict[str, Landed], dict[str, str]]:
    """Land one partition from several sources at once, each for itself.

    Args:
        sources: Upstreams to ask; one that knows nothing of `entity` leaves the reason.
        landing: Where responses are kept.
        entity: What to ask for.
        day: UTC day.
        tracked: Whom to observe, by source name.
        run_id: Run that asks.
        clock: What tells which day it is.

    Returns:
        What was done by the sources that did something, and why others did nothing, by source name.

    Raises:
        PartitionError: No source did anything; the first one's reason.
        SourceError: Likewise.
        WarehouseError: Likewise.
    """

    async def one(source: Source) -> Landed | SourceError | PartitionError | WarehouseError:
        whom = tracked[source.name]
        try:
            return await land(
                source,
                landing,
                entity,
                day,
                whom.ids,
                run_id,
                clock,
                unidentified=whom.unidentified,
                merged=whom.merged,
            )
        except (SourceError, PartitionError, WarehouseError) as problem:
            return problem

    outcomes = await asyncio.gather(*(one(source) for source in sources))
    landed = {s.name: found for s, found in zip(sources, outcomes, strict=True) if isinstance(found, Landed)}
    problems = [found for found in outcomes if not isinstance(found, Landed)]
    if problems and not landed:
        raise problems[0]
    failed = {
        s.name: str(found)
        for s, found in zip(sources, outcomes, strict=True)
        if not isinstance(found, Landed)
    }
    return landed, failed


def _is_final(problem: SourceError, entity: Entity) -> bool:
    """Whether nothing is to be repaired for now, so that the partition itself may say why it is empty.

    Who artists are is what everything else builds on: of them, only a spent budget is no failure.
    """
    return isinstance(problem, BudgetSpent) or (
        isinstance(problem, NotAllowed | CooldownRequired) and entity != "artists"
    )


def _reason(error: SourceError) -> str | None:
    """Why the rest was left unasked, in few words: they stand beside each key."""
    if isinstance(error, NotAllowed):
        return f"{MAY_NOT} ({error.why})"
    if isinstance(error, BudgetSpent):
        return BUDGET_SPENT
    if isinstance(error, CooldownRequired):
        return LEFT_ALONE
    return None
