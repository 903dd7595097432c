"""Landing one partition of several sources, each for itself.

Landing itself stands in `land`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from spotify_assets.artists.tracked import Tracked
from spotify_assets.ingest.day_errors import PartitionError
from spotify_assets.ingest.land import Landed, land
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.protocol import Entity, Source, SourceError
from spotify_assets.warehouse.errors import WarehouseError


async def land_from_all(
    sources: Sequence[Source],
    landing: Landing,
    entity: Entity,
    day: date,
    tracked: Mapping[str, Tracked],
    run_id: str,
    clock: Clock = SYSTEM_CLOCK,
    database_time: Callable[[], datetime] | None = None,
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
        database_time: Asks the database for its time, which has to agree with `clock`.

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
                database_time=database_time,
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
