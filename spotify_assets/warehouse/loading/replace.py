"""Replacing a partition: the rows of one (table, source, day), whole, in one transaction, with its books."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any

import adbc_driver_manager
import pyarrow as pa

from spotify_assets.sources.reasons.reason import to_json
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import PartitionBusy, RowsRejected, first_line
from spotify_assets.warehouse.ledger import LEDGER_COLUMNS, LedgerEntry, LoadSummary, QuarantinedRow, entry_of
from spotify_assets.warehouse.loading.content import conform, content_hash
from spotify_assets.warehouse.loading.escape import storable_json, storable_text
from spotify_assets.warehouse.loading.load_failures import load_errors_explained
from spotify_assets.warehouse.loading.tables import SCHEMA, ensure_month, table_spec

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection as AdbcConnection

_INSERT_LOAD = (
    "insert into ops.partition_loads (table_name, source, partition_date, rows_requested, rows_received, "  # noqa: S608
    "rows_missing, rows_loaded, rows_quarantined, rows_superseded, missing, content_hash, run_id, absent, "
    "lake_parts, loaded_at) "
    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11, $12, $13::text::jsonb, $14, "
    "clock_timestamp()) "
    f"returning {LEDGER_COLUMNS}"
)
_QUARANTINE_BYTES = 16_000_000
_BATCH_ROWS = 1_000
"""Rows encoded at a time: about what a socket holds, so that the server reads while the next are encoded."""


def replace_partition(
    warehouse: Warehouse,
    *,
    table: str,
    source: str,
    day: date,
    rows: pa.Table,
    quarantined: Sequence[QuarantinedRow],
    load: LoadSummary,
    lock_seconds: float | None = None,
) -> LedgerEntry:
    """Make `rows` the whole content of (table, source, day), and write the books, or change nothing.

    Args:
        warehouse: The database.
        table: A table of schema ``snapshots``.
        source: The source that every row names.
        day: The UTC day that every row names.
        rows: All rows of the partition, in any order; columns as in the table, castable to its types.
        quarantined: What was received for the partition but is not fit for the table.
        load: What was asked for and what came.
        lock_seconds: How long to wait while another process loads the same partition; by default as
            long as the warehouse waits for any lock.

    Returns:
        The ledger's new entry.

    Raises:
        PartitionBusy: Another process was loading the same partition all that time.
        RowsRejected: The rows do not fit the table or the partition; says which rows hold a value that the
            database refused.
        ValueError: `load` does not add up with `rows` and `quarantined`.
        WarehouseError: The database refused or was lost; the partition is as it was.
    """
    if load.quarantined != len(quarantined) or load.received != rows.num_rows + len(quarantined):
        raise ValueError(
            f"The books of {table} {source} {day} do not add up: received {load.received}, but there are "
            f"{rows.num_rows} rows and {len(quarantined)} quarantined (said: {load.quarantined})"
        )
    with warehouse.connect(lock_seconds=lock_seconds) as preparing:
        spec = table_spec(preparing, table)
        rows = conform(rows, spec, source=source, day=day)
        leaf = ensure_month(preparing, table, day)
    key = (table, source, day)
    with (
        ThreadPoolExecutor(1) as worker,  # hashing needs a processor, loading mostly the server's
        load_errors_explained(key),
        warehouse.adbc(lock_seconds=lock_seconds) as connection,
    ):
        digest = worker.submit(content_hash, rows)
        _lock(connection, key)
        if not _stands(connection, leaf, key, digest, rows.num_rows):
            try:
                _write_rows(connection, leaf, key, rows)
            except adbc_driver_manager.Error as error:
                connection.rollback()
                if not _refuses_a_value(error) or not (refused := _refused_rows(connection, leaf, key, rows)):
                    raise
                raise RowsRejected(
                    f"{table} of {source} on {day}: the database refused {len(refused)} of {rows.num_rows} "
                    f"rows. Nothing was changed. The first: {refused[0][1]}",
                    refused,
                ) from None
        _write_quarantine(connection, key, quarantined, load.run_id)
        entry = _write_ledger(connection, key, rows.num_rows, digest.result(), load)
        connection.commit()
    return entry


def read_partition(warehouse: Warehouse, table: str, day: date, source: str | None = None) -> pa.Table:
    """Return what stands in a table for a day, ordered by key, in the table's Arrow types.

    Args:
        warehouse: The database.
        table: A table of schema ``snapshots``.
        day: The UTC day.
        source: Only this source; by default all.
    """
    with warehouse.connect() as connection:
        spec = table_spec(connection, table)
    columns = ", ".join(f'"{name}"' for name in spec.schema.names)
    order = ", ".join(f'"{name}"' for name in spec.key)
    condition = "snapshot_date = $1" + (" and source = $2" if source is not None else "")
    values = (day,) if source is None else (day, source)
    with load_errors_explained((table, source or "every source", day)), warehouse.adbc() as connection:
        found = _query(
            connection,
            f'select {columns} from {SCHEMA}."{table}" where {condition} order by {order}',  # noqa: S608
            values,
        )
    return found.cast(spec.schema)


def _lock(connection: AdbcConnection, key: tuple[str, str, date]) -> None:
    """Wait until no other transaction loads this partition; held until ours ends."""
    try:
        _query(
            connection,
            "select 1 from (select pg_advisory_xact_lock(hashtextextended($1, 0))) as locked",
            (json.dumps(["spotify_assets partition", *key], default=str),),
        )
    except adbc_driver_manager.Error as error:
        if error.sqlstate != "55P03":
            raise
        table, source, day = key
        raise PartitionBusy(
            f"Another process is loading {table} of {source} on {day} and did not finish in time. Nothing "
            "was changed; see whether that run succeeds, and run again if it does not."
        ) from None


def _stands(
    connection: AdbcConnection, leaf: str, key: tuple[str, str, date], digest: Future[str], count: int
) -> bool:
    """Say whether exactly these rows stand in the table already, so that rewriting them would change nothing.

    The ledger's hash alone does not prove it: somebody may have changed the table by hand. But a load's rows
    and its ledger entry are written by one transaction, whose number PostgreSQL keeps on every row, and
    any later change to a row gives it another number. So the content stands if all rows of the partition
    carry the number of a ledger entry with this hash, and there are as many as it says.
    """
    booked = (
        "select 1 as booked from ops.partition_loads "
        "where table_name = $1 and source = $2 and partition_date = $3 and rows_loaded = $4"
    )
    # From cheap to dear: the hash is still being computed, and looking at every row takes its time.
    if count == 0 or not _query(connection, f"{booked} limit 1", (*key, count)).num_rows:
        return False
    same_hash = f"{booked} and content_hash = $5 limit 1"
    if not _query(connection, same_hash, (*key, count, digest.result())).num_rows:
        return False
    found = _query(
        connection,
        f"""
        select 1 as stands
        from (
            select count(*) as rows, min(t.xmin::text::bigint) as lowest, max(t.xmin::text::bigint) as highest
            from {SCHEMA}."{leaf}" as t where t.snapshot_date = $3 and t.source = $2
        ) as standing
        join ops.partition_loads as l
            on l.table_name = $1 and l.source = $2 and l.partition_date = $3
            and l.content_hash = $4 and l.rows_loaded = standing.rows and l.rows_loaded = $5
            and l.xmin::text::bigint = standing.lowest and l.xmin::text::bigint = standing.highest
        limit 1
        """,  # noqa: S608 - the leaf's name comes from the catalog
        (*key, digest.result(), count),
    )
    return bool(found.num_rows)


def _write_rows(connection: AdbcConnection, leaf: str, key: tuple[str, str, date], rows: pa.Table) -> None:
    _, source, day = key
    _execute(
        connection,
        f'delete from {SCHEMA}."{leaf}" where snapshot_date = $1 and source = $2',  # noqa: S608
        (day, source),
    )
    if rows.num_rows:
        with connection.cursor() as cursor:
            cursor.adbc_ingest(leaf, rows.to_reader(_BATCH_ROWS), mode="append", db_schema_name=SCHEMA)


def _refuses_a_value(error: adbc_driver_manager.Error) -> bool:
    """Whether it is about what a row holds: a data exception, or a text too long for an index."""
    state = error.sqlstate or ""
    return state.startswith("22") or state == "54000"


def _refused_rows(
    connection: AdbcConnection, leaf: str, key: tuple[str, str, date], rows: pa.Table
) -> list[tuple[dict[str, Any], str]]:
    """Find the rows that cannot be written, by halves; whatever is tried is rolled back."""
    try:
        _write_rows(connection, leaf, key, rows)
    except adbc_driver_manager.Error as error:
        if not _refuses_a_value(error):
            raise
        reason = f"the database refused it: {first_line(error)}"
    else:
        return []
    finally:
        connection.rollback()
    if rows.num_rows == 1:
        return [(rows.to_pylist()[0], reason)]
    half = rows.num_rows // 2
    parts = (rows.slice(0, half), rows.slice(half))
    return [found for part in parts for found in _refused_rows(connection, leaf, key, part)]


def _write_quarantine(
    connection: AdbcConnection, key: tuple[str, str, date], quarantined: Sequence[QuarantinedRow], run_id: str
) -> None:
    _execute(
        connection,
        "delete from ops.quarantine where table_name = $1 and source = $2 and partition_date = $3",
        key,
    )
    for batch in _batches(quarantined):
        _execute(
            connection,
            "insert into ops.quarantine (table_name, source, partition_date, raw, reasons, run_id) "
            "select $1, $2, $3, item -> 0, array(select jsonb_array_elements_text(item -> 1)), $4 "
            "from jsonb_array_elements($5::text::jsonb) with ordinality as items (item, place) "
            "order by place",
            (*key, storable_text(run_id), batch),
        )


def _batches(quarantined: Sequence[QuarantinedRow]) -> Iterator[str]:
    """Give the rows as JSON arrays of [raw, reasons], each of a size that one statement can take."""
    batch: list[str] = []
    size = 0
    for row in quarantined:
        reasons = json.dumps([storable_text(reason) for reason in row.reasons], ensure_ascii=False)
        item = f"[{storable_json(row.raw)},{reasons}]"
        if batch and size + len(item) > _QUARANTINE_BYTES:
            yield f"[{','.join(batch)}]"
            batch, size = [], 0
        batch.append(item)
        size += len(item)
    if batch:
        yield f"[{','.join(batch)}]"


def _write_ledger(
    connection: AdbcConnection, key: tuple[str, str, date], loaded: int, digest: str, load: LoadSummary
) -> LedgerEntry:
    found = _query(
        connection,
        _INSERT_LOAD,
        (
            *key,
            load.requested,
            load.received,
            len(load.missing),
            loaded,
            load.quarantined,
            load.superseded,
            storable_json(to_json(load.missing)),
            digest,
            storable_text(load.run_id),
            storable_json(to_json(load.absent)),
            load.lake_parts,
        ),
    )
    values = list(found.to_pylist()[0].values())
    for place in (10, -1):  # missing, absent
        values[place] = json.loads(values[place])
    return entry_of(values)


def _execute(connection: AdbcConnection, statement: str, values: tuple[Any, ...]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _query(connection: AdbcConnection, statement: str, values: tuple[Any, ...]) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetch_arrow_table()
