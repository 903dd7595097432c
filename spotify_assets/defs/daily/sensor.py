"""The sensor that completes today: it asks for one run, when one is called for.

When a run is called for stands in `runs`; sensors of other concerns stand beside what they serve
(`defs.file_imports.sensor`, `defs.monitoring.alerts`, `defs.dbt.stale_marts_sensor`).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from spotify_assets.defs.daily.job import observe_day
from spotify_assets.defs.daily.planner import COMPLETE_TODAY, Next, Today, look, plan
from spotify_assets.defs.daily.runs import runs_of_day
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import SettingsResource, WarehouseResource
from spotify_assets.sources.clock import Clock

SECONDS = 60
LOOK_TWICE = timedelta(seconds=2 * SECONDS)
"""How long a daily run must be seen to be missed: the scheduler, just started, may be about to ask for it."""
LOOK_ANEW = timedelta(minutes=30)
"""A first look that is older was made before the daemon was down."""


def today_sensor() -> dg.SensorDefinition:
    """Ask for a run of today when one is called for, at most one at a time.

    Its cursor holds the watchlist after whose last change everybody was asked about, and since when the daily
    run is seen to be missed.
    """

    @dg.sensor(
        name=COMPLETE_TODAY,
        job=observe_day,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a run of today (UTC) where its daily run was missed, new artists are watched, "
        "a cooldown is over, or something is missing: again after 30, 60, 120 and 240 minutes, while it is "
        "today.",
    )
    def complete_today(
        context: dg.SensorEvaluationContext,
        settings: dg.ResourceParam[SettingsResource],
        clock: dg.ResourceParam[Clock],
        warehouse: dg.ResourceParam[WarehouseResource],
    ) -> dg.SensorResult:
        cursor: dict[str, Any] = json.loads(context.cursor or "{}")
        now = clock.now()
        today = look(
            runs_of_day(context.instance, now.astimezone(UTC).date()),
            warehouse.open(),
            settings.read(),
            now,
            cursor.get("watchlist"),
        )
        following = plan(today)
        due = isinstance(following, Next) and following.key is not None and following.at <= today.now
        if isinstance(following, Next) and following.missed and due:
            cursor["missed"], due = _seen(cursor.get("missed"), today.now)
        else:
            cursor.pop("missed", None)
        if _everybody_was_asked(today, asks=due):
            cursor["watchlist"] = today.watchlist
        if not isinstance(following, Next) or not due:
            return dg.SensorResult(skip_reason=_said(following, today), cursor=json.dumps(cursor))
        context.log.info(following.why)
        request = dg.RunRequest(
            run_key=following.key, partition_key=today.day.isoformat(), tags=dict(following.tags)
        )
        return dg.SensorResult(run_requests=[request], cursor=json.dumps(cursor))

    return complete_today


def known_watchlist(instance: dg.DagsterInstance) -> str | None:
    """The watchlist after whose last change everybody was asked about, as the sensor remembers it."""
    for state in instance.all_instigator_state() if instance.schedule_storage is not None else ():
        cursor = getattr(state.instigator_data, "cursor", None)
        if state.instigator_name == COMPLETE_TODAY and cursor:
            known: str | None = json.loads(cursor).get("watchlist")
            return known
    return None


def _seen(before: str | None, now: datetime) -> tuple[str, bool]:
    """Since when the daily run is seen to be missed, and whether that is long enough."""
    since = datetime.fromisoformat(before) if before else now
    if now - since > LOOK_ANEW:
        since = now
    return since.isoformat(), now - since >= LOOK_TWICE


def _everybody_was_asked(today: Today, *, asks: bool) -> bool:
    """Whether nobody has to be looked for until the watchlist changes again.

    Also before the first run of a day: whether or not it succeeds, it is meant for everybody.
    """
    return not today.under_way and (asks or not today.runs or not today.unasked)


def _said(following: Next | str, today: Today) -> str:
    if isinstance(following, str):
        return following
    if following.at <= today.now:
        return f"{following.why}: asked for unless the scheduler does so within {LOOK_TWICE.seconds} seconds"
    return f"{following.why}: at {following.at:%H:%M} UTC"


def definitions(_: CodeLocation) -> dg.Definitions:
    """The sensor."""
    return dg.Definitions(sensors=[today_sensor()])
