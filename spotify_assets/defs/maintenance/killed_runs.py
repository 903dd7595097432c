"""Runs whose process was killed: they are marked as failed, and what they held is given back.

A run that is killed cannot say so. A code server notices when the process of one of its runs ends, but if
both end at once, as when a machine stops, Dagster would show the run as under way until it has exceeded its
greatest runtime; and its place in a pool would stay taken, so that every later run waits for it. So each run
holds a lock in the database for as long as its process lives: the server lets go of it however that process
ends, on whatever machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs._dagster_compat import in_process_executor
from spotify_assets.defs.background import repeatedly
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import WarehouseResource

if TYPE_CHECKING:
    from spotify_assets.warehouse.connection import Warehouse

TAG = "spotify_assets/alive"
"""Carried, with its own id, by a run that holds a lock while it lives; of others nothing can be told."""
# Dagster knows a run of the command line before it is started, and a lost database keeps it from going on.
_UNDER_WAY = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
    dg.DagsterRunStatus.NOT_STARTED,
]

CHECK_SECONDS = 3.0
SENSOR_SECONDS = 30


def locked(run_id: str) -> dict[str, str]:
    """The tag of a run that holds its lock from before Dagster knows of it, or from now on."""
    return {TAG: run_id}


@contextmanager
def alive(warehouse: Warehouse, run_id: str) -> Iterator[None]:
    """Hold the lock that says that a run's process lives."""
    from spotify_assets.warehouse.locks import living

    with living(warehouse, run_id):
        yield


def give_back(instance: dg.DagsterInstance, warehouse: Warehouse) -> list[str]:
    """Mark runs as failed whose process is gone, and free their places in pools.

    Returns:
        Their ids.
    """
    from spotify_assets.warehouse.locks import found_dead

    # A run that is executed anew has the tags of the one before.
    found = instance.get_runs(filters=dg.RunsFilter(statuses=_UNDER_WAY))
    runs = [run.run_id for run in found if run.tags.get(TAG) == run.run_id]
    if not runs:
        return []
    with found_dead(warehouse, runs) as dead:
        for run_id in dead:
            current = instance.get_run_by_id(run_id)
            if current is not None and current.status in _UNDER_WAY:
                instance.report_run_failed(
                    current, "Its process was killed. What was committed stands; run it again."
                )
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        return dead


@contextmanager
def watching(instance: dg.DagsterInstance, warehouse: Warehouse) -> Iterator[None]:
    """Give back what killed runs hold, now and while the block runs: one may die while we wait for it."""
    import psycopg2
    from sqlalchemy.exc import SQLAlchemyError

    from spotify_assets.warehouse.errors import WarehouseError

    give_back(instance, warehouse)

    def look() -> None:
        # The run itself meets the same trouble, and says so.
        with suppress(WarehouseError, SQLAlchemyError, psycopg2.Error):
            give_back(instance, warehouse)

    with repeatedly(CHECK_SECONDS, look):
        yield


def living_executor(warehouse: WarehouseResource) -> dg.ExecutorDefinition:
    """All steps in the run's own process, which says so while it lives.

    A process per step would only cost its start (2.4 times). Steps are not retried: what asks an upstream has
    retries of its own, which are counted.

    Args:
        warehouse: Where the lock is held.
    """

    @contextmanager
    def living(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
        with alive(warehouse.open(), run_id):
            instance.add_run_tags(run_id, locked(run_id))
            yield

    return in_process_executor(living)


def killed_sensor() -> dg.SensorDefinition:
    """Look for runs whose process was killed, and give back what they hold."""

    @dg.sensor(
        name="release_killed_runs",
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process was killed, and frees their places in pools.",
    )
    def release_killed_runs(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.SkipReason:
        dead = give_back(context.instance, warehouse.open())
        return dg.SkipReason(f"Killed: {', '.join(dead)}" if dead else "No run was killed")

    return release_killed_runs


def definitions(_: CodeLocation) -> dg.Definitions:
    """The sensor; the executor is everybody's."""
    return dg.Definitions(sensors=[killed_sensor()])
