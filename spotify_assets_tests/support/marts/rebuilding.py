"""What tests of windows share: loading a span of days, and comparing what stands with a full rebuild.

Which tables, by which keys, and of which data is the tests' to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.oracles import artists as reference

Rows = list[dict[str, Any]]


def load_days(project: Project, found: Mapping[str, Rows], first: date, last: date) -> None:
    """Load the rows of all tables that were observed on these days."""
    for table, rows in found.items():
        project.load(table, [row for row in rows if first <= row["snapshot_date"] <= last])


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
