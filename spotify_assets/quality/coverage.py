"""Which days of each table and source are loaded, and what of them is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from spotify_assets.contracts.tables import DAILY_TABLES
from spotify_assets.sources.reasons.reason import ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.ledger import LOST, LedgerEntry, newest_loads


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which days of one (table, source) are loaded.

    Attributes:
        gaps: Days that have no load, or one that brought nothing though the upstream would have told, in
            order: between the first and the newest, and up to yesterday of a source that is still observed.
            Today is not over and never among them.
        rows: Rows that stand in the table, by the ledger.
        missing: Things asked for and not received, of what the source offers.
        newest: The load of the newest day.
    """

    table: str
    source: str
    first_day: date
    newest_day: date
    days: int
    rows: int
    quarantined: int
    missing: int
    gaps: Sequence[date]
    newest: LedgerEntry


def coverage(
    warehouse: Warehouse, observed: Collection[str] = (), today: date | None = None
) -> list[Coverage]:
    """Return per table and source: first day, newest day, days loaded, and the gaps.

    Args:
        warehouse: The database.
        observed: Sources that are to be observed every day still; the others have ended.
        today: The UTC day; by default the server's.
    """
    statement = f"""
        with {LOST}
        select c.table_name, c.source, min(c.partition_date), max(c.partition_date), count(*),
            sum(c.rows_loaded)::bigint, sum(c.rows_quarantined)::bigint,
            coalesce(sum(c.rows_missing) filter (where not told.never), 0)::bigint,
            coalesce((
                select array_agg(n.day order by n.day) from lost as n
                where n.table_name = c.table_name and n.source = c.source
            ), '{{}}'::date [])
        from ops.current_partition_loads as c
        cross join lateral (
            select c.rows_missing > 0 and exists (
                select 1 from jsonb_each(c.missing) as m (key, reason)
                where m.reason ->> 'code' = %(not_offered)s
            ) as never
        ) as told
        group by c.table_name, c.source
        order by c.table_name, c.source
    """  # noqa: S608 - constants
    values = {
        "sources": list(observed), "today": today, "daily": list(DAILY_TABLES),
        "not_offered": ReasonCode.NOT_OFFERED,
    }  # fmt: skip
    found = fetch_all(warehouse, statement, values)
    newest = {(load.table, load.source): load for load in newest_loads(warehouse)}
    return [Coverage(*(*row, newest[row[0], row[1]])) for row in found if (row[0], row[1]) in newest]
