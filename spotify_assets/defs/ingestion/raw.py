"""Raw assets: each response of a day, landed before anyone reads it.

How to ask stands in `sources`, what may be asked for which day in `ingest.land`.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.contracts.tables import ALBUM_TRACKS, NEW_RELEASES, TABLES, Table
from spotify_assets.defs.ingestion.keys import LANDING, raw_key, snapshot_key
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.outcome import DayOutcomes
from spotify_assets.defs.partitions import days_of
from spotify_assets.defs.resources import LakeResource, SettingsResource, SourcesResource, WarehouseResource
from spotify_assets.defs.unnamed import unnamed
from spotify_assets.settings import Settings, is_simulated
from spotify_assets.sources.clock import Clock
from spotify_assets.sources.protocol import ARTIST_ENTITIES, ASKED_ONCE

if TYPE_CHECKING:
    from spotify_assets.ingest.land import Landed
    from spotify_assets.lake.landing import Landing
    from spotify_assets.sources.state import State
    from spotify_assets.warehouse.connection import Warehouse

AFTER: Mapping[str, Table] = {
    "album_tracks": NEW_RELEASES,
    "track_details": ALBUM_TRACKS,
    "audio_features": ALBUM_TRACKS,
}
"""What is asked about what another table has just learnt of."""
FAILED = "failed_sources"
"""Sources that gave nothing while others did, and why."""
IDENTIFY_SECONDS = 600.0
"""How long a run looks for unknown ids before it observes those that are known: 100 artists take some five
minutes while MusicBrainz answers every second call …"""
IDENTIFY_SHARE = 0.25
"""… and at most this share of what is left of the day, which is for observing."""
SHOWN_PROBLEMS = 20
"""Lines about upstreams that could not be asked who is who."""


def _metadata(
    landed: "Mapping[str, Landed]",
    failed: Mapping[str, str],
    refused: Sequence[str],
    unidentified: Sequence[str],
    *,
    over: bool,
) -> dict[str, Any]:
    usages = [one.usage for one in landed.values()]
    metadata: dict[str, Any] = {}
    if any(is_simulated(source) for source in landed):
        metadata["note"] = "SIMULATED: invented, not observed anywhere"
    metadata |= {
        "source": ", ".join(landed),
        "responses_landed": sum(one.exchanges for one in landed.values()),
        "api_calls": sum(usage.calls for usage in usages),
        "retries": sum(usage.retries for usage in usages),
        "throttled": sum(usage.throttled for usage in usages),
        "seconds": round(max(usage.seconds for usage in usages), 3),
        "replayed": all(one.replayed for one in landed.values()),
    }
    stopped = {source: one.stopped for source, one in landed.items() if one.stopped}
    if over:  # a source that has nothing of such a day has not failed now
        stopped |= failed
    elif failed:
        metadata[FAILED] = dg.MetadataValue.md(
            "\n".join(f"- {source}: {unnamed(why)}" for source, why in failed.items())
        )
    if stopped:
        metadata["stopped"] = dg.MetadataValue.md(
            "\n".join(f"- {source}: {unnamed(why)}" for source, why in stopped.items())
        )
    if refused:
        metadata["may_not_see"] = dg.MetadataValue.md("\n".join(f"- {line}" for line in refused))
    if unidentified:
        metadata["unidentified"] = dg.MetadataValue.md("\n".join(f"- {line}" for line in unidentified))
    failures = [line for usage in usages for line in usage.failures]
    if failures:
        alike = Counter(map(unnamed, failures)).most_common(50)
        metadata["failures"] = dg.MetadataValue.md("\n".join(f"- {count} × {line}" for line, count in alike))
    return metadata


async def _land_days(
    context: dg.AssetExecutionContext,
    table: Table,
    days: list[date],
    upstreams: SourcesResource,
    landing: "Landing",
    warehouse: "Warehouse",
    settings: Settings,
    clock: Clock,
) -> DayOutcomes:
    from spotify_assets.artists.tracked import Tracked, tracked_artists
    from spotify_assets.ingest.catalogue import keys_to_ask
    from spotify_assets.ingest.day_errors import PartitionError
    from spotify_assets.ingest.land_all import land_from_all
    from spotify_assets.ingest.removed import refuse_removed
    from spotify_assets.lake.landing import LakeError
    from spotify_assets.sources.protocol import SourceError
    from spotify_assets.warehouse.errors import WarehouseError
    from spotify_assets.warehouse.fetch import time_of
    from spotify_assets.warehouse.upstream_state.capabilities import all_capabilities

    outcomes = DayOutcomes(context)
    askable = settings.simulated or clock.now().date() in days
    unidentified: list[str] = []
    if askable and table.entity in ARTIST_ENTITIES:
        unidentified = await _identify(context, upstreams.state(), landing, warehouse, settings, clock)
    sources = upstreams.open(context.run.run_id)
    tracked = {source.name: tracked_artists(warehouse, source.namespace) for source in sources}
    asked: dict[str, set[str]] = {source.name: set() for source in sources}

    def whom(day: date) -> dict[str, Tracked]:
        if table.entity not in ASKED_ONCE:
            return tracked
        keys = {
            source.name: keys_to_ask(warehouse, table.entity, source.name, day, tracked[source.name].ids)
            for source in sources
            if table.entity in source.entities
        }
        # What an earlier day of this run was told stands in the table only after the run has loaded it.
        return {
            name: Tracked([key for key in keys.get(name, []) if key not in known])
            for name, known in asked.items()
        }

    try:
        for day in days:
            with outcomes.attempt(day, PartitionError, SourceError, LakeError, WarehouseError):
                refuse_removed(warehouse, table.name, day, [source.name for source in sources])
                wanted = whom(day)
                landed, failed = await land_from_all(
                    sources,
                    landing,
                    table.entity,
                    day,
                    wanted,
                    context.run.run_id,
                    clock,
                    partial(time_of, warehouse),
                )
                for name, one in landed.items():
                    if not one.stopped and not one.usage.failures:
                        asked[name].update(wanted[name].ids)
                stopped = {name: one.stopped for name, one in landed.items() if one.stopped} | failed
                for name, why in stopped.items():
                    context.log.warning(
                        unnamed(f"{day}: {name} stopped before everything was asked for: {why}")
                    )
                refused = [
                    unnamed(f"{one.upstream}: {one.capability.name} ({one.capability.reason})")
                    for one in all_capabilities(warehouse)
                    if one.upstream in landed and not one.capability.allowed
                ]
                over = day != clock.now().date()
                outcomes.succeed(day, _metadata(landed, failed, refused, unidentified, over=over))
    finally:
        for source in sources:
            await source.aclose()
    return outcomes


async def _identify(
    context: dg.AssetExecutionContext,
    state: "State",
    landing: "Landing",
    warehouse: "Warehouse",
    settings: Settings,
    clock: Clock,
) -> list[str]:
    """Find ids of watched artists that are still unknown where they are needed, for a while.

    Returns:
        Who is still not known where, and why, in a line each.
    """
    from spotify_assets.artists.identities import unresolved
    from spotify_assets.artists.matching import without_id
    from spotify_assets.artists.resolve import identify_async, targets_of

    now = clock.now().astimezone(UTC)
    left_today = (datetime.combine(now.date() + timedelta(days=1), time(), UTC) - now).total_seconds()
    outcome = await identify_async(
        warehouse,
        settings,
        state,
        clock,
        min(IDENTIFY_SECONDS, IDENTIFY_SHARE * left_today),
        landing=landing,
        run_id=context.run.run_id,
    )
    counts = {target: len(unresolved(warehouse, target)) for target in targets_of(settings)}
    unidentified = [without_id(count, target) for target, count in counts.items() if count]
    if outcome.left:
        unidentified.append(f"{outcome.left:,} of them are still to be looked for: the next run goes on")
    lines = [*unidentified, *map(unnamed, outcome.problems[:SHOWN_PROBLEMS])]
    if outcome.problems or outcome.left:
        context.log.warning("\n".join(["Not every watched artist could be identified:", *lines]))
    return lines


def _raw_asset(
    table: Table, partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> dg.AssetsDefinition:
    @dg.asset(
        key=raw_key(table),
        deps=[snapshot_key(before)] if (before := AFTER.get(table.name)) else [],
        group_name=LANDING,
        partitions_def=partitions,
        tags=tags,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="upstream",
        kinds={"python", "json"},
        description=f"Every response about {table.entity.replace('_', ' ')} of one UTC day, unchanged, in "
        "the lake. Today is asked from the upstream; an earlier day is what was landed on it, or lost.",
    )
    def raw(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        sources: dg.ResourceParam[SourcesResource],
        lake: dg.ResourceParam[LakeResource],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> None:
        given = (sources, lake.open(), warehouse.open(), settings.read(), clock)
        asyncio.run(_land_days(context, table, days_of(context), *given)).close()

    return raw


def build_landing_assets(
    partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]
) -> list[dg.AssetsDefinition]:
    """One raw asset per table that a source feeds."""
    return [_raw_asset(table, partitions, tags) for table in TABLES.values() if table.observed]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The raw assets."""
    return dg.Definitions(assets=build_landing_assets(location.partitions, location.tags))
