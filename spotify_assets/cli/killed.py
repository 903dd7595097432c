"""Runs whose process was killed: they are marked as failed, and what they held is given back.

A run that is killed cannot say so. Dagster would show it as under way for ever, and its place in a pool
would stay taken, so that every later run waits for it. So each run holds a lock in the database for as long
as its process lives: the server lets go of it however that process ends, on whatever machine.

Belongs here: telling the living from the dead. Does not belong here: running anything (`runs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dagster as dg
import psycopg2
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from sqlalchemy.exc import SQLAlchemyError

from spotify_assets.cli.background import repeatedly
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import WarehouseError

TAG = "spotify_assets/alive"
"""Carried by the runs that hold a lock while they live; of others nothing can be told."""
LOCKED = {TAG: "while it holds its lock in the database"}
CHECK_SECONDS = 3.0
_KEY = "hashtextextended('spotify_assets run ' || %s, 0)"


@contextmanager
def alive(warehouse: Warehouse, run_id: str) -> Iterator[None]:
    """Hold the lock that says that a run's process lives."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"select pg_advisory_lock({_KEY})", (run_id,))
        yield


def give_back(instance: dg.DagsterInstance, warehouse: Warehouse) -> list[str]:
    """Mark runs as failed whose process is gone, and free their places in pools.

    Returns:
        Their ids.
    """
    runs = [
        run
        for run in instance.get_runs(
            filters=dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES), tags=LOCKED)
        )
        if run.tags.get(TAG)
    ]
    if not runs:
        return []
    dead = []
    with warehouse.connect() as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for run in runs:
            # Held until the run is marked, so that two who look at once do not both mark it.
            cursor.execute(f"select pg_try_advisory_lock({_KEY})", (run.run_id,))
            row = cursor.fetchone()
            if row is None or not row[0]:
                continue
            current = instance.get_run_by_id(run.run_id)
            if current is not None and current.status in IN_PROGRESS_RUN_STATUSES:
                instance.report_run_failed(
                    current, "Its process was killed. What was committed stands; run it again."
                )
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            dead.append(run.run_id)
    return dead


@contextmanager
def watching(instance: dg.DagsterInstance, warehouse: Warehouse) -> Iterator[None]:
    """Give back what killed runs hold, now and while the block runs: one may die while we wait for it."""
    give_back(instance, warehouse)

    def look() -> None:
        # The run itself meets the same trouble, and says so.
        with suppress(WarehouseError, SQLAlchemyError, psycopg2.Error):
            give_back(instance, warehouse)

    with repeatedly(CHECK_SECONDS, look):
        yield
