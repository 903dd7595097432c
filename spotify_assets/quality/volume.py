"""Volume: whether a day brought about as many rows as days before it did, for as many things asked for.

A watchlist grows and shrinks, so rows are compared per thing asked for. What an app may not see, and who
is not identified, was not to be had and does not count as asked for. How long a list of new releases is
nobody asks for; some grow with the watchlist and some do not, so anything between the two is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from spotify_assets.contracts.tables import NEW_RELEASES
from spotify_assets.sources.reasons.reason import NO_LOSS, Reason, ReasonCode, from_json
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all

COMPARED_DAYS = 28
"""Loaded days before a day that say what is usual."""
FEWEST_DAYS = 7
"""With fewer of them nothing is usual yet."""
BAND = (0.5, 2.0)
"""From half to twice of what is usual is not remarked on …"""
FEWEST_ROWS = 10
"""… nor are so few rows more or less."""


@dataclass(frozen=True, slots=True)
class DayVolume:
    """The rows of one day beside what was to be expected.

    Attributes:
        rows: Rows loaded.
        days: Loaded days that it is compared with.
        least: Rows to be expected at least; None if nothing can be said.
        most: Rows to be expected at most.
        refused: Why nothing came that day, if the upstream does not let it be seen or has no such thing.
    """

    source: str
    day: date
    rows: int
    days: int
    least: float | None
    most: float | None
    refused: Reason | None

    @property
    def verdict(self) -> Literal["too few days", "refused", "few", "many", "usual"]:
        """What to think of the day."""
        if not self.rows and self.refused:
            return "refused"
        if self.days < FEWEST_DAYS or self.least is None or self.most is None:
            return "too few days"
        if self.rows < BAND[0] * self.least and self.least - self.rows >= FEWEST_ROWS:
            return "few"
        if self.rows > BAND[1] * self.most and self.rows - self.most >= FEWEST_ROWS:
            return "many"
        return "usual"


_ASKED = """
    l.rows_requested - (
        select count(*) from jsonb_each(l.missing) as m (key, reason)
        where m.reason ->> 'code' = any(%(no_loss)s)
    )
"""
_WATCHED = """
    (
        select w.rows_requested from ops.current_partition_loads as w
        where w.table_name = 'artist_snapshots' and w.source = l.source
            and w.partition_date = l.partition_date
    )
"""


def volumes(warehouse: Warehouse, table: str, days: Sequence[date]) -> list[DayVolume]:
    """Compare days with the loaded days before them.

    Args:
        warehouse: The database.
        table: A table of which each day is observed anew.
        days: UTC days.

    Returns:
        One entry per source and day that has a load.
    """
    if not days:
        return []
    is_list = table == NEW_RELEASES.name
    statement = f"""
        with loads as materialized (
            select l.source, l.partition_date as day, l.rows_loaded as rows,
                nullif({_WATCHED if is_list else _ASKED}, 0)::double precision as asked,
                (
                    select min(m.reason::text)::jsonb from jsonb_each(l.missing) as m (key, reason)
                    where l.rows_loaded = 0 and m.reason ->> 'code' in (%(refused)s, %(not_offered)s)
                ) as refused
            from ops.current_partition_loads as l
            where l.table_name = %(table)s and l.partition_date <= %(last)s
        ),
        numbered as materialized (
            select l.*, count(*) filter (where l.rows > 0) over (
                partition by l.source order by l.day rows between unbounded preceding and 1 preceding
            ) as before
            from loads as l
        ),
        usual as (
            select d.source, d.day, count(b.day) as days,
                percentile_cont(0.5) within group (order by b.rows) as rows,
                percentile_cont(0.5) within group (order by b.rows / b.asked) as per_asked
            from numbered as d
            left join numbered as b
                on b.source = d.source and b.rows > 0
                and b.before >= d.before - %(compared)s and b.before < d.before
            where d.day = any(%(days)s)
            group by d.source, d.day
        )
        select d.source, d.day, d.rows, u.days,
            {"least(u.rows, u.per_asked * d.asked)" if is_list else "u.per_asked * coalesce(d.asked, 0)"},
            {"greatest(u.rows, u.per_asked * d.asked)" if is_list else "u.per_asked * coalesce(d.asked, 0)"},
            d.refused
        from usual as u
        inner join numbered as d on d.source = u.source and d.day = u.day
        order by d.source, d.day
    """  # noqa: S608 - constants
    values = {
        "table": table, "days": list(days), "last": max(days), "compared": COMPARED_DAYS,
        "refused": ReasonCode.REFUSED, "not_offered": ReasonCode.NOT_OFFERED, "no_loss": list(NO_LOSS),
    }  # fmt: skip
    return [
        DayVolume(source, day, rows, compared, least, most, from_json(refused) if refused else None)
        for source, day, rows, compared, least, most, refused in fetch_all(warehouse, statement, values)
    ]
