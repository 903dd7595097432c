"""Checks that must speak when nothing runs: a job of their own, an hour after the daily run.

What they ask stands in `days`.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from spotify_assets.defs.monitoring.days import day_check_keys

CHECK_PLATFORM = "check_platform"


def check_platform_job() -> UnresolvedAssetJobDefinition:
    """Whether the day that is due was observed, and which days were lost."""
    return dg.define_asset_job(
        CHECK_PLATFORM,
        selection=dg.AssetSelection.checks(*day_check_keys()),
        description="Checks that today has been observed and that no day was lost.",
    )


def check_schedule(job: UnresolvedAssetJobDefinition, hour: int) -> dg.ScheduleDefinition:
    """Once a day, an hour after the daily run.

    Args:
        job: What to run.
        hour: Hour (UTC) of the daily run.
    """
    return dg.ScheduleDefinition(
        name="daily_checks",
        job=job,
        cron_schedule=f"0 {(hour + 1) % 24} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Checks at {(hour + 1) % 24:02d}:00 UTC that the day is observed and none was lost.",
    )
