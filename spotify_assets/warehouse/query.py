"""One read-only statement, for people: `spotify-assets sql "select …"`.

The statement becomes the query of a cursor, sent by PostgreSQL's extended protocol, in a read-only
transaction: anything but one query (changes, SET, DO, COPY, several statements) is no valid cursor.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import adbc_driver_manager
import numpy as np
import pyarrow as pa

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import QueryRefused

STATEMENT_SECONDS = 60.0
MOST_BYTES = 64 << 20
_DECLARE = "declare spotify_assets_query no scroll cursor for\n"
_NOT_SHOWN = (
    "The query returns a column of a type that cannot be shown, such as a whole row: cast it to text, as in "
    "(column)::text."
)
_SCALED = (b"money", b"_money")
"""Types that the driver gives as whole numbers of another unit."""
_DAY_MICROSECONDS = 86_400_000_000
_END_OF_DAY = "24:00:00"
"""A time in PostgreSQL, which Python and Arrow take for midnight."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_BATCH_BYTES = 1 << 20
_BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query returned: column names, rows of Python values, and whether there were more rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool


def read_only_query(
    warehouse: Warehouse,
    sql: str,
    limit: int,
    *,
    seconds: float = STATEMENT_SECONDS,
    most_bytes: int = MOST_BYTES,
) -> QueryResult:
    """Run one read-only statement and return at most `limit` rows, of at most about `most_bytes`.

    Args:
        warehouse: The database, as a user who may only read where there is one.
        sql: One select, values or table statement (also with ``with``).
        limit: How many rows to return.
        seconds: How long running it and sending its rows may take.
        most_bytes: How much to hold of what it returns; the row with which that is reached is the last.

    Raises:
        QueryRefused: It is not one read-only statement, took too long, or PostgreSQL refused it; with
            the place of the error and, for an unknown table, the tables that there are.
    """
    statement = sql.strip().rstrip(";").rstrip()
    if not statement:
        raise QueryRefused("The query is empty. Try: select * from marts.artist_popularity_trend")
    if "\x00" in statement:
        raise QueryRefused("The query holds a NUL character, which PostgreSQL does not take.")
    with warehouse.adbc(lock_seconds=min(seconds, 10.0)) as connection, connection.cursor() as cursor:
        try:
            # Without COPY, statements go by PQexecParams: one statement each, and errors keep their place.
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            deadline = time.monotonic() + seconds
            cursor.execute("set transaction read only")
            _limit_time(cursor, deadline)
            cursor.execute("set local search_path = marts, forecasts, snapshots, ops, public")
            cursor.execute(_DECLARE + statement)
            found, truncated = _fetch(cursor, limit, most_bytes, deadline)
        except adbc_driver_manager.Error as error:
            message = _explain(error, statement)
            if error.sqlstate in {"42P01", "3F000"}:
                connection.rollback()
                message += _known_tables(connection, message)
            raise QueryRefused(message) from None
        except pa.ArrowException:
            raise QueryRefused(_NOT_SHOWN) from None
        finally:
            with suppress(adbc_driver_manager.Error):  # the session may have ended
                connection.rollback()
    if any((field.metadata or {}).get(b"POSTGRESQL:type") in _SCALED for field in found.schema):
        raise QueryRefused(_NOT_SHOWN)
    columns = [_values(found.column(place)) for place in range(found.num_columns)]
    if not columns:  # PostgreSQL allows it; the driver then does not tell rows that it has not fetched apart
        raise QueryRefused("The query returns no columns. Name some after select.")
    rows = list(zip(*columns, strict=True))
    return QueryResult(list(found.column_names), rows, truncated)


def _limit_time(cursor: Any, deadline: float) -> None:
    """Give the next statement what is left of the time: the server looks at its clock only while it works."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise QueryRefused(_TOO_LONG)
    cursor.execute(f"set local statement_timeout = {max(1, int(left * 1000))}")


def _fetch(cursor: Any, limit: int, most_bytes: int, deadline: float) -> tuple[pa.Table, bool]:
    """Fetch rows in batches of about a megabyte, until one of the limits; says whether there are more."""
    batches: list[pa.Table] = []
    rows = held = 0
    size = 1
    while True:
        _limit_time(cursor, deadline)
        cursor.execute(f"fetch forward {size} from spotify_assets_query")
        batch = cursor.fetch_arrow_table()
        batches.append(batch)
        rows, held = rows + batch.num_rows, held + batch.nbytes
        if batch.num_rows < size or rows > limit or held >= most_bytes:
            break
        average = max(held // rows, 1)
        # Grows step by step: rows that follow small ones may be large.
        size = max(1, min(2 * size, _BATCH_ROWS, _BATCH_BYTES // average, limit + 1 - rows))
    found = pa.concat_tables(batches)
    return found.slice(0, limit), rows > limit or (held >= most_bytes and batch.num_rows == size)


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as Python values: numeric as Decimal, intervals as text or timedelta."""
    if isinstance(column.type, pa.OpaqueType):
        values = column.combine_chunks().storage.to_pylist()
        if column.type.type_name == "numeric":
            return [None if value is None else Decimal(value) for value in values]
        return [_told(value) if isinstance(value, bytes) else value for value in values]
    kind = column.type.value_type if pa.types.is_list(column.type) else column.type
    if pa.types.is_time(kind):
        return [_dated(value) for value in column]
    try:
        plain: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        return [_dated(value) for value in column]
    if column.type == pa.month_day_nano_interval():
        return [None if value is None else _interval(value) for value in plain]
    return plain


def _told(value: bytes) -> str:
    """A value of a type that the driver does not know: some are text, others the bytes of the server.

    Raises:
        QueryRefused: It is one of these, such as a range, an address or the name of a table (regclass).
    """
    with suppress(UnicodeDecodeError):
        text = value.decode("utf-8")
        if not _CONTROL.search(text):
            return text
    raise QueryRefused(_NOT_SHOWN)


def _dated(value: pa.Scalar) -> Any:
    """A value of a date or time that Python's own may not hold: then its text as PostgreSQL writes it."""
    if isinstance(value, pa.ListScalar) and value.is_valid:
        return [_dated(one) for one in value.values]
    if isinstance(value, pa.Time64Scalar) and value.value == _DAY_MICROSECONDS:
        return _END_OF_DAY
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return _beyond(value)


def _beyond(value: pa.Scalar) -> str:
    # The driver counts from 1970, PostgreSQL from 2000; its infinities are the ends of the integers.
    if isinstance(value, pa.Date32Scalar):
        bits, from_2000, unit = 32, 10_957, "D"
    else:
        bits, from_2000, unit = 64, 946_684_800_000_000, "us"
    count = value.value
    if (since_2000 := (count - from_2000 + 2 ** (bits - 1)) % 2**bits) in {0, 2**bits - 1}:
        return "infinity" if since_2000 else "-infinity"
    written = str(np.int64(count).view(f"datetime64[{unit}]"))
    year, month, rest = written.rsplit("-", 2)
    text = f"-{month}-{rest.replace('T', ' ').removesuffix('.000000')}"
    return f"{year}{text}" if int(year) > 0 else f"{1 - int(year):04}{text} BC"


def _interval(value: Any) -> object:
    rest = timedelta(days=value.days, microseconds=value.nanoseconds // 1000)
    return rest if value.months == 0 else f"{value.months} months {rest}"


_TOO_LONG = "The query took too long and was cancelled. Ask for fewer days, or aggregate in a mart."


def _explain(error: adbc_driver_manager.Error, statement: str) -> str:
    # The driver's type says the names are text; they arrive as bytes.
    details = {_text(name): _text(value) for name, value in error.details}
    problem = details.get("PG_DIAG_MESSAGE_PRIMARY") or str(error).strip()
    state = error.sqlstate or ""
    if "multiple commands" in problem:
        return "Only one statement is allowed: send them one by one."
    if state == "57014":
        return _TOO_LONG
    if state.startswith("57P") or not state:
        return f"The server ended the session: {problem.splitlines()[0]}"
    place = int(details.get("PG_DIAG_STATEMENT_POSITION", "0")) - len(_DECLARE)
    first_word = (re.match(r"\w+", statement) or [""])[0].lower()
    allowed = first_word in {"select", "with", "values", "table"} or statement.startswith("(")
    changes = state in {"25006", "25001"} or "data-modifying" in problem
    if changes or (state == "42601" and not allowed):
        return (
            "Only reading is allowed: one select, with, values or table statement. "
            f"PostgreSQL says: {problem}"
        )
    lines = [problem]
    if place > 0:
        lines.append(_pointer(statement, place))
    lines += [f"{word}: {details[name]}" for word, name in _EXTRAS if name in details]
    return "\n".join(lines)


_EXTRAS = (("Detail", "PG_DIAG_MESSAGE_DETAIL"), ("Hint", "PG_DIAG_MESSAGE_HINT"))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _pointer(statement: str, place: int) -> str:
    """Return the line of the statement that holds the error, with a mark under the place."""
    before = statement[: place - 1]
    number = before.count("\n") + 1
    line = statement.split("\n")[number - 1]
    column = len(before) - (before.rfind("\n") + 1)
    return f"line {number}: {line}\n{' ' * (len(f'line {number}: ') + column)}^"


def _known_tables(connection: Any, problem: str) -> str:
    """Say which table or view may be meant, or else which can be read, marts first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select n.nspname || '.' || c.relname as name from pg_class as c "
            "join pg_namespace as n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition "
            "and n.nspname in ('marts', 'forecasts', 'snapshots', 'ops', 'api') "
            "order by array_position("
            "array['marts', 'forecasts', 'api', 'snapshots', 'ops']::name[], n.nspname), c.relname"
        )
        names = [str(row[0]) for row in cursor.fetchall()]
    if wrong := re.search(r'"([^"]+)"', problem.partition("\n")[0]):
        by_name = {name.partition(".")[2]: name for name in reversed(names)}
        close = get_close_matches(wrong[1].rpartition(".")[2], by_name, n=1, cutoff=0.75)
        if close:
            return f"\nDid you mean {by_name[close[0]]}?"
    return (
        f"\nThere are: {', '.join(names)}"
        if names
        else "\nThere are no tables yet: run `spotify-assets demo`."
    )
