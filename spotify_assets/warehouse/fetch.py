"""Running one statement: a query that is read whole, or a change that is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg2.sql import SQL, Composed

from spotify_assets.warehouse.connection import Warehouse

Statement = str | SQL | Composed
Values = Mapping[str, Any] | Sequence[Any] | None


def fetch_all(
    warehouse: Warehouse,
    statement: Statement,
    values: Values = None,
    *,
    whole_days: bool = False,
) -> list[tuple[Any, ...]]:
    """All rows of a query.

    Args:
        warehouse: The database.
        statement: The query.
        values: What it asks for, by name or in order.
        whole_days: Whether it joins whole days of rows. Of a table that was just loaded PostgreSQL has no
            statistics yet, and would look up row by row what is sixty times as quick as one hash.
    """
    with warehouse.connect() as connection, connection.cursor() as cursor:
        if whole_days:
            cursor.execute("set local enable_nestloop = off")
        cursor.execute(statement, values)
        return cursor.fetchall()


def execute(warehouse: Warehouse, statement: Statement, values: Values = None) -> int:
    """Run and commit a statement; returns how many rows it was about.

    Args:
        warehouse: The database.
        statement: The statement.
        values: What it takes, by name or in order.
    """
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        connection.commit()
        return cursor.rowcount


def time_of(warehouse: Warehouse) -> datetime:
    """What time it is for the database."""
    moment: datetime = fetch_all(warehouse, "select clock_timestamp()", {})[0][0]
    return moment
