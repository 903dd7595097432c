"""What can go wrong in the warehouse, as errors that say what happened and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class WarehouseError(Exception):
    """Anything the warehouse refuses or cannot do; the message says what to do next."""


class EmbeddedServerError(WarehouseError):
    """The embedded PostgreSQL cannot be started; the message holds the end of its log."""


class DatabaseUnavailable(WarehouseError):
    """The database cannot be reached or refuses us; names DATABASE_URL when that is set."""


class MigrationError(WarehouseError):
    """The database's schema and this version of the code do not fit together."""


class ForeignObjects(WarehouseError):
    """What somebody else made stands where the platform's is to stand; nothing was changed."""


class PartitionBusy(WarehouseError):
    """Another session kept a (table, source, day), or a whole table, locked and did not let go in time."""


class UpstreamStateBusy(WarehouseError):
    """Another process held what all who ask an upstream share, and did not let go in time."""


class RowsRejected(WarehouseError):
    """Rows handed to `replace_partition` do not fit the table or the partition named.

    Attributes:
        refused: Where the database refused single values, their rows, each with the reason.
    """

    def __init__(self, message: str, refused: Sequence[tuple[dict[str, Any], str]] = ()) -> None:
        super().__init__(message)
        self.refused = tuple(refused)


class DumpFailed(WarehouseError):
    """The database could not be dumped or restored; it was left as it was."""


class RolesRefused(WarehouseError):
    """Users of the database could not be made or given their rights; nothing was changed."""


class QueryRefused(WarehouseError):
    """A query was not a single read-only statement, or PostgreSQL could not run it."""


def first_line(error: Exception) -> str:
    """The first line of an error's message: what follows in a driver's is detail."""
    return str(error).strip().split("\n", 1)[0]


def without_secrets(message: str, secrets: Iterable[str]) -> str:
    """Return `message` with every secret in it replaced by ``***``.

    Args:
        message: Text of a driver or server error.
        secrets: Values that must not appear; empty ones are ignored.
    """
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        message = message.replace(secret, "***")
    return message
