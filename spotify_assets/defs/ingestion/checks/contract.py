"""The contract check: what stands in a table must fit its Pandera model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import Table
from spotify_assets.defs.ingestion.checks.verdict import Verdict, by_day, plural
from spotify_assets.defs.unnamed import show_rows

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse

DAYS_AT_ONCE = 30
"""Partitions that are checked together: fewer passes, and still little memory."""


def contract(
    table: Table, days: Sequence[date], warehouse: Warehouse, _landing: Landing
) -> dict[date, Verdict]:
    """Read the loaded partitions back and apply every rule at once."""
    import pyarrow

    from spotify_assets.contracts.validation import Violation, violations
    from spotify_assets.warehouse.loading.replace import read_partition

    rows: dict[date, int] = {}
    broken: list[Violation] = []
    for first in range(0, len(days), DAYS_AT_ONCE):
        partitions = {
            day: read_partition(warehouse, table.name, day) for day in days[first : first + DAYS_AT_ONCE]
        }
        rows |= {day: partition.num_rows for day, partition in partitions.items()}
        broken += violations(table.name, pyarrow.concat_tables(list(partitions.values())))

    def judge(of_day: Sequence[Violation]) -> Verdict:
        return Verdict(
            passed=not of_day,
            says=f"{plural(len(of_day), 'rule is', 'rules are')} broken; see broken_rules" if of_day else "",
            findings=[{"day": one.day.isoformat(), "rule": one.rule, "rows": one.rows} for one in of_day],
            label="broken_rules",
            queries={"show_rows": show_rows(table.name, of_day[0].day)} if of_day else {},
        )

    verdicts = by_day(broken, days, judge)
    return {day: replace(verdict, counts={"rows_checked": rows[day]}) for day, verdict in verdicts.items()}
