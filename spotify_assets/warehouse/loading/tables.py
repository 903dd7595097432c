"""The loaded tables as PostgreSQL describes them, and their monthly partitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg2
import pyarrow as pa
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.warehouse.errors import PartitionBusy, WarehouseError

SCHEMA = "snapshots"

_ARROW_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "text": pa.string(),
    "text[]": pa.list_(pa.string()),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One loaded table.

    Attributes:
        name: Its name in schema ``snapshots``.
        schema: Its columns in order, as Arrow types; a column that may not be null is not nullable.
        key: The columns of its primary key.
    """

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


def table_spec(connection: PgConnection, table: str) -> TableSpec:
    """Read a loaded table's columns and key from the catalog.

    Raises:
        WarehouseError: There is no such table; names those that there are.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.attname, format_type(a.atttypid, null), a.attnotnull, "
            "coalesce(a.attnum = any(i.indkey), false) "
            "from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            "join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
            "left join pg_index as i on i.indrelid = c.oid and i.indisprimary "
            "where n.nspname = %s and c.relname = %s and c.relkind = 'p' order by a.attnum",
            (SCHEMA, table),
        )
        columns = cursor.fetchall()
        if not columns:
            cursor.execute(
                "select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
                "where n.nspname = %s and c.relkind = 'p' order by 1",
                (SCHEMA,),
            )
            known = ", ".join(row[0] for row in cursor.fetchall()) or "none"
            raise WarehouseError(f"There is no loaded table {table!r}; there are: {known}")
    connection.commit()
    schema = pa.schema(
        [pa.field(name, _ARROW_TYPES[kind], nullable=not fixed) for name, kind, fixed, _ in columns]
    )
    return TableSpec(table, schema, tuple(name for name, _, _, in_key in columns if in_key))


def ensure_month(connection: PgConnection, table: str, day: date) -> str:
    """Make sure that the partition for the month of `day` exists, and return its name.

    Done in a short transaction of its own, before the load.
    """
    leaf = f"{table}_{day:%Y_%m}"
    if _is_partition(connection, leaf):
        return leaf
    with connection.cursor() as cursor:
        try:
            cursor.execute("select ops.ensure_month(%s, %s)", (table, day))
        except psycopg2.errors.DuplicateTable:
            raise WarehouseError(
                f"{SCHEMA}.{leaf} exists but is not a partition of {SCHEMA}.{table}: rename or drop it."
            ) from None
        except psycopg2.errors.LockNotAvailable:
            raise PartitionBusy(
                f"The month of {day:%Y-%m} could not be made in {SCHEMA}.{table}: another session holds a "
                "lock on it and did not let go in time. Look in pg_stat_activity for a transaction that was "
                "left open, end it, and run again."
            ) from None
    connection.commit()
    return leaf


def _is_partition(connection: PgConnection, leaf: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.relispartition from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            "where n.nspname = %s and c.relname = %s",
            (SCHEMA, leaf),
        )
        row = cursor.fetchone()
    connection.commit()
    return bool(row is not None and row[0])
