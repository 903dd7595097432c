"""Work that only one process may do at a time, on whatever machine.

The lock of a partition's rows themselves is taken where they are replaced (`warehouse.loading.replace`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date

import psycopg2

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import PartitionBusy

_KEY = "hashtextextended(%s, 1)"
_RUN_KEY = "hashtextextended('spotify_assets run ' || %s, 0)"


@contextmanager
def loading(warehouse: Warehouse, table: str, source: str, day: date) -> Iterator[None]:
    """Be the only one who reads the lake for (table, source, day) and loads what it read.

    Without it, a load that read the lake earlier could overwrite one that read more of it. The server lets go
    of the lock when the process ends, however it ends.

    Raises:
        PartitionBusy: Another process held it all the time that the warehouse waits for a lock.
    """
    name = f"spotify_assets load {table} {source} {day}"
    with warehouse.connect() as connection, connection.cursor() as cursor:
        try:
            cursor.execute(f"select pg_advisory_xact_lock({_KEY})", (name,))
        except psycopg2.errors.LockNotAvailable:
            raise PartitionBusy(
                f"{table} of {source} for {day} is being loaded by another process, which did not finish in "
                f"{warehouse.lock_seconds:.0f} seconds. It was left to that one; run again if it fails."
            ) from None
        yield


@contextmanager
def living(warehouse: Warehouse, run_id: str) -> Iterator[None]:
    """Hold the lock that says that a run's process lives; the server lets go of it however that ends."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"select pg_advisory_lock({_RUN_KEY})", (run_id,))
        yield


@contextmanager
def found_dead(warehouse: Warehouse, run_ids: Iterable[str]) -> Iterator[list[str]]:
    """Those runs whose process lives no more. Nobody else who looks finds them while the block runs."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        connection.autocommit = True
        dead = []
        for run_id in run_ids:
            cursor.execute(f"select pg_try_advisory_lock({_RUN_KEY})", (run_id,))
            row = cursor.fetchone()
            if row is not None and row[0]:
                dead.append(run_id)
        yield dead
