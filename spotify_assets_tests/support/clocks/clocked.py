"""Sensors and schedules of the real definitions, at times that a test sets."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import dagster as dg
from dagster._core.events import DagsterEvent
from dagster._core.test_utils import freeze_time

from spotify_assets.definitions import build_definitions
from spotify_assets.defs.resources import build_resources
from spotify_assets.settings import Settings
from spotify_assets_tests.support.clocks.timeline import StoppedClock

ENDS = {
    dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterRunStatus.CANCELED: dg.DagsterEventType.RUN_CANCELED,
}


@dataclass
class Sensor:
    """One sensor with its cursor, looked at when the test wants.

    Attributes:
        name: Which.
        settings: What it goes by.
        instance: Dagster's records.
        cursor: What it remembers.
        reason: What it said when it last asked for nothing.
    """

    name: str
    settings: Settings
    instance: dg.DagsterInstance
    cursor: str | None = None
    reason: str | None = None

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """The real definitions."""
        return build_definitions(self.settings).get_repository_def()

    def tick(self, at: datetime) -> list[dg.RunRequest]:
        """What it asks for at a time."""
        clock = StoppedClock(at.astimezone(UTC).replace(tzinfo=None).isoformat())
        with dg.build_sensor_context(
            instance=self.instance,
            repository_def=self.repository,
            resources=build_resources(self.settings, {"clock": clock}),
            cursor=self.cursor,
        ) as context:
            outcome = self.repository.get_sensor_def(self.name).evaluate_tick(context)
        self.cursor, self.reason = outcome.cursor, outcome.skip_message
        return list(outcome.run_requests or [])


def record_run(
    instance: dg.DagsterInstance,
    ended: datetime,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
    request: dg.RunRequest | None = None,
    job: str = "observe_day",
    day: str | None = None,
) -> str:
    """Put a run into Dagster's records that ended at a time, as one that was asked for leaves it."""
    run_id = str(uuid.uuid4())
    tags = {"dagster/partition": day or ended.date().isoformat()}
    if request is not None and request.run_key is not None:
        tags |= {**request.tags, "dagster/run_key": request.run_key}
    with freeze_time(ended):
        started = status if status in ENDS else dg.DagsterRunStatus.STARTED
        instance.add_run(dg.DagsterRun(job, run_id, status=dg.DagsterRunStatus.STARTED, tags=tags))
        if started in ENDS:
            event = DagsterEvent(event_type_value=ENDS[started].value, job_name=job)
            instance.report_dagster_event(event, run_id)
    return run_id
