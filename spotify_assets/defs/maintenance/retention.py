"""Keeping no longer than allowed: a daily job that removes what is older than a setting says.

What is removed, and the proof, stand in `erasure.purge`.
"""

import dagster as dg

from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import LakeResource, SettingsResource, WarehouseResource
from spotify_assets.sources.clock import Clock

RETENTION = "enforce_retention"


@dg.op(description="Removes content from Spotify that is older than SPOTIFY_RETENTION_DAYS, everywhere.")
def remove_expired(
    context: dg.OpExecutionContext,
    settings: dg.ResourceParam[SettingsResource],
    clock: dg.ResourceParam[Clock],
    lake: dg.ResourceParam[LakeResource],
    warehouse: dg.ResourceParam[WarehouseResource],
) -> None:
    """Remove and prove; does nothing where no retention is set.

    Raises:
        dagster.Failure: Something was found again afterwards.
    """
    from spotify_assets.erasure.purge import enforce_retention

    own = settings.read()
    purged = enforce_retention(
        warehouse.open(),
        lake.open(),
        own.spotify_assets_home,
        own.spotify_retention_days,
        today=clock.now().date(),
    )
    for one in purged:
        context.log.info(f"{one.what}: {one.found} entries found, {one.left} left")
    if left := sum(one.left for one in purged):
        raise dg.Failure(
            f"{left} entries that may not be kept any longer could not be removed: see "
            "`spotify-assets purge --expired`",
            allow_retries=False,
        )


@dg.job(name=RETENTION, description="Removes what may not be kept any longer.")
def retention_job() -> None:
    """Remove what has expired."""
    remove_expired()


def retention_schedule() -> dg.ScheduleDefinition:
    """Once a day, in the quiet of the night (UTC)."""
    return dg.ScheduleDefinition(
        name="daily_retention",
        job=retention_job,
        cron_schedule="30 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Removes what SPOTIFY_RETENTION_DAYS does not allow to be kept any longer.",
    )


def definitions(_: CodeLocation) -> dg.Definitions:
    """The job and its schedule."""
    return dg.Definitions(jobs=[retention_job], schedules=[retention_schedule()])
