"""What a dbt test says, in a sentence: the description of the asset check that it becomes.

The tests themselves stand in `dbt_project`; their names are dbt's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def describe_test(properties: Mapping[str, Any]) -> str | None:
    """A sentence about one test, or None if neither its author nor its kind provides one.

    Args:
        properties: The test's node in dbt's manifest.
    """
    own = properties.get("description")
    if own:
        return str(own)
    test = properties.get("test_metadata") or {}
    arguments: Mapping[str, Any] = test.get("kwargs") or {}
    column = arguments.get("column_name")
    columns = ", ".join(arguments.get("columns") or [])
    parent = str(arguments.get("to") or arguments.get("of") or "").removeprefix("ref('").removesuffix("')")
    limits = " and ".join(
        f"{words} {arguments[name]}"
        for name, words in (("at_least", "at least"), ("at_most", "at most"))
        if arguments.get(name) is not None
    )
    return {
        "not_null": f"`{column}` is never null.",
        "unique": f"No two rows have the same `{column}`.",
        "accepted_values": f"`{column}` is one of: {', '.join(map(str, arguments.get('values') or []))}.",
        "accepted_range": f"`{column}` is {limits}, or null.",
        "unique_combination": f"No two rows have the same {columns}.",
        "rows_exist_in": f"Every row's {columns} exist in {parent}.",
        "keeps_rows_of": f"Every {columns} of {parent} on the days of the run stands here.",
        "no_missing_days": f"No series ({columns}) skips a day between its first and its last.",
    }.get(str(test.get("name")))
