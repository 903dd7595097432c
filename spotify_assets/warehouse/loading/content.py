"""Rows as they will stand in a table: typed, ordered by key, with a hash of their content."""

from __future__ import annotations

import hashlib
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from spotify_assets.warehouse.errors import RowsRejected
from spotify_assets.warehouse.loading.tables import TableSpec


def conform(rows: pa.Table, spec: TableSpec, *, source: str, day: date) -> pa.Table:
    """Return the rows with exactly the table's columns and types, ordered by key.

    A column that the table has and the rows do not becomes null. Ordered input fills the table's index
    from left to right, and makes the content hash independent of the order in which rows came.

    Raises:
        RowsRejected: A column is unknown, cannot be cast or is null where it must not be, or a row
            belongs to another source or day.
    """
    unknown = [name for name in rows.column_names if name not in spec.schema.names]
    if unknown:
        raise RowsRejected(f"{spec.name} has no column {', '.join(unknown)}")
    columns = []
    for column in spec.schema:
        if column.name not in rows.column_names:
            values = pa.chunked_array([pa.nulls(rows.num_rows, column.type)])
        else:
            values = _cast(rows.column(column.name), column, spec.name)
        if not column.nullable and values.null_count:
            raise RowsRejected(f"{spec.name}.{column.name} must not be null; {values.null_count} rows are")
        columns.append(values)
    table = pa.table(columns, schema=spec.schema)
    for name, expected in (("source", source), ("snapshot_date", day)):
        values = table.column(name)
        if not pc.all(pc.equal(values, pa.scalar(expected, values.type)), min_count=0).as_py():
            found = [value for value in pc.unique(values).to_pylist() if value != expected]
            raise RowsRejected(
                f"{spec.name}: rows for {source} on {day} hold {name} {', '.join(map(str, found[:3]))}"
            )
    return _ordered(table, [name for name in spec.key if name not in {"source", "snapshot_date"}])


def content_hash(table: pa.Table) -> str:
    """Return a SHA-256 over every value of an ordered table, independent of how Arrow stores it."""
    total = hashlib.sha256(str(table.num_rows).encode())
    for column in table.schema:
        total.update(f"\0{column.name}:{column.type}\0".encode())
        total.update(_digest(table.column(column.name)))
    return total.hexdigest()


def _digest(values: pa.ChunkedArray) -> bytes:
    """Return a digest of one column: which values are there, how long each is, and their bytes."""
    presence, lengths, data = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    kind = values.type
    for chunk in values.chunks:
        presence.update(_bytes(pc.cast(pc.is_valid(chunk), pa.uint8())))
        if pa.types.is_list(kind):
            lengths.update(_bytes(pc.fill_null(pc.list_value_length(chunk), 0)))
        elif pa.types.is_string(kind):
            lengths.update(_bytes(pc.fill_null(pc.binary_length(chunk), 0)))
            data.update(_text_bytes(chunk))
        else:
            data.update(_bytes(pc.fill_null(_as_number(chunk), 0)))
    inner = b""
    if pa.types.is_list(kind):
        flat = [pc.list_flatten(chunk) for chunk in values.chunks]
        inner = _digest(pa.chunked_array(flat, type=kind.value_type))
    return presence.digest() + lengths.digest() + data.digest() + inner


def _as_number(chunk: pa.Array) -> pa.Array:
    kind = chunk.type
    if pa.types.is_boolean(kind):
        return pc.cast(chunk, pa.uint8())
    if pa.types.is_date32(kind):
        return chunk.view(pa.int32())
    if pa.types.is_timestamp(kind):
        return chunk.view(pa.int64())
    return chunk


def _bytes(numbers: pa.Array) -> memoryview:
    """Return the memory of an array of numbers without nulls."""
    width = numbers.type.bit_width // 8
    start = numbers.offset * width
    return (
        memoryview(numbers.buffers()[1])[start : start + len(numbers) * width]
        if len(numbers)
        else memoryview(b"")
    )


def _text_bytes(chunk: pa.Array) -> memoryview:
    """Return the text of an array, one value after another; a null adds nothing."""
    dense = chunk.drop_null() if chunk.null_count else chunk
    if not len(dense):
        return memoryview(b"")
    offsets = memoryview(dense.buffers()[1]).cast("i")
    text = dense.buffers()[2]
    first, last = offsets[dense.offset], offsets[dense.offset + len(dense)]
    return memoryview(text)[first:last] if text is not None else memoryview(b"")


def _cast(values: pa.ChunkedArray, column: pa.Field, table: str) -> pa.ChunkedArray:
    if values.type == column.type:
        return values
    if pa.types.is_timestamp(values.type) and values.type.tz is None and pa.types.is_timestamp(column.type):
        raise RowsRejected(f"{table}.{column.name} needs a time with a time zone")
    try:
        return values.cast(column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        reason = str(error).split("\n", 1)[0][:200]
        raise RowsRejected(
            f"{table}.{column.name} cannot hold these values as {column.type}: {reason}"
        ) from None


def _ordered(table: pa.Table, key: list[str]) -> pa.Table:
    if table.num_rows < 2 or not key:
        return table
    if len(key) == 1:
        values = table.column(key[0])
        if pc.all(pc.less(values.slice(0, len(values) - 1), values.slice(1))).as_py():
            return table
    return table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in key]))
