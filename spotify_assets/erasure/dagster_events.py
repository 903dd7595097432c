"""What earlier versions let Dagster show: rows, and lists of ids. Today's records name nobody.

Of an old event that shows what is to go, each listing that does is emptied whole; that it happened stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.erasure.artist import Artist
from spotify_assets.erasure.keys import PREFIXES

SCHEMA = "dagster"
TEXTS = (
    ("event_logs", "event"),
    ("asset_keys", "last_materialization"),
    ("asset_check_executions", "evaluation_event"),
)
"""Where events are kept: table and column. The second and third hold copies of the newest ones."""
LISTINGS = {"preview", "missing_entries", "broken_rules", "failures"}
"""Labels under which earlier versions named somebody."""
PURGED = "purged"


@dataclass(frozen=True, slots=True)
class OldListings:
    """What is looked for in old events.

    Attributes:
        texts: A listing that holds one of them is emptied.
        ids: Ids that stand for nothing else: they go out of all text.
    """

    texts: tuple[str, ...]
    ids: tuple[str, ...] = ()

    @classmethod
    def of_artist(cls, artist: Artist) -> OldListings:
        """Where an artist is named."""
        names = [json.dumps(name)[1:-1] for name in sorted(artist.names) if name.strip()]
        if artist.unmistakable:
            return cls((artist.artist_id, *names), (artist.artist_id,))
        before = (": ", '"', *(f"{prefix}:" for prefix in sorted(PREFIXES)))
        key = json.dumps(artist.artist_id)[1:-1]
        return cls((*(f"{each}{key}" for each in before), *names))

    def without(self, event: str) -> str:
        """The event without them; the very same text if nothing of them is in it."""
        if not any(text in event for text in self.texts):
            return event
        try:
            read = json.loads(event)
        except ValueError:
            return event
        cleared = self._cleared(read)
        event = event if cleared == read else json.dumps(cleared)
        for ident in self.ids:
            event = event.replace(ident, PURGED)
        return event

    def _cleared(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._cleared(each) for each in value]
        if not isinstance(value, dict):
            return value
        shown = value.get("entry_data")
        if value.get("label") not in LISTINGS or not isinstance(shown, dict):
            return {name: self._cleared(each) for name, each in value.items()}
        if not any(text in json.dumps(shown) for text in self.texts):
            return value
        empty = {"records": [], "md_str": PURGED, "text": PURGED}
        return {**value, "entry_data": {name: empty.get(name, each) for name, each in shown.items()}}


def clear_events(
    cursor: PgCursor, shown: OldListings, *, before: str | None = None, dry_run: bool = False
) -> int:
    """Clear old events; returns how many texts were changed, or are to be.

    Args:
        cursor: A cursor on the platform's database.
        shown: What is to go.
        before: Only of partitions before this one (``YYYY-MM-DD``).
        dry_run: Only count.
    """
    changed = 0
    for table, column in _present(cursor):
        if before is not None and table != "event_logs":
            continue
        place = {"table": sql.Identifier(SCHEMA, table), "column": sql.Identifier(column)}
        cursor.execute(
            sql.SQL(
                "select id, {column} from {table} where exists (select from unnest(%(texts)s) as t (t) "
                "where position(t.t in {column}) > 0) and {condition}"
            ).format(condition=sql.SQL("true" if before is None else "partition < %(before)s"), **place),
            {"texts": list(shown.texts), "before": before},
        )
        update = sql.SQL("update {table} set {column} = %s where id = %s").format(**place)
        for ident, event in cursor.fetchall():
            if (cleared := shown.without(event)) == event:
                continue
            changed += 1
            if not dry_run:
                cursor.execute(update, (cleared, ident))
    return changed


def mentions(cursor: PgCursor, ids: Iterable[str]) -> int:
    """How many rows of any of Dagster's tables hold one of the ids, wherever in them."""
    wanted = list(ids)
    cursor.execute(
        "select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = %s and c.relkind = 'r'",
        (SCHEMA,),
    )
    found = 0
    for (table,) in cursor.fetchall() if wanted else []:
        cursor.execute(
            sql.SQL(
                "select count(*) from {} as t "
                "where exists (select from unnest(%s) as i (i) where position(i.i in t::text) > 0)"
            ).format(sql.Identifier(SCHEMA, table)),
            (wanted,),
        )
        row = cursor.fetchone()
        found += int(row[0]) if row else 0
    return found


def _present(cursor: PgCursor) -> list[tuple[str, str]]:
    cursor.execute(
        "select table_name::text, column_name::text from information_schema.columns where table_schema = %s",
        (SCHEMA,),
    )
    there = set(cursor.fetchall())
    return [one for one in TEXTS if one in there]
