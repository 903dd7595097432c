"""Removing rows that Dagster shows beside an event: previews, lists of what was missing, examples.

Dagster's tables are its own; only what a materialization or check shows is changed, never what happened
when.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as PgCursor  # noqa: N812 - it is a class

from spotify_assets.erasure.keys import PREFIXES, ids_in

SCHEMA = "dagster"
TEXTS = (
    ("event_logs", "event"),
    ("asset_keys", "last_materialization"),
    ("asset_check_executions", "evaluation_event"),
)
"""Where events are kept: table and column. The second and third hold copies of the newest ones."""
PURGED = "purged"
_PREFIX = f"(?:(?:{'|'.join(sorted(PREFIXES))}):)?"


@dataclass(frozen=True, slots=True)
class EventScrubber:
    """What is to go from what events show.

    Attributes:
        source: Only what is of this source.
        ids: Ids that stand for nothing else, taken out of any text.
        keys: Ids that may stand for other things, taken out where a key of something asked for stands.
        names: What an artist is called: a row that shows one goes.
    """

    source: str | None = None
    ids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    names: frozenset[str] = field(default_factory=frozenset)

    def scrub(self, event: str) -> str:
        """The event without what is to go; the very same text if nothing is."""
        try:
            read = json.loads(event)
        except ValueError:
            return event
        source = _label(read, "source") if self._whole_source else None
        changed = self._value(read, of_source=source == self.source and source is not None)
        return event if changed == read else json.dumps(changed)

    @property
    def _whole_source(self) -> bool:
        return self.source is not None and not (self.ids or self.keys or self.names)

    def _value(self, value: Any, *, of_source: bool) -> Any:
        if isinstance(value, dict):
            if of_source and value.get("label") == "failures":
                return self._emptied(value)
            return {name: self._value(inner, of_source=of_source) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, of_source=of_source) for inner in value if not self._goes(inner)]
        return self._text(value) if isinstance(value, str) else value

    def _emptied(self, entry: dict[str, Any]) -> dict[str, Any]:
        data = entry.get("entry_data")
        if not isinstance(data, dict):
            return entry
        texts = {name: PURGED for name in data if name in {"md_str", "text"}}
        return {**entry, "entry_data": {**data, **texts}}

    def _goes(self, record: Any) -> bool:
        """Whether a row of a shown table is to go."""
        data = record.get("data") if isinstance(record, dict) else None
        if not isinstance(data, dict) or record.get("__class__") != "TableRecord":
            return False
        if self.source is not None and data.get("source", self.source) != self.source:
            return False
        if self._whole_source:
            return data.get("source") == self.source
        cells = [str(cell) for cell in data.values() if cell is not None]
        if any(ident in cell for ident in self.ids for cell in cells):
            return True
        missing = str(data.get("missing"))
        if not set(ids_in(missing)).isdisjoint(self.keys):
            return True
        cells_of_names = [str(cell) for name, cell in data.items() if "name" in name]
        parts = {part.strip() for cell in cells_of_names for part in cell.split(", ")}
        return bool(self.names & (parts | set(cells)))

    def _text(self, text: str) -> str:
        if self._whole_source:
            lines = text.split("\n")
            kept = [line for line in lines if not line.startswith(f"- {self.source}: ")]
            return text if len(kept) == len(lines) else "\n".join(kept) or PURGED
        for ident in self.ids:
            text = text.replace(ident, PURGED)
        for key in self.keys:
            text = re.sub(rf"(?m)^(- [a-z0-9_-]+: {_PREFIX}){re.escape(key)}(?=[ /])", rf"\1{PURGED}", text)
        return text

    def patterns(self) -> list[str]:
        """Texts of which an event that is worth looking at holds one."""
        if self._whole_source:
            return [json.dumps(self.source), f"- {self.source}: "]
        names = [json.dumps(name)[1:-1] for name in sorted(self.names) if name.strip()]
        before = (": ", *(f"{prefix}:" for prefix in sorted(PREFIXES)))
        lines = [json.dumps(f"{text}{key}")[1:-1] for key in self.keys for text in before]
        cells = [json.dumps(key)[:-1] for key in self.keys]
        return [*self.ids, *lines, *cells, *names]


def _label(value: Any, label: str) -> str | None:
    """The text of a metadata entry."""
    if isinstance(value, dict):
        if value.get("label") == label and isinstance(data := value.get("entry_data"), dict):
            text = data.get("text")
            return text if isinstance(text, str) else None
        value = list(value.values())
    if isinstance(value, list):
        return next((found for inner in value if (found := _label(inner, label)) is not None), None)
    return None


def scrub_events(
    cursor: PgCursor, shown: EventScrubber, *, before: str | None = None, dry_run: bool = False
) -> int:
    """Take what is to go out of every event.

    Args:
        cursor: A cursor on the platform's database.
        shown: What is to go.
        before: Only of partitions before this one (``YYYY-MM-DD``).
        dry_run: Only count.

    Returns:
        Texts changed, or to be changed.
    """
    changed = 0
    for table, column in _present(cursor) if shown.patterns() else []:
        if before is not None and table != "event_logs":
            continue
        place = {"table": sql.Identifier(SCHEMA, table), "column": sql.Identifier(column)}
        condition: sql.Composable = sql.SQL("({})").format(
            sql.SQL(" or ").join(
                sql.SQL("position({} in {}) > 0").format(sql.Literal(text), sql.Identifier(column))
                for text in shown.patterns()
            )
        )
        if before is not None:
            condition = sql.SQL("{} and partition < {}").format(condition, sql.Literal(before))
        cursor.execute(
            sql.SQL("select id, {column} from {table} where {condition}").format(condition=condition, **place)
        )
        for ident, event in cursor.fetchall():
            if (scrubbed := shown.scrub(event)) == event:
                continue
            changed += 1
            if not dry_run:
                cursor.execute(
                    sql.SQL("update {table} set {column} = %s where id = %s").format(**place),
                    (scrubbed, ident),
                )
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
