"""Sensors: what starts a run because something happened.

Belongs here: reading what is remembered and asking for runs, with keys that make each happen once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from spotify_assets.defs.resources import Platform

AFTER_COOLDOWN = "resume_after_cooldown"
SECONDS = 60


def cooldown_sensor(job: UnresolvedAssetJobDefinition, hour: int) -> dg.SensorDefinition:
    """Observe the rest of today when a cooldown has ended that kept it from being observed.

    That is one which began today, or one from an earlier day that outlasted today's scheduled run. The run
    asks only for what is missing. What an earlier day missed stays missing: its day is over.

    Args:
        job: What to run.
        hour: Hour (UTC) of the daily run.
    """

    @dg.sensor(
        name=AFTER_COOLDOWN,
        job=job,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the missing rest of today (UTC) once an upstream may be asked again.",
    )
    def resume_after_cooldown(
        context: dg.SensorEvaluationContext,  # noqa: ARG001 - Dagster's signature
        platform: dg.ResourceParam[Platform],
    ) -> Any:
        from spotify_assets.warehouse.allowance import last_cooldowns

        now = platform.clock().now().astimezone(UTC)
        today, tick = now.date(), now.replace(hour=hour, minute=0, second=0, microsecond=0)
        requests, waiting = [], []
        for cooldown in sorted(last_cooldowns(platform.warehouse()), key=lambda one: one.until):
            if cooldown.seconds_left > 0:
                waiting.append(f"{cooldown.upstream} until {_minute(cooldown.until)} UTC")
            elif cooldown.set_at.astimezone(UTC).date() == today or cooldown.until >= tick:
                over = f"{cooldown.upstream} {cooldown.credential} {cooldown.until.isoformat()}"
                requests.append(dg.RunRequest(run_key=over, partition_key=today.isoformat()))
        # One run resumes everything that may be asked again; each that ends later has a key of its own.
        if requests:
            return requests[-1:]
        if waiting:
            return dg.SkipReason(f"Left alone: {', '.join(waiting)}")
        return dg.SkipReason("No cooldown has kept today from being observed")

    return resume_after_cooldown


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"
