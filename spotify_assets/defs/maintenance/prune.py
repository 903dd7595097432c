"""Housekeeping: a daily job that removes what is too old to be of use.

How old is too old, and what may go, stand in `operations.prune`; what must go stands in `retention`.
"""

import dagster as dg

from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import LakeResource, SettingsResource, WarehouseResource
from spotify_assets.sources.clock import Clock

HOUSEKEEPING = "housekeeping"


@dg.op(
    description="Removes old events of Dagster, logs of runs and, if RAW_KEPT_DAYS says so, raw responses."
)
def remove_old(
    context: dg.OpExecutionContext,
    settings: dg.ResourceParam[SettingsResource],
    clock: dg.ResourceParam[Clock],
    lake: dg.ResourceParam[LakeResource],
    warehouse: dg.ResourceParam[WarehouseResource],
) -> None:
    """Remove what the settings say is too old."""
    from spotify_assets.operations.prune import prune

    for one in prune(warehouse.open(), lake.open(), settings.read(), clock.now()):
        left = f", {one.left} left because they are not loaded" if one.left else ""
        context.log.info(f"{one.what}: {one.removed} removed{left} ({one.setting})")


@dg.job(name=HOUSEKEEPING, description="Removes what is too old to be of use.")
def housekeeping_job() -> None:
    """Remove what is old."""
    remove_old()


def housekeeping_schedule() -> dg.ScheduleDefinition:
    """Once a day, after retention."""
    return dg.ScheduleDefinition(
        name="daily_housekeeping",
        job=housekeeping_job,
        cron_schedule="0 4 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Removes old events and logs of Dagster and, if RAW_KEPT_DAYS is set, old raw responses.",
    )


def definitions(_: CodeLocation) -> dg.Definitions:
    """The job and its schedule."""
    return dg.Definitions(jobs=[housekeeping_job], schedules=[housekeeping_schedule()])
