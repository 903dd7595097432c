"""Work that only one process may do at a time, on whatever machine.

Belongs here: locks that outlast a transaction. The lock of a partition's rows themselves is taken where they
are replaced (`replace`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import psycopg2

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import PartitionBusy

_KEY = "hashtextextended(%s, 1)"


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
