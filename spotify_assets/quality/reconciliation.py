"""Reconciliation: whether lake, ledger, table and quarantine say the same about a day.

They are counted anew from what stands in each place, so that a row that was changed by hand, a part that
vanished from the lake, or a load that missed one shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg2 import sql

from spotify_assets.contracts.tables import ARTIST_SNAPSHOTS, AUDIO_FEATURES, TRACK_DETAILS
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.loading.tables import SCHEMA

ONE_ROW_EACH = frozenset({ARTIST_SNAPSHOTS.name, TRACK_DETAILS.name, AUDIO_FEATURES.name})
"""Tables with one row for each thing asked for; of others, one answer brings many rows or none."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A sum of one source and day that does not come out, in words."""

    source: str
    day: date
    what: str


@dataclass(frozen=True, slots=True)
class _Books:
    """What each place says about one (table, source, day); None where the ledger has no load."""

    source: str
    day: date
    requested: int | None
    received: int | None
    missing: int | None
    named: int | None
    loaded: int | None
    quarantined: int | None
    superseded: int | None
    rows: int
    aside: int
    records_before: int | None
    lake_parts: int | None


def disagreements(
    warehouse: Warehouse,
    table: str,
    days: Sequence[date],
    parts: Callable[[str, date], int],
) -> list[Disagreement]:
    """Count everything again and name what does not agree.

    The lake is counted only where the load is known to have read all that was there then: not of loads by
    earlier versions, of partitions that somebody was purged from, nor where responses were removed by age.

    Args:
        warehouse: The database.
        table: A table of schema ``snapshots``.
        days: UTC days.
        parts: Gives how many parts the lake holds now of a source and day.
    """
    statement = sql.SQL(
        """
        with booked as (
            select l.*, (select count(*) from jsonb_object_keys(l.missing)) as named, (
                select b.rows_received + b.rows_superseded from ops.partition_loads as b
                where l.lake_parts is not null and b.table_name = l.table_name and b.source = l.source
                    and b.partition_date = l.partition_date and b.load_id < l.load_id
                order by b.load_id desc limit 1
            ) as records_before
            from ops.current_partition_loads as l
            where l.table_name = %(table)s and l.partition_date = any(%(days)s)
        ),
        standing as (
            select source, snapshot_date as day, count(*) as rows from {relation}
            where snapshot_date = any(%(days)s) group by 1, 2
        ),
        aside as (
            select source, partition_date as day, count(*) as rows from ops.quarantine
            where table_name = %(table)s and partition_date = any(%(days)s) group by 1, 2
        ),
        keys as (
            select source, partition_date as day from booked
            union select source, day from standing
            union select source, day from aside
        )
        select k.source, k.day, b.rows_requested, b.rows_received, b.rows_missing, b.named, b.rows_loaded,
            b.rows_quarantined, b.rows_superseded, coalesce(s.rows, 0), coalesce(a.rows, 0), b.records_before,
            case when r.source is null then b.lake_parts end
        from keys as k
        left join booked as b on b.source = k.source and b.partition_date = k.day
        left join standing as s on s.source = k.source and s.day = k.day
        left join aside as a on a.source = k.source and a.day = k.day
        left join ops.removed_raw as r
            on r.table_name = %(table)s and r.source = k.source and r.partition_date = k.day
        order by k.source, k.day
        """
    ).format(relation=sql.Identifier(SCHEMA, table))
    found = []
    for row in fetch_all(warehouse, statement, {"table": table, "days": list(days)}) if days else []:
        books = _Books(*row)
        key = (books.source, books.day)
        words = _in_database(table, books)
        if books.lake_parts is not None:
            words += _in_lake(books.lake_parts, parts(*key))
        found += [Disagreement(*key, what) for what in words]
    return found


def _in_database(table: str, books: Any) -> list[str]:
    """What does not come out between ledger, table and quarantine."""
    if books.requested is None:
        return [f"{books.rows + books.aside} rows stand there that no load is known of"]
    sums = [
        (books.rows != books.loaded, f"the table has {books.rows} rows, the ledger {books.loaded}"),
        (
            books.aside != books.quarantined,
            f"quarantine has {books.aside} rows, the ledger {books.quarantined}",
        ),
        (
            books.received != books.loaded + books.quarantined,
            f"{books.received} rows were received, {books.loaded} loaded and {books.quarantined} set aside",
        ),
        (
            books.named != books.missing,
            f"{books.missing} are counted as missing, but {books.named} are named",
        ),
        (
            books.requested < books.missing or (books.requested == 0 and books.loaded > 0),
            f"{books.requested} were asked for, but {books.missing} are missing and {books.loaded} loaded",
        ),
        (
            table in ONE_ROW_EACH and books.requested > books.received + books.superseded + books.missing,
            f"{books.requested} were asked for, but only {books.received} received, {books.superseded} "
            f"superseded and {books.missing} named as missing",
        ),
        (
            books.records_before is not None and books.received + books.superseded < books.records_before,
            f"the load before this one found {books.records_before} records in the lake, this one "
            f"{books.received + books.superseded}",
        ),
    ]
    return [words for broken, words in sums if broken]


def _in_lake(read: int, parts: int) -> list[str]:
    """What does not agree between the lake and the load that read it."""
    if read == parts:
        return []
    if parts == 0:
        return [f"its raw landing of {read} parts is gone from the lake"]
    return [f"the load read {read} parts of the lake, which holds {parts}"]
