"""Raw assets: each response of a day, landed before anyone reads it.

Belongs here: one asset per entity, and what a person should see of the landing. How to ask stands in
`sources`, what may be asked for which day in `ingest.land`.
"""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs.outcome import DayOutcomes
from spotify_assets.defs.partitions import days_of
from spotify_assets.defs.resources import Platform

if TYPE_CHECKING:
    from spotify_assets.ingest.land import Landed

LAYER = "landing"


def raw_key(table: Table) -> dg.AssetKey:
    """Key of the raw asset that feeds a table."""
    return dg.AssetKey([LAYER, f"raw_{table.entity}"])


def _metadata(source: str, landed: "Landed") -> dict[str, Any]:
    usage = landed.usage
    metadata: dict[str, Any] = {}
    if source == "simulated":
        metadata["note"] = "SIMULATED: invented, not observed anywhere"
    metadata |= {
        "source": source,
        "responses_landed": landed.exchanges,
        "api_calls": usage.calls,
        "retries": usage.retries,
        "throttled": usage.throttled,
        "seconds": round(usage.seconds, 3),
        "replayed": landed.replayed,
    }
    if landed.stopped:
        metadata["stopped"] = landed.stopped
    if usage.failures:
        metadata["failures"] = dg.MetadataValue.md("\n".join(f"- {line}" for line in usage.failures[:50]))
    return metadata


async def _land_days(
    context: dg.AssetExecutionContext, platform: Platform, table: Table, days: list[date]
) -> DayOutcomes:
    from spotify_assets.ingest.land import PartitionError, land
    from spotify_assets.lake.landing import LakeError
    from spotify_assets.sources.base import SourceError
    from spotify_assets.warehouse import watchlist

    outcomes = DayOutcomes(context)
    landing, source = platform.landing(), platform.source(context.run.run_id)
    tracked = [artist.artist_id for artist in watchlist.tracked(platform.warehouse(), source.name)]
    try:
        for day in days:
            with outcomes.attempt(day, PartitionError, SourceError, LakeError):
                landed = await land(
                    source, landing, table.entity, day, tracked, context.run.run_id, platform.clock()
                )
                if landed.stopped:
                    context.log.warning(f"{day}: stopped before everything was asked for: {landed.stopped}")
                outcomes.succeed(day, _metadata(source.name, landed))
    finally:
        await source.aclose()
    return outcomes


def _raw_asset(
    table: Table, partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> dg.AssetsDefinition:
    @dg.asset(
        key=raw_key(table),
        group_name=LAYER,
        partitions_def=partitions,
        tags=tags,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="upstream",
        kinds={"python", "json"},
        description=f"Every response about {table.entity.replace('_', ' ')} of one UTC day, unchanged, in "
        "the lake. Today is asked from the upstream; an earlier day is what was landed on it, or lost.",
    )
    def raw(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
        asyncio.run(_land_days(context, platform, table, days_of(context))).close()

    return raw


def build_landing_assets(
    partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> list[dg.AssetsDefinition]:
    """One raw asset per table."""
    return [_raw_asset(table, partitions, tags) for table in TABLES.values()]
