"""Schedules: when things run by themselves."""

from __future__ import annotations

from datetime import UTC

import dagster as dg

from spotify_assets.defs.daily.job import observe_day
from spotify_assets.defs.location import CodeLocation
from spotify_assets.sources.clock import Clock

DAILY = "daily_observation"


def daily_schedule(hour: int) -> dg.ScheduleDefinition:
    """Today's partition, once a day.

    The partition is the UTC day of the tick itself, not the day before as schedules built from a
    partitioned job have it: only today can be asked about. A tick that the scheduler makes up for after its
    day is over asks for nothing: that day can no longer be observed.

    Args:
        hour: Hour of the tick (UTC).
    """

    @dg.schedule(
        name=DAILY,
        job=observe_day,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Observes today (UTC) at {hour:02d}:00 UTC and builds the marts.",
    )
    def daily_observation(
        context: dg.ScheduleEvaluationContext, clock: dg.ResourceParam[Clock]
    ) -> dg.RunRequest | dg.SkipReason:
        day = context.scheduled_execution_time.astimezone(UTC).date()
        today = clock.now().astimezone(UTC).date()
        if day < today:
            return dg.SkipReason(
                f"{day} is over and was not observed by its daily run: what was not observed then is lost "
                "(spotify-assets status lists lost days)"
            )
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return daily_observation


def definitions(location: CodeLocation) -> dg.Definitions:
    """The schedule, at its hour."""
    hour = location.settings.spotify_assets_schedule_hour
    return dg.Definitions(schedules=[daily_schedule(hour)])
