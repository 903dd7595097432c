"""What upstreams let us see, kept in ``ops.capabilities``.

What a capability means stands in `sources.capabilities`, finding it out in each source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.sources.capabilities import Capability
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.upstream_state.translate_errors import brief_lock, in_words

_CONFIRM_AFTER = timedelta(hours=1)
"""What is found to be as remembered is not written again before this."""

_NOTE = """
insert into ops.capabilities as c (upstream, credential, name, allowed, reason, since, checked_at)
values (%(upstream)s, %(credential)s, %(name)s, %(allowed)s, %(reason)s, %(at)s, %(at)s)
on conflict (upstream, credential, name) do update set
    since = case when c.allowed = excluded.allowed then c.since else excluded.since end,
    allowed = excluded.allowed, reason = excluded.reason, checked_at = excluded.checked_at
returning since
"""


class PostgresCapabilities:
    """The capabilities of one upstream and credential, as the database remembers them."""

    def __init__(self, warehouse: Warehouse, upstream: str, credential: str) -> None:
        """Nothing is read before it is asked for."""
        self._warehouse = warehouse
        self._upstream = upstream
        self._credential = credential
        self._known: dict[str, Capability] | None = None

    def known(self) -> Mapping[str, Capability]:
        """All that is remembered, by name; read once, then kept up to date by `note`.

        Raises:
            WarehouseError: The database is not to be had.
        """
        return self._remembered()

    def _remembered(self) -> dict[str, Capability]:
        if self._known is None:
            with self._cursor() as cursor:
                cursor.execute(
                    "select name, allowed, reason, since, checked_at from ops.capabilities "
                    "where upstream = %s and credential = %s order by name",
                    (self._upstream, self._credential),
                )
                self._known = {row[0]: Capability(*row) for row in cursor.fetchall()}
        return self._known

    def note(self, name: str, *, allowed: bool, reason: str, at: datetime) -> None:
        """Remember what was found out now; what it contradicts is replaced, and `since` starts anew.

        Raises:
            WarehouseError: The database is not to be had, or another process holds what is remembered.
        """
        known = self._remembered()
        before = known.get(name)
        same = before is not None and (before.allowed, before.reason) == (allowed, reason)
        if before is not None and same and abs(at - before.checked_at) < _CONFIRM_AFTER:
            return
        with self._cursor() as cursor:
            cursor.execute(
                _NOTE,
                {
                    "upstream": self._upstream, "credential": self._credential, "name": name,
                    "allowed": allowed, "reason": reason, "at": at,
                },
            )  # fmt: skip
            row = cursor.fetchone()
            cursor.connection.commit()
        known[name] = Capability(name, allowed, reason, row[0] if row else at, at)

    @contextmanager
    def _cursor(self) -> Iterator[PgCursor]:
        with (
            in_words(self._warehouse, f"what {self._upstream} lets us see"),
            self._warehouse.connect(lock_seconds=brief_lock(self._warehouse)) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor


@dataclass(frozen=True, slots=True)
class UpstreamCapability:
    """A capability with whose it is."""

    upstream: str
    credential: str
    capability: Capability


def all_capabilities(warehouse: Warehouse) -> list[UpstreamCapability]:
    """Everything that is remembered, by upstream, credential and name."""
    return [
        UpstreamCapability(row[0], row[1], Capability(*row[2:]))
        for row in fetch_all(
            warehouse,
            "select upstream, credential, name, allowed, reason, since, checked_at from ops.capabilities "
            "order by upstream, credential, name",
        )
    ]
