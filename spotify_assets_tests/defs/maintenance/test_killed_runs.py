"""Runs whose process is gone are marked as failed, also those that Dagster had only heard of."""

from __future__ import annotations

import dagster as dg
from dagster._core.utils import make_new_run_id

from spotify_assets.defs.maintenance.killed_runs import alive, give_back, locked
from spotify_assets.warehouse.connection import Warehouse


@dg.job
def nothing() -> None:
    """A job without ops."""


def test_a_run_that_was_never_started_is_given_back_too(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    def known(run_id: str, tags: dict[str, str]) -> str:
        return instance.create_run_for_job(nothing, run_id=run_id, tags=tags).run_id

    dead, living, others, again = (make_new_run_id() for _ in range(4))
    known(dead, locked(dead))
    known(living, locked(living))
    known(others, {})
    known(again, locked(dead))  # executed anew, with the tags of the one before
    with alive(warehouse, living):
        assert give_back(instance, warehouse) == [dead]

    def status(run_id: str) -> dg.DagsterRunStatus:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    assert status(dead) is dg.DagsterRunStatus.FAILURE
    assert {status(one) for one in (living, others, again)} == {dg.DagsterRunStatus.NOT_STARTED}
    assert give_back(instance, warehouse) == [living]
