"""Running the real definitions in this process."""

from collections.abc import Sequence

import dagster as dg

from spotify_assets.definitions import build_definitions
from spotify_assets.defs.resources import Platform
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import Clock


def run(
    settings: Settings,
    instance: dg.DagsterInstance,
    days: Sequence[str],
    selection: Sequence[str],
    clock: Clock | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialize assets for one day, or for all days from the first to the last."""
    definitions = build_definitions(settings, {"platform": platform(settings, clock)})
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    return definitions.resolve_job_def("observe_day").execute_in_process(
        instance=instance,
        tags=tags if len(days) > 1 else {},
        partition_key=days[0] if len(days) == 1 else None,
        asset_selection=[dg.AssetKey.from_user_string(name) for name in selection] or None,
        raise_on_error=False,
    )


def platform(settings: Settings, clock: Clock | None) -> Platform:
    """The resources of a run, with a clock that a test sets."""
    if clock is None:
        return Platform(settings)

    class Clocked(Platform):
        def clock(self) -> Clock:
            assert clock is not None
            return clock

    return Clocked(settings)


def materialized(instance: dg.DagsterInstance, key: str) -> dict[str, dict[str, object]]:
    """Metadata of the newest materialization of each partition."""
    records = instance.fetch_materializations(dg.AssetKey.from_user_string(key), limit=1000).records
    return {
        record.partition_key or "": {
            name: value.value
            for name, value in (
                record.asset_materialization.metadata if record.asset_materialization else {}
            ).items()
        }
        for record in reversed(records)
    }
