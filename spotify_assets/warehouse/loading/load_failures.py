"""What the database's errors mean while a partition is loaded, by SQLSTATE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import adbc_driver_manager

from spotify_assets.warehouse.errors import DatabaseUnavailable, PartitionBusy, RowsRejected, WarehouseError


@contextmanager
def load_errors_explained(key: tuple[str, str, date]) -> Iterator[None]:
    """Turn the database's errors into ours; the transaction is rolled back by its connection's end.

    Args:
        key: Table, source and day that are loaded within.
    """
    table, source, day = key
    what = f"{table} of {source} on {day}"
    try:
        yield
    except adbc_driver_manager.Error as error:
        state = error.sqlstate or ""
        text = str(error).split("\nDETAIL", 1)[0].strip()[:500]
        if state == "55P03":
            raise PartitionBusy(
                f"{what} could not be loaded: another session holds a lock on a table and did not let go "
                "in time. Nothing was changed. Look in pg_stat_activity for a transaction that was left "
                "open, end it, and run again."
            ) from None
        if state == "25006":
            raise WarehouseError(
                f"{what} could not be loaded: the database has become read-only. Nothing was changed; run "
                "again when it takes writes, or name the primary in DATABASE_URL."
            ) from None
        if state == "57014":
            raise WarehouseError(
                f"{what} could not be loaded: somebody, or a time limit of the server's, cancelled a "
                "statement. Nothing was changed; run again."
            ) from None
        if state == "23505":
            raise RowsRejected(f"{what}: two rows have the same key. Nothing was changed. {text}") from None
        if state.startswith(("22", "23")):
            raise RowsRejected(f"{what}: the database refused a value. Nothing was changed. {text}") from None
        if state.startswith("57P") or not state:
            raise DatabaseUnavailable(
                f"The connection to the database was lost while loading {what}. The partition is as it was; "
                f"run again. ({text})"
            ) from None
        if state in {"53100", "53200"}:
            raise WarehouseError(
                f"The database has no room left to load {what}. Nothing was changed; make room and "
                f"run again. ({text})"
            ) from None
        raise WarehouseError(
            f"{what} could not be loaded. Nothing was changed; run again. ({text})"
        ) from None
