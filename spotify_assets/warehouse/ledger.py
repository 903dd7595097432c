"""The ledger: what was loaded for each (table, source, day), and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What one load set out to do and met on the way, before the table is touched.

    Attributes:
        requested: Things asked of the upstream.
        received: Rows received and not superseded; each is loaded or quarantined.
        missing: What was asked for and not received: id to reason.
        quarantined: Rows received but not fit for the table.
        superseded: Rows set aside because a later observation of the same key and day exists.
        run_id: The run that loads.
        absent: Columns that no row has a value for: name to reason.
    """

    requested: int
    received: int
    missing: Mapping[str, str] = field(default_factory=dict)
    quarantined: int = 0
    superseded: int = 0
    run_id: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)


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
    missing: Mapping[str, str]
    content_hash: str
    run_id: str
    loaded_at: datetime
    absent: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether everything asked for was received and loaded."""
        return self.missing_count == 0 and self.quarantined == 0

    @property
    def is_offered(self) -> bool:
        """Whether the source publishes such things at all."""
        return not any(never_offered(self.source, reason) for reason in self.missing.values())

    @property
    def lacking(self) -> Mapping[str, str]:
        """What is missing of what the source offers: nobody misses the rest."""
        return self.missing if self.is_offered else {}


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row that was received but not loaded: as it was, and every reason why."""

    raw: object
    reasons: tuple[str, ...]


MAY_NOT = "this app may not see it"
"""How the reason of what is missing begins where an upstream refuses it: nothing was lost by that."""
TELLS_NOTHING = "tells nothing about"
"""Words of a reason for the absence of all that a source does not publish."""

UNIDENTIFIED = "its id at"
"""How the reason begins where an artist's id at a source is not known: nothing was there to ask for."""

BUDGET_SPENT = "the calls of the day were used up before its turn came"
"""The reason of what was left unasked where the budget did not suffice: until tomorrow."""
LEFT_ALONE = "the upstream asked to be left alone before its turn came"
"""The reason of what was left unasked where a cooldown came between: until it is over."""
_NOT_THERE = ("unknown to the upstream", "not found")
"""How reasons begin that are the upstream's own answer."""

NEVER = "not published by this source"
"""Why a column is empty that no answer of the source ever fills."""
NOT_IN_FILE = "not among the imported columns"
"""Why a column is empty that a file did not have."""

OBSERVED = """(l.rows_loaded + l.rows_quarantined > 0 or not exists (
    select 1 from jsonb_each_text(l.missing) as m (key, reason)
    where not starts_with(m.reason, %(may_not)s) and not starts_with(m.reason, %(unidentified)s)
))"""
"""SQL: whether a load `l` brought something, or nothing was there that the upstream would have told."""
REASONS = {"may_not": MAY_NOT, "unidentified": UNIDENTIFIED}
"""The values that `OBSERVED` asks for."""

LOST = f"""
    loads as materialized (
        select l.table_name, l.source, l.partition_date as day, l.missing, {OBSERVED} as observed,
            l.rows_loaded + l.rows_quarantined = 0 and l.missing <> '{{}}' and {OBSERVED} as refused
        from ops.current_partition_loads as l
        where l.table_name = any(%(daily)s)
    ),
    days as (
        select s.table_name, s.source, g.day::date as day, l.missing, l.day is not null as loaded, l.observed,
            l.refused, count(l.day) over (partition by s.table_name, s.source order by g.day) as before,
            count(l.day) over (partition by s.table_name, s.source order by g.day desc) as after
        from (
            select table_name, source, min(day) as first, max(day) as newest
            from loads group by table_name, source
        ) as s
        cross join coalesce(%(today)s::date, (now() at time zone 'UTC')::date) as clock (today)
        cross join lateral generate_series(
            s.first,
            least(case when s.source <> all(%(sources)s) then s.newest end, clock.today - 1),
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
        where not coalesce(observed, false)
            and (loaded or not (coalesce(refused_before, true) and coalesce(refused_after, true)))
    )
"""  # noqa: S608 - constants
"""SQL: the table expression `lost`, days of daily tables that are over and were not observed.

A day without a load is not lost where the upstream told nothing on the observed days around it: it would
have told nothing. Days of the sources in `sources` are counted up to the day before `today` (by default the
server's), those of others up to their newest. `missing` is what the ledger names, if there is a load.
"""

LEDGER_COLUMNS = (
    "load_id, table_name, source, partition_date, rows_requested, rows_received, rows_missing, rows_loaded, "
    "rows_quarantined, rows_superseded, missing, content_hash, run_id, loaded_at, absent"
)


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
    return [LedgerEntry(*row) for row in fetch_all(warehouse, statement, values)]


def newest_loads(warehouse: Warehouse) -> list[LedgerEntry]:
    """Return the load of the newest day of every (table, source)."""
    statement = (
        f"select distinct on (table_name, source) {LEDGER_COLUMNS} "  # noqa: S608 - constants
        "from ops.current_partition_loads order by table_name, source, partition_date desc"
    )
    return [LedgerEntry(*row) for row in fetch_all(warehouse, statement, {})]


def current_load(warehouse: Warehouse, table: str, source: str, day: date) -> LedgerEntry | None:
    """Return the newest load of one (table, source, day), or None if it was never loaded."""
    statement = (
        f"select {LEDGER_COLUMNS} from ops.partition_loads "  # noqa: S608 - constants
        "where table_name = %s and source = %s and partition_date = %s order by load_id desc limit 1"
    )
    found = fetch_all(warehouse, statement, (table, source, day))
    return LedgerEntry(*found[0]) if found else None


def never_offered(source: str, reason: str) -> bool:
    """Whether something is missing because its source never publishes such things."""
    return reason.startswith(MAY_NOT) and f"{source} {TELLS_NOTHING}" in reason


def is_retryable(reason: str, *, asked_again: bool = False) -> bool:
    """Whether asking once more on the same day may bring what is missing for a reason.

    Args:
        reason: Why it is missing.
        asked_again: Whether it was asked for again already: an upstream that twice says that it knows
            nothing of it is believed.
    """
    if reason.startswith((MAY_NOT, UNIDENTIFIED, BUDGET_SPENT, LEFT_ALONE)):
        return False
    return not (asked_again and reason.startswith(_NOT_THERE))


def has_loads_of(warehouse: Warehouse, source: str) -> bool:
    """Whether anything of a source was ever loaded."""
    statement = (
        "select exists (select 1 from ops.partition_loads where source = %(source)s and rows_loaded > 0)"
    )
    return bool(fetch_all(warehouse, statement, {"source": source})[0][0])


def loads_of_run(warehouse: Warehouse, run_id: str) -> list[LedgerEntry]:
    """Return the loads that one run wrote, in the order written."""
    statement = f"select {LEDGER_COLUMNS} from ops.partition_loads where run_id = %(run_id)s order by load_id"  # noqa: S608 - constants
    return [LedgerEntry(*row) for row in fetch_all(warehouse, statement, {"run_id": run_id})]
