"""Schedules: when things run by themselves."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

DAILY = "daily_observation"


def daily_schedule(job: UnresolvedAssetJobDefinition, hour: int) -> dg.ScheduleDefinition:
    """Today's partition, once a day.

    The partition is the UTC day of the tick itself, not the day before as schedules built from a
    partitioned job have it: only today can be asked about.

    Args:
        job: What to run.
        hour: Hour of the tick (UTC).
    """

    @dg.schedule(
        name=DAILY,
        job=job,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Observes today (UTC) at {hour:02d}:00 UTC and builds the marts.",
    )
    def daily_observation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return daily_observation
