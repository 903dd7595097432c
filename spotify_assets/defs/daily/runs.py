"""Today's runs, as Dagster's records have them, for what decides when today is asked about again.

What is decided stands in `defs.daily.planner`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.daily.planner import FINISHED
from spotify_assets.defs.partitions import PARTITION_TAG

if TYPE_CHECKING:
    from spotify_assets.warehouse.dagster_runs import RunOfDay

_RUNS_AT_MOST = 500
UNDER_WAY = [status for status in dg.DagsterRunStatus if status.value not in FINISHED]
"""States of runs that are not over, queued ones too."""


def runs_of_day(instance: dg.DagsterInstance, day: date) -> list[RunOfDay]:
    """Runs of a day, oldest first."""
    from spotify_assets.warehouse.dagster_runs import RunOfDay

    records = instance.get_run_records(
        dg.RunsFilter(tags={PARTITION_TAG: day.isoformat()}), limit=_RUNS_AT_MOST, ascending=True
    )
    return [
        RunOfDay(
            job=record.dagster_run.job_name,
            status=record.dagster_run.status.value,
            ended=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None,
            tags=record.dagster_run.tags,
            of_all=not record.dagster_run.asset_selection,
        )
        for record in records
    ]
