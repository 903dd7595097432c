"""Null shares: whether a column has become emptier than it was, and whether that has a known reason.

What a source never publishes, what an app may not see and what a file did not have is absent for a reason;
everything else went missing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg2 import sql

from spotify_assets.contracts.tables import TABLES
from spotify_assets.sources.reasons.reason import KNOWN_GAPS, SENTENCES, ReasonCode, from_json
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.loading.tables import SCHEMA, table_spec

COMPARED_DAYS = 28
"""Days before a day that say how empty a column usually is."""
FEWEST_DAYS = 7
"""With fewer observed days among them nothing is usual yet."""
RISE = 0.25
"""A share of nulls that is greater than usual by so much is remarkable …"""
FEWEST_ROWS = 10
"""… on a day of so many rows at least; of a few rows only if all of them are null. Rows of what is asked once
come album by album, and an album lacks a value in all its tracks: of them, too, only if all are null."""
FEW_ROWS = 3
"""Fewer rows than these say nothing."""
DESCRIBES: Mapping[str, str] = {
    "artist_snapshots": "artist",
    "top_tracks": "track",
    "playlist_tracks": "track",
    "track_details": "track",
    "new_releases": "album",
}
"""What the names of capabilities to see a field begin with, by table."""


@dataclass(frozen=True, slots=True)
class NullShare:
    """One column of one day that is much emptier than before.

    Attributes:
        share: Share of the day's rows that have no value.
        usual: The same over the days before.
        reason: Why, if that is known.
    """

    source: str
    day: date
    column: str
    share: float
    usual: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class DayNulls:
    """What was found about one day of a source.

    Attributes:
        compared: Whether enough days before it were observed to compare it with.
        risen: Columns that are much emptier than before.
    """

    source: str
    day: date
    compared: bool
    risen: Sequence[NullShare] = ()


Counts = dict[date, tuple[int, tuple[int, ...]]]
"""By day: rows, and rows with a value, column by column."""


def null_shares(warehouse: Warehouse, table: str, days: Sequence[date]) -> list[DayNulls]:
    """Compare the share of nulls of each column with the days before.

    Args:
        warehouse: The database.
        table: A table of schema ``snapshots``.
        days: UTC days.

    Returns:
        One entry per source and day that has rows.
    """
    if not days:
        return []
    columns, counted = _counts(warehouse, table, min(days), max(days))
    found: dict[tuple[str, date], list[tuple[str, float, float]] | None] = {}
    for source, counts in counted.items():
        for day in sorted(set(days) & counts.keys()):
            earlier = [
                counts[before]
                for number in range(1, COMPARED_DAYS + 1)
                if (before := day - timedelta(number)) in counts
            ]
            enough = len(earlier) >= FEWEST_DAYS
            found[source, day] = (
                _rises(columns, counts[day], earlier, daily=TABLES[table].daily) if enough else None
            )
    reasons = _reasons(warehouse, table, days) if any(found.values()) else {}
    return [
        DayNulls(
            *key,
            compared=rises is not None,
            risen=[
                NullShare(*key, name, share, usual, reasons.get((*key, name)))
                for name, share, usual in rises or ()
            ],
        )
        for key, rises in found.items()
    ]


def _rises(
    columns: Sequence[str],
    now: tuple[int, tuple[int, ...]],
    earlier: Sequence[tuple[int, tuple[int, ...]]],
    *,
    daily: bool,
) -> list[tuple[str, float, float]]:
    """Columns that have become remarkably emptier, with their share of nulls now and before."""
    rows, filled = now
    rows_before = sum(count for count, _ in earlier)
    found = []
    for place, column in enumerate(columns):
        share = 1 - filled[place] / rows
        usual = 1 - sum(values[place] for _, values in earlier) / rows_before
        enough = rows >= FEW_ROWS if daily and share == 1 else rows >= FEWEST_ROWS
        if share - usual >= RISE and enough and (daily or share == 1):
            found.append((column, share, usual))
    return found


def _counts(warehouse: Warehouse, table: str, first: date, last: date) -> tuple[list[str], dict[str, Counts]]:
    """Nullable columns of a table, and how many values they have on each day, by source."""
    with warehouse.connect() as connection:
        spec = table_spec(connection, table)
    columns = [field.name for field in spec.schema if field.nullable]
    statement = sql.SQL(
        "select source, snapshot_date, count(*), {counts} from {relation} "
        "where snapshot_date between %(first)s and %(last)s group by source, snapshot_date"
    ).format(
        counts=sql.SQL(", ").join(sql.SQL("count({})").format(sql.Identifier(name)) for name in columns),
        relation=sql.Identifier(SCHEMA, table),
    )
    counted: dict[str, Counts] = defaultdict(dict)
    values = {"first": first - timedelta(COMPARED_DAYS), "last": last}
    for source, day, rows, *filled in fetch_all(warehouse, statement, values):
        counted[source][day] = (rows, tuple(filled))
    return columns, counted


def _reasons(warehouse: Warehouse, table: str, days: Sequence[date]) -> dict[tuple[str, date, str], str]:
    """Why columns are empty, by source, day and column: by the ledger, or by a refusal remembered."""
    statement = """
        select l.source, l.partition_date, a.name, a.reason, null::text as said, null::date as since
        from ops.current_partition_loads as l
        cross join jsonb_each(l.absent) as a (name, reason)
        where l.table_name = %(table)s and l.partition_date = any(%(days)s)
            and a.reason ->> 'code' = any(%(known_gaps)s)
        union all
        select c.upstream, d.day, split_part(c.name, ' ', 3), null::jsonb, c.reason,
            (c.since at time zone 'UTC')::date
        from ops.capabilities as c
        inner join unnest(%(days)s::date []) as d (day) on d.day >= (c.since at time zone 'UTC')::date
        where not c.allowed and starts_with(c.name, 'field: ' || %(describes)s || ' ')
    """
    values = {
        "table": table, "days": list(days), "known_gaps": list(KNOWN_GAPS),
        "describes": DESCRIBES.get(table, table),
    }  # fmt: skip
    may_not = SENTENCES[ReasonCode.REFUSED]
    return {
        (source, day, name): from_json(reason).sentence if reason else f"{said} ({may_not} since {since})"
        for source, day, name, reason, said, since in fetch_all(warehouse, statement, values)
    }
