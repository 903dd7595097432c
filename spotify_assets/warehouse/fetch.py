"""Running one query and reading all of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg2.sql import SQL, Composed

from spotify_assets.warehouse.connection import Warehouse


def fetch_all(
    warehouse: Warehouse,
    statement: str | SQL | Composed,
    values: Mapping[str, Any],
    *,
    whole_days: bool = False,
) -> list[tuple[Any, ...]]:
    """All rows of a query.

    Args:
        warehouse: The database.
        statement: The query.
        values: What it asks for by name.
        whole_days: Whether it joins whole days of rows. Of a table that was just loaded PostgreSQL has no
            statistics yet, and would look up row by row what is sixty times as quick as one hash.
    """
    with warehouse.connect() as connection, connection.cursor() as cursor:
        if whole_days:
            cursor.execute("set local enable_nestloop = off")
        cursor.execute(statement, values)
        return cursor.fetchall()


def time_of(warehouse: Warehouse) -> datetime:
    """What time it is for the database."""
    moment: datetime = fetch_all(warehouse, "select clock_timestamp()", {})[0][0]
    return moment
