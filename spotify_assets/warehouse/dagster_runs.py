"""Dagster's records of runs and sensors, read without Dagster, which takes seconds to start.

Where Dagster is there anyway, it is asked itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import execute, fetch_all


@dataclass(frozen=True, slots=True)
class RunOfDay:
    """A run of a day, as Dagster's records have it.

    Attributes:
        job: Its job.
        status: Its state, in Dagster's words.
        ended: When it ended; none while it has not.
        tags: Its tags.
        of_all: Whether it was for all assets of its job.
    """

    job: str
    status: str
    ended: datetime | None
    tags: Mapping[str, str]
    of_all: bool


def recorded_runs(warehouse: Warehouse, day: date) -> list[RunOfDay]:
    """Runs of a day, oldest first; none where Dagster has never kept records."""
    if not _any(warehouse):
        return []
    statement = """
        select r.pipeline_name, r.status, r.end_time, r.run_body, (
            select jsonb_object_agg(t.key, t.value) from dagster.run_tags as t where t.run_id = r.run_id
        )
        from dagster.runs as r
        where exists (
            select 1 from dagster.run_tags as t
            where t.run_id = r.run_id and t.key = 'dagster/partition' and t.value = %(day)s
        )
        order by r.id
    """
    return [
        RunOfDay(
            job=job,
            status=status,
            ended=datetime.fromtimestamp(ended, UTC) if ended else None,
            tags=tags or {},
            of_all=not json.loads(body).get("asset_selection"),
        )
        for job, status, ended, body, tags in fetch_all(warehouse, statement, {"day": day.isoformat()})
    ]


def sensor_cursor(warehouse: Warehouse, sensor: str) -> str | None:
    """What a sensor remembers from one look to the next."""
    if not _any(warehouse):
        return None
    statement = """
        select instigator_body from dagster.instigators
        where instigator_type = 'SENSOR' and strpos(instigator_body, %(name)s) > 0
    """
    bodies = fetch_all(warehouse, statement, {"name": json.dumps(sensor)})
    return next((cursor for (body,) in bodies for cursor in _cursors(json.loads(body))), None)


def _any(warehouse: Warehouse) -> bool:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null", ("dagster.runs",))
        row = cursor.fetchone()
        return bool(row and row[0])


def _cursors(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _cursors(one)
    elif isinstance(value, dict):
        if isinstance(found := value.get("cursor"), str):
            yield found
        for one in value.values():
            yield from _cursors(one)


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run, as somebody who looks on sees it.

    Attributes:
        number: In the order in which runs were asked for.
        run_id: Dagster's id of it.
        job: Its job.
        status: Its state, in Dagster's words.
        day: The day that it is for, if for one.
    """

    number: int
    run_id: str
    job: str
    status: str
    day: str | None


def newest_run(warehouse: Warehouse) -> int:
    """The number of the newest run; 0 where there is none."""
    if not _any(warehouse):
        return 0
    return int(fetch_all(warehouse, "select coalesce(max(id), 0) from dagster.runs", {})[0][0])


def runs_since(warehouse: Warehouse, number: int, also: Sequence[str]) -> list[SeenRun]:
    """Runs that are newer than the one of a number, and some others by their ids, oldest first."""
    if not _any(warehouse):
        return []
    statement = """
        select r.id, r.run_id, r.pipeline_name, r.status, (
            select t.value from dagster.run_tags as t
            where t.run_id = r.run_id and t.key = 'dagster/partition' limit 1
        )
        from dagster.runs as r
        where r.id > %(number)s or r.run_id = any(%(also)s)
        order by r.id
    """
    return [SeenRun(*row) for row in fetch_all(warehouse, statement, {"number": number, "also": list(also)})]


def daemon_heartbeats(warehouse: Warehouse) -> dict[tuple[str, str], datetime]:
    """When each daemon last said that it lives, by its kind and its process."""
    if not _any(warehouse):
        return {}
    statement = "select daemon_type, daemon_id, timestamp from dagster.daemon_heartbeats"
    return {
        (kind, process): at.replace(tzinfo=UTC) for kind, process, at in fetch_all(warehouse, statement, {})
    }


def forget_heartbeats(warehouse: Warehouse) -> None:
    """Forget when daemons last said that they live, once none does: the next one need not wait."""
    if not _any(warehouse):
        return
    execute(warehouse, "delete from dagster.daemon_heartbeats")
