"""Unchanged days: a whole day that says the same as the day before was probably not observed anew.

Numbers that move (popularity, followers, listeners, plays, ranks) of many artists or songs never all stand
still; a cache on the way, or an upstream that has not worked out its numbers, makes them. Where a source
tells no such number, a day like the one before is nothing remarkable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg2 import sql

from spotify_assets.contracts.tables import NEW_RELEASES, PLAYLIST_TRACKS
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.loading.tables import SCHEMA, table_spec

COUNTS = ("followers", "listeners", "plays", "rank_value")
"""Columns with numbers that move nearly every day."""
INDEX = "popularity"
"""A column with a number from 0 to 100, which moves seldom."""
NOT_SAID = ("snapshot_date", "source", "observed_at", "requested_id")
"""Columns that say when and how a row was asked for, and nothing about the thing."""
FEWEST_COUNTS, FEWEST_INDICES = 10, 100
"""Of fewer rows with such a number, all may well stand still for a day."""


LISTS = frozenset({NEW_RELEASES.name, PLAYLIST_TRACKS.name})
"""Tables whose rows nobody asks for one by one: what came onto a list or left it has moved too."""


@dataclass(frozen=True, slots=True)
class DayChange:
    """How a day differs from the loaded day before it.

    Attributes:
        before: That day.
        common: Keys that both days have.
        counts: How many of them have a number that moves nearly every day.
        indices: How many of them have a number that moves seldom.
        changed: What differs: keys of both days that say something else now, and what a list gained or lost.
    """

    source: str
    day: date
    before: date
    common: int
    counts: int
    indices: int
    changed: int

    @property
    def tells(self) -> bool:
        """Whether there are enough numbers for some of them to have moved."""
        return self.counts >= FEWEST_COUNTS or self.indices >= FEWEST_INDICES

    @property
    def stands_still(self) -> bool:
        """Whether the day repeats the one before, though it should not."""
        return self.changed == 0 and self.tells


def changes(warehouse: Warehouse, table: str, days: Sequence[date]) -> list[DayChange]:
    """Compare days, key by key, with the loaded days before them.

    Args:
        warehouse: The database.
        table: A table of which each day is observed anew.
        days: UTC days.

    Returns:
        One entry per source and day that has a day before it and keys in common with it.
    """
    pairs = _pairs(warehouse, table, days) if days else []
    if not pairs:
        return []
    with warehouse.connect() as connection:
        spec = table_spec(connection, table)
    key = [name for name in spec.key if name not in NOT_SAID]
    said = [name for name in spec.schema.names if name not in {*NOT_SAID, *spec.key}]
    counts = [name for name in COUNTS if name in said]
    statement = sql.SQL(
        """
        with pairs as (
            select * from unnest(%(sources)s, %(days)s::date [], %(befores)s::date [], %(rows)s)
                as p (source, day, before, rows)
        )
        select p.source, p.day, p.before, count(*), count({counts}), count({index}),
            count(*) filter (where ({now}) is distinct from ({then}))
            + case when %(is_list)s then p.rows - 2 * count(*) else 0 end
        from pairs as p
        inner join {relation} as t on t.snapshot_date = p.day and t.source = p.source
        inner join {relation} as b
            on b.snapshot_date = p.before and b.source = p.source and ({b_key}) = ({t_key})
        where t.snapshot_date = any(%(days)s) and b.snapshot_date = any(%(befores)s)
        group by p.source, p.day, p.before, p.rows
        order by p.source, p.day
        """
    ).format(
        counts=sql.SQL("coalesce({})").format(_columns("t", counts)) if counts else sql.NULL,
        index=sql.Identifier("t", INDEX),
        now=_columns("t", said),
        then=_columns("b", said),
        t_key=_columns("t", key),
        b_key=_columns("b", key),
        relation=sql.Identifier(SCHEMA, table),
    )
    sources, own, befores, rows = (list(column) for column in zip(*pairs, strict=True))
    values = {
        "sources": sources, "days": own, "befores": befores, "rows": rows, "is_list": table in LISTS,
    }  # fmt: skip
    return [DayChange(*row) for row in fetch_all(warehouse, statement, values, whole_days=True)]


def _pairs(warehouse: Warehouse, table: str, days: Sequence[date]) -> list[tuple[str, date, date, int]]:
    """Source, day, the loaded day before it, and the rows of both."""
    statement = """
        with loads as (
            select l.source, l.partition_date as day, l.rows_loaded as rows,
                lag(l.partition_date) over earlier as before, lag(l.rows_loaded) over earlier as rows_before
            from ops.current_partition_loads as l
            where l.table_name = %(table)s and l.rows_loaded > 0 and l.partition_date <= %(last)s
            window earlier as (partition by l.source order by l.partition_date)
        )
        select source, day, before, rows + rows_before from loads
        where day = any(%(days)s) and before is not null
    """
    found = fetch_all(warehouse, statement, {"table": table, "days": list(days), "last": max(days)})
    return [(source, day, before, rows) for source, day, before, rows in found]


def _columns(alias: str, names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, name) for name in names)
