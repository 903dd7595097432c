"""Landing one partition: ask while the day is the day, otherwise find what was landed then.

Belongs here: rule 1 of the platform, "a day holds what was seen on that day". Nothing here reads
values; nothing here writes to the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from spotify_assets.contracts.tables import TABLES
from spotify_assets.ingest.plan import FINISHED, PLAN, finished, note, planned_keys
from spotify_assets.ingest.read import answered
from spotify_assets.lake.landing import Landing
from spotify_assets.sources import imported
from spotify_assets.sources.base import Entity, Source, SourceError, Usage
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.jsontext import NotJson, decode_json


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


def anything_observed(exchanges: Sequence[Exchange]) -> bool:
    """Whether a day holds more than intentions, refusals and unreadable answers."""
    return any(exchange.method == imported.METHOD or _is_answer(exchange) for exchange in exchanges)


def _is_answer(exchange: Exchange) -> bool:
    if exchange.status != 200:
        return False
    try:
        return isinstance(decode_json(exchange.body), dict)
    except NotJson:
        return False


def _lost(source: str, entity: Entity, day: date) -> DayLost:
    table = next(table for table in TABLES.values() if table.entity == entity)
    return DayLost(
        f"{day} is lost for {entity} of {source}: nothing was observed while it was {day} (UTC), and the "
        f"upstream only tells how things are now. The table was left as it was. If you have the data of "
        f"that day, import it: spotify-assets import {table.name.replace('_', '-')} FILE --source {source}"
    )


def _remaining(
    source: str, entity: Entity, wanted: Sequence[str], before: Sequence[Exchange]
) -> list[str] | None:
    """Keys still to be asked for today; None if nothing is left to ask."""
    if entity == "new_releases":
        return None if finished(before) else []
    if not wanted:
        raise NothingTracked(
            f"No artist is tracked for {source}. Add some: spotify-assets watch add ARTIST "
            "(id, URI, link or name)."
        )
    done = answered(source, entity, before)
    return [key for key in wanted if key not in done] or None


async def land(
    source: Source,
    landing: Landing,
    entity: Entity,
    day: date,
    tracked: Sequence[str],
    run_id: str,
    clock: Clock = SYSTEM_CLOCK,
) -> Landed:
    """Make sure that what can be known of one partition lies in the lake.

    Args:
        source: Upstream to ask.
        landing: Where responses are kept.
        entity: What to ask for.
        day: UTC day.
        tracked: Artist ids to observe; not used for ``new_releases``.
        run_id: Run that asks.
        clock: What tells which day it is.

    Returns:
        What was done. A source that stopped midway is no error as long as anything was landed.

    Raises:
        DayLost: The day is over and nothing was landed on it.
        DayNotYet: The day has not come.
        NothingTracked: There is no artist to ask for.
        SourceError: The upstream gave nothing at all.
    """
    before = landing.read(source.name, entity, day)
    today = clock.now().date()
    if day > today:
        raise DayNotYet(f"{day} has not come yet: today is {today} (UTC). Choose a day up to today.")
    if day < today and not source.can_observe_past:
        if not anything_observed(before):
            raise _lost(source.name, entity, day)
        return Landed(day, len(before), replayed=True)

    # What was planned earlier today stays planned, also when the watchlist has lost it since.
    wanted = list(dict.fromkeys([*source.expected(entity, tracked), *planned_keys(before)]))
    remaining = _remaining(source.name, entity, wanted, before)
    if remaining is None:
        return Landed(day, len(before), replayed=True)

    problem: SourceError | None = None
    usage = Usage()
    with landing.writer(source.name, entity, day, run_id) as writer:
        writer(note(PLAN, source.name, entity, clock.now(), run_id, wanted))
        try:
            usage = await source.observe(entity, day, remaining, writer)
        except SourceError as error:
            problem, usage = error, error.usage or usage
        else:
            if not usage.failures:
                writer(note(FINISHED, source.name, entity, clock.now(), run_id))
    if problem and not anything_observed(landing.read(source.name, entity, day)):
        raise problem
    stopped = str(problem) if problem else None
    return Landed(day, len(before) + writer.exchanges, usage, stopped=stopped)
