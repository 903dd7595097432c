"""What a failing statement on the small tables that sources share means, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import DatabaseUnavailable, UpstreamStateBusy

BRIEF_LOCK_SECONDS = 5.0
"""How long such a statement waits for a lock: while it does, no source of this process goes on."""


def brief_lock(warehouse: Warehouse) -> float:
    """How long to wait for a lock where others wait meanwhile, in seconds."""
    return min(BRIEF_LOCK_SECONDS, warehouse.lock_seconds)


@contextmanager
def in_words(warehouse: Warehouse, what: str) -> Iterator[None]:
    """Say what a failure of the statements within means.

    Args:
        warehouse: The database.
        what: What they keep, in the singular, such as ``the count of calls to spotify``.

    Raises:
        BooksBusy: A lock was held by another process all the time.
        DatabaseUnavailable: Any other error of the database.
    """
    named = what[:1].upper() + what[1:]
    try:
        yield
    except psycopg2.errors.LockNotAvailable:
        raise UpstreamStateBusy(
            f"{named} was locked by another process for {brief_lock(warehouse):g} seconds, in "
            f"{warehouse.where}, so nothing more was asked. Look for a process that hangs, then run again: "
            "only what is missing is asked for again"
        ) from None
    except psycopg2.Error as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DatabaseUnavailable(
            f"{named} cannot be kept in {warehouse.where}: {said}. Nothing more was asked; when the database "
            "works again, run again: only what is missing is asked for again"
        ) from None
