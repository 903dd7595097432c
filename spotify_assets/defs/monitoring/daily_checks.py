"""Checks that must speak when nothing runs: a job of their own, an hour after the daily run.

What they ask stands in `days`.
"""

import dagster as dg

from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.monitoring.days import day_check_keys

CHECK_PLATFORM = "check_platform"


check_platform = dg.define_asset_job(
    CHECK_PLATFORM,
    selection=dg.AssetSelection.checks(*day_check_keys()),
    description="Checks that today has been observed and that no day was lost.",
)


def check_schedule(hour: int) -> dg.ScheduleDefinition:
    """Once a day, an hour after the daily run.

    Args:
        hour: Hour (UTC) of the daily run.
    """
    return dg.ScheduleDefinition(
        name="daily_checks",
        job=check_platform,
        cron_schedule=f"0 {(hour + 1) % 24} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Checks at {(hour + 1) % 24:02d}:00 UTC that the day is observed and none was lost.",
    )


def definitions(location: CodeLocation) -> dg.Definitions:
    """The job and its schedule."""
    schedule = check_schedule(location.settings.spotify_assets_schedule_hour)
    return dg.Definitions(jobs=[check_platform], schedules=[schedule])
