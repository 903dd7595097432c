"""Removing old events from Dagster's records, without changing what it says of any asset.

Dagster derives the state of each partition and check from its newest events. So of every asset and partition
the newest event of each kind stays however old it is, and so does the newest evaluation of each check. The
list of runs stays too: schedules and sensors look up in it what they have asked for already.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from spotify_assets.warehouse.connection import Warehouse

BATCH = 10_000
_OVER = (
    "not exists (select from dagster.runs as r where r.run_id = {0}.run_id "
    "and r.status not in ('SUCCESS', 'FAILURE', 'CANCELED'))"
)
# An evaluation that was only planned says nothing of the check, so it does not stand for one that was made.
_OLD_CHECKS = f"""
select c.id from dagster.asset_check_executions as c
where c.create_timestamp < %(before)s and {_OVER.format("c")} and exists (
    select from dagster.asset_check_executions as n
    where n.asset_key = c.asset_key and n.check_name = c.check_name
    and n.partition is not distinct from c.partition and n.id > c.id
    and (n.execution_status <> 'PLANNED' or c.execution_status = 'PLANNED')
)
"""  # noqa: S608 - our own words
_NEWER = (
    "exists (select from dagster.event_logs as n where n.asset_key = e.asset_key "
    "and n.dagster_event_type = e.dagster_event_type and n.partition {0} and n.id > e.id)"
)
_OLD_EVENTS = f"""
select e.id from dagster.event_logs as e
where e.timestamp < %(before)s and {_OVER.format("e")}
and (
    e.asset_key is null
    or e.partition is not null and {_NEWER.format("= e.partition")}
    or e.partition is null and {_NEWER.format("is null")}
)
and e.id not in (
    select c.evaluation_event_storage_id from dagster.asset_check_executions as c
    where c.evaluation_event_storage_id is not null and c.id not in ({_OLD_CHECKS})
)
"""  # noqa: S608 - our own words


def prune_events(warehouse: Warehouse, before: datetime, *, dry_run: bool = False) -> int:
    """Remove events of runs that are over from before a moment, but for those that say how things stand.

    Args:
        warehouse: The database.
        before: Only older ones.
        dry_run: Only count.

    Returns:
        Events removed, or to be removed.
    """
    values = {"before": before.astimezone(UTC).replace(tzinfo=None), "batch": BATCH}
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('dagster.event_logs'), to_regclass('dagster.runs')")
        if None in (cursor.fetchone() or (None,)):
            return 0  # Dagster has not run yet
        if dry_run:
            return _count(cursor, _OLD_EVENTS, values)
        removed = 0
        while True:
            # What checks keep is decided before their old evaluations go, so these go last.
            cursor.execute(
                f"with gone as (delete from dagster.event_logs where id in ({_OLD_EVENTS} limit %(batch)s) "  # noqa: S608
                "returning id), tags as (delete from dagster.asset_event_tags where event_id in "
                "(select id from gone)) select count(*) from gone",
                values,
            )
            row = cursor.fetchone()
            connection.commit()
            removed += int(row[0]) if row else 0
            if row is None or row[0] < BATCH:
                break
        cursor.execute(f"delete from dagster.asset_check_executions where id in ({_OLD_CHECKS})", values)  # noqa: S608
        connection.commit()
        return removed


def _count(cursor: Any, statement: str, values: dict[str, Any]) -> int:
    cursor.execute(f"select count(*) from ({statement}) as old", values)  # noqa: S608 - our own words
    row = cursor.fetchone()
    return int(row[0]) if row else 0
