"""What tests of windows share: loading a span of days, and comparing what stands with a full rebuild.

Which tables, by which keys, and of which data is the tests' to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.oracles import artists as reference

Rows = list[dict[str, Any]]


def load_days(project: Project, found: Mapping[str, Rows], first: date, last: date) -> None:
    """Load the rows of all tables that were observed on these days."""
    for table, rows in found.items():
        project.load(table, [row for row in rows if first <= row["snapshot_date"] <= last])


def day_by_day(first: date, backfilled: date, last: date, lost: date) -> list[list[date]]:
    """The windows of a backfill and of each day after it, but for one that is never run."""
    return [
        [first, backfilled],
        *([day] for day in data.days(backfilled, last) if day not in {backfilled, lost}),
    ]


def build_in_order(
    project: Project,
    found: Mapping[str, Rows],
    windows: Iterable[Sequence[date]],
    command: Sequence[str],
    note_loads: Callable[[set[date]], None] | None = None,
) -> None:
    """Load the days of each window that no window before it had, and build after each.

    The loads are noted as `Project.load` does or, if given, by `note_loads`, which gets the days.
    """
    loaded: set[date] = set()
    for window in windows:
        days = set(data.days(window[0], window[-1])) - loaded
        for table, rows in found.items():
            project.load(
                table, [row for row in rows if row["snapshot_date"] in days], note=note_loads is None
            )
        if note_loads is not None:
            note_loads(days)
        loaded |= days
        project.dbt(*command)


def contents(project: Project, tables: Iterable[str]) -> dict[str, Rows]:
    """What stands in the tables."""
    return {table: project.rows(table) for table in tables}


def assert_equals_full_rebuild(
    project: Project,
    built: Mapping[str, tuple[str, ...]],
    models: Sequence[str],
    *,
    exactly: bool = False,
) -> dict[str, Rows]:
    """Compare what stands with what a full rebuild makes of the same snapshots; gives the latter.

    Args:
        project: The project.
        built: The tables, with what identifies their rows. None is empty.
        models: Which models are built again, as dbt's arguments.
        exactly: Whether the last digits have to be equal too.
    """
    actual = contents(project, built)
    project.dbt("run", *models, "--full-refresh")
    expected = contents(project, built)
    for table, key in built.items():
        assert expected[table], table
        assert reference.differences(actual[table], expected[table], key, exactly=exactly) == [], table
    return expected
