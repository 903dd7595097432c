"""The ledger: what was loaded for each (table, source, day), and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from spotify_assets.sources.reasons.reason import Reason, ReasonCode, from_json
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What one load set out to do and met on the way, before the table is touched.

    Attributes:
        requested: Things asked of the upstream.
        received: Rows received and not superseded; each is loaded or quarantined.
        missing: What was asked for and not received, by key.
        quarantined: Rows received but not fit for the table.
        superseded: Rows set aside because a later observation of the same key and day exists.
        run_id: The run that loads.
        absent: Columns that no row has a value for, by name.
        lake_parts: How many parts of the lake were read, all that were there; None if it is not known.
    """

    requested: int
    received: int
    missing: Mapping[str, Reason] = field(default_factory=dict)
    quarantined: int = 0
    superseded: int = 0
    run_id: str = ""
    absent: Mapping[str, Reason] = field(default_factory=dict)
    lake_parts: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of ``ops.partition_loads``: one load of (table, source, day)."""

    load_id: int
    table: str
    source: str
    day: date
    requested: int
    received: int
    missing_count: int
    loaded: int
    quarantined: int
    superseded: int
    missing: Mapping[str, Reason]
    content_hash: str
    run_id: str
    loaded_at: datetime
    absent: Mapping[str, Reason]

    @property
    def complete(self) -> bool:
        """Whether everything asked for was received and loaded."""
        return self.missing_count == 0 and self.quarantined == 0

    @property
    def is_offered(self) -> bool:
        """Whether the source publishes such things at all."""
        return all(reason.code is not ReasonCode.NOT_OFFERED for reason in self.missing.values())

    @property
    def lacking(self) -> Mapping[str, Reason]:
        """What is missing of what the source offers: nobody misses the rest."""
        return self.missing if self.is_offered else {}


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that was received but not loaded: as it was, and every reason why."""

    raw: object
    reasons: tuple[str, ...]


LOST = """
    loads as materialized (
        select l.table_name, l.source, l.partition_date as day, l.missing,
            not l.is_empty_handed as observed, l.is_refused as refused
        from ops.current_partition_loads as l
        where l.table_name = any(%(daily)s)
    ),
    days as (
        select s.table_name, s.source, g.day::date as day, g.day < clock.today as is_over, l.missing,
            l.day is not null as loaded, l.observed, l.refused,
            count(l.day) over (partition by s.table_name, s.source order by g.day) as before,
            count(l.day) over (partition by s.table_name, s.source order by g.day desc) as after
        from (
            select table_name, source, min(day) as first, max(day) as newest
            from loads group by table_name, source
        ) as s
        cross join coalesce(%(today)s::date, (now() at time zone 'UTC')::date) as clock (today)
        cross join lateral generate_series(
            s.first,
            greatest(s.newest, case when s.source = any(%(sources)s) then clock.today - 1 end),
            interval '1 day'
        ) as g (day)
        left join loads as l on l.table_name = s.table_name and l.source = s.source and l.day = g.day::date
    ),
    neighbours as (
        select *, bool_or(refused) over (partition by table_name, source, before) as refused_before,
            bool_or(refused) over (partition by table_name, source, after) as refused_after
        from days
    ),
    lost as (
        select table_name, source, day, missing
        from neighbours
        where is_over and not coalesce(observed, false)
            and (loaded or not (coalesce(refused_before, true) and coalesce(refused_after, true)))
    )
"""
"""SQL: the table expression `lost`, days of daily tables that are over and were not observed.

A day without a load is not lost where the upstream told nothing on the observed days around it: it would
have told nothing. Days of the sources in `sources` are counted up to the day before `today` (by default the
server's), those of others up to their newest. `missing` is what the ledger names, if there is a load.
"""


LEDGER_COLUMNS = (
    "load_id, table_name, source, partition_date, rows_requested, rows_received, rows_missing, rows_loaded, "
    "rows_quarantined, rows_superseded, missing, content_hash, run_id, loaded_at, absent"
)


def entry_of(row: Sequence[Any]) -> LedgerEntry:
    """A row of `LEDGER_COLUMNS`."""
    values = list(row)
    for place in (10, 14):  # missing, absent
        values[place] = {name: from_json(reason) for name, reason in values[place].items()}
    return LedgerEntry(*values)


def current_loads(
    warehouse: Warehouse, table: str | None = None, since: date | None = None, source: str | None = None
) -> list[LedgerEntry]:
    """Return the newest load of every (table, source, day), ordered by them.

    Args:
        warehouse: The database.
        table: Only this table.
        since: Only this day and later.
        source: Only this source.
    """
    statement = (
        f"select {LEDGER_COLUMNS} from ops.current_partition_loads "  # noqa: S608 - constants
        "where (%(table)s::text is null or table_name = %(table)s) "
        "and (%(since)s::date is null or partition_date >= %(since)s) "
        "and (%(source)s::text is null or source = %(source)s) "
        "order by table_name, source, partition_date"
    )
    values = {"table": table, "since": since, "source": source}
    return [entry_of(row) for row in fetch_all(warehouse, statement, values)]


def newest_loads(warehouse: Warehouse) -> list[LedgerEntry]:
    """Return the load of the newest day of every (table, source)."""
    statement = (
        f"select distinct on (table_name, source) {LEDGER_COLUMNS} "  # noqa: S608 - constants
        "from ops.current_partition_loads order by table_name, source, partition_date desc"
    )
    return [entry_of(row) for row in fetch_all(warehouse, statement, {})]


def current_load(warehouse: Warehouse, table: str, source: str, day: date) -> LedgerEntry | None:
    """Return the newest load of one (table, source, day), or None if it was never loaded."""
    statement = (
        f"select {LEDGER_COLUMNS} from ops.partition_loads "  # noqa: S608 - constants
        "where table_name = %s and source = %s and partition_date = %s order by load_id desc limit 1"
    )
    found = fetch_all(warehouse, statement, (table, source, day))
    return entry_of(found[0]) if found else None


def has_loads_of(warehouse: Warehouse, source: str) -> bool:
    """Whether anything of a source was ever loaded."""
    statement = (
        "select exists (select 1 from ops.partition_loads where source = %(source)s and rows_loaded > 0)"
    )
    return bool(fetch_all(warehouse, statement, {"source": source})[0][0])


def loads_of_run(warehouse: Warehouse, run_id: str) -> list[LedgerEntry]:
    """Return the loads that one run wrote, in the order written."""
    statement = f"select {LEDGER_COLUMNS} from ops.partition_loads where run_id = %(run_id)s order by load_id"  # noqa: S608 - constants
    return [entry_of(row) for row in fetch_all(warehouse, statement, {"run_id": run_id})]
