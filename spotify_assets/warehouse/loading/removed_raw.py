"""The book of partitions whose raw responses were removed by age, so that they cannot be loaded anew."""

from __future__ import annotations

from datetime import date

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import execute, fetch_all


def record_removal(warehouse: Warehouse, table: str, source: str, day: date, files: int) -> None:
    """Note that the raw responses of a partition go; to be called before they do."""
    execute(
        warehouse,
        "insert into ops.removed_raw as r (table_name, source, partition_date, files) "
        "values (%s, %s, %s, %s) on conflict (table_name, source, partition_date) "
        "do update set files = r.files + excluded.files, removed_at = now()",
        (table, source, day, files),
    )


def removed_on(warehouse: Warehouse, table: str, day: date) -> dict[str, date]:
    """Sources whose raw responses of a day were removed, with the day on which they were."""
    found: dict[str, date] = dict(
        fetch_all(
            warehouse,
            "select source, (removed_at at time zone 'UTC')::date from ops.removed_raw "
            "where table_name = %s and partition_date = %s",
            (table, day),
        )
    )
    return found
