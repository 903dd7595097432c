"""Giving each row of a file its day.

Rows stay as they are written; what is made of a row's place or name is added to it: the lake alone can
rebuild the table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from spotify_assets.file_imports.reader import Row
from spotify_assets.sources.imported.values import Rule, moment_of, raw_value, value_at


@dataclass(frozen=True, slots=True)
class UndatedRow:
    """A row that no day can be given to, by its line in the file."""

    line: int
    reason: str


@dataclass(slots=True)
class RowsByDay:
    """Rows by day.

    Attributes:
        mapping: How the rows read, with what was added to them.
        days: Rows of each day, in the order of the file.
        latest: When the last of them was observed.
        lines: Line of each row, by day.
        unplaced: Rows that belong to no day.
    """

    mapping: dict[str, Rule]
    days: dict[date, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    latest: dict[date, datetime] = field(default_factory=dict)
    lines: dict[date, list[int]] = field(default_factory=lambda: defaultdict(list))
    unplaced: list[UndatedRow] = field(default_factory=list)


def place(rows: Iterable[Row], mapping: Mapping[str, Rule], today: date) -> RowsByDay:
    """Give each row its day.

    Args:
        rows: Of a file.
        mapping: How they read.
        today: Newest day that can have been observed (UTC).
    """
    made = {
        name: rule
        for name, rule in mapping.items()
        if not isinstance(rule, str) and ("counted_within" in rule or rule.get("name_id"))
    }
    placed = RowsByDay({**mapping, **{name: _made(name) for name in made}})
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for name, rule in made.items():
            if "counted_within" in rule:
                counted[name, _alike(row, rule)] += 1
        try:
            if row.problem:
                raise ValueError(row.problem)
            moment = moment_of(row.values, mapping["observed_at"])
            if moment.date() > today:
                raise ValueError(f"{moment.date()} has not come yet")
        except ValueError as error:
            placed.unplaced.append(UndatedRow(row.line, f"{_column(mapping['observed_at'])}{error}"))
            continue
        values = dict(row.values)
        for name, rule in made.items():
            if "counted_within" in rule:
                values[_made(name)] = counted[name, _alike(row, rule)]
            else:
                values[_made(name)] = raw_value(row.values, rule)
        day = moment.date()
        placed.days[day].append(values)
        placed.lines[day].append(row.line)
        placed.latest[day] = max(moment, placed.latest.get(day, moment))
    return placed


def _alike(row: Row, rule: Mapping[str, Any]) -> str:
    return repr([value_at(row.values, column) for column in rule["counted_within"]])


def _made(name: str) -> str:
    """Column of what was added; no file's own column ends so."""
    return f"{name} (added by the import)"


def _column(rule: Rule) -> str:
    column = rule if isinstance(rule, str) else rule.get("column")
    return f"column {column}: " if column else ""
