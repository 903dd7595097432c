"""Running the real definitions in this process."""

from collections.abc import Sequence

import dagster as dg
from pydantic import SecretStr

from spotify_assets.definitions import build_definitions
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import Clock
from spotify_assets_tests.support.clocks.shifted import (
    clocked,
    install_database_clock,
    set_database_clock,
    set_upstream_clock,
)


def run(
    settings: Settings,
    instance: dg.DagsterInstance,
    days: Sequence[str],
    selection: Sequence[str],
    clock: Clock | None = None,
    *,
    everywhere: bool = True,
) -> dg.ExecuteInProcessResult:
    """Materialize assets for one day, or for all days from the first to the last; for none, what has no days.

    With a clock, the database and the simulated upstream go by it too, unless it is not set `everywhere`.
    """
    if clock is not None and everywhere and settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        install_database_clock(url)
        set_database_clock(url, clock.now())
        settings = settings.model_copy(update={"database_url": SecretStr(clocked(url))})
        set_upstream_clock(settings.spotify_api_url.removesuffix("/v1"), clock.now())
    definitions = build_definitions(settings, {} if clock is None else {"clock": clock})
    tags = {}
    if len(days) > 1:
        tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    return definitions.resolve_job_def("observe_day").execute_in_process(
        instance=instance,
        tags=tags,
        partition_key=days[0] if len(days) == 1 else None,
        asset_selection=[dg.AssetKey.from_user_string(name) for name in selection] or None,
        raise_on_error=False,
    )


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
