"""The Dagster code location: the only place where things are put together.

Loaded by `workspace.yaml`, `dg` and the tests; must stay fast, so nothing heavy is imported before an
asset runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from spotify_assets.defs.daily.job import observe_day_job
from spotify_assets.defs.daily.schedule import daily_schedule
from spotify_assets.defs.daily.sensor import today_sensor
from spotify_assets.defs.dbt.models import build_mart_assets
from spotify_assets.defs.dbt.sources import build_book_specs
from spotify_assets.defs.dbt.stale_marts_sensor import following_sensor
from spotify_assets.defs.file_imports.sensor import build_marts_job, import_files_job, import_sensor
from spotify_assets.defs.forecasts.assets import build_forecast_assets
from spotify_assets.defs.ingestion.raw import build_landing_assets
from spotify_assets.defs.ingestion.snapshots import build_snapshot_assets, build_snapshot_checks
from spotify_assets.defs.maintenance.killed_runs import killed_sensor, living_executor
from spotify_assets.defs.maintenance.prune import housekeeping_job, housekeeping_schedule
from spotify_assets.defs.maintenance.retention import retention_job, retention_schedule
from spotify_assets.defs.monitoring.alerts import news_sensor, problems_sensor
from spotify_assets.defs.monitoring.daily_checks import check_platform_job, check_schedule
from spotify_assets.defs.monitoring.days import day_checks
from spotify_assets.defs.monitoring.identified import identified_check
from spotify_assets.defs.monitoring.sign_in import sign_in_check
from spotify_assets.defs.partitions import daily_partitions
from spotify_assets.defs.resources import Platform, dbt_resource
from spotify_assets.process_environment import clean_environment
from spotify_assets.settings import Settings, load_settings

# The door of each code server and run, whoever started it: libpq and dbt look at the environment later.
clean_environment()


def build_definitions(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Put the code location together.

    Args:
        settings: Settings to use; read from the environment when absent.
        resource_overrides: Resources that replace the defaults by name; for tests.
    """
    settings = settings or load_settings()
    partitions = daily_partitions(settings.spotify_assets_start_date)
    # Whose data an asset holds must be seen wherever the asset is.
    tags: dict[str, str] = {"upstream": "_".join(settings.observed_sources)}
    if settings.simulated:
        tags["dagster/kind/simulated"] = ""  # a kind is what the asset graph shows of an asset
    resources = {"platform": Platform(), "dbt": dbt_resource(), **(resource_overrides or {})}
    job, check_job = observe_day_job(), check_platform_job()
    import_job, marts_job = import_files_job(resources), build_marts_job(resources)
    hour = settings.spotify_assets_schedule_hour
    signs_in = {"spotify", "simulated"} & set(settings.observed_sources)
    knows_others = set(settings.observed_sources) - {"spotify", "simulated"}
    with warnings.catch_warnings():
        # Backfills as one run are chosen knowingly, although Dagster still calls them beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
            *build_landing_assets(partitions, tags),
            *build_snapshot_assets(partitions, tags),
            *build_book_specs(partitions, tags),
            build_mart_assets(partitions, tags),
            *build_forecast_assets(partitions, tags),
        ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            *build_snapshot_checks(partitions),
            day_checks(),
            *([sign_in_check()] if signs_in else []),
            *([identified_check()] if knows_others else []),
        ],
        jobs=[job, retention_job, housekeeping_job, import_job, marts_job, check_job],
        schedules=[
            daily_schedule(job, hour),
            retention_schedule(),
            housekeeping_schedule(),
            check_schedule(check_job, hour),
        ],
        sensors=[
            today_sensor(job),
            import_sensor(import_job),
            following_sensor(marts_job, job),
            problems_sensor(),
            news_sensor(),
            killed_sensor(),
        ],
        resources=resources,
        executor=living_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    return build_definitions()
