"""Layouts: saved mappings, those that come along and the user's own."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spotify_assets.contracts.tables import TABLES
from spotify_assets.file_imports.reader import ImportProblem
from spotify_assets.lake.landing import check_source_name
from spotify_assets.sources.imported.rows import importable_fields
from spotify_assets.sources.imported.values import RULES, Rule

READY = Path(__file__).with_name("layouts")
"""Where the layouts lie that come with the platform."""
FILE_NAME = "file name"
"""Stands for a column in a layout: the name of the file itself."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A saved mapping.

    Attributes:
        name: Of its file, without ``.toml``.
        description: What files it is for.
        columns: A file that has all of them is recognised.
        file_name: Regular expression that the file's name must fit as well; absent: any name.
        source: Series that the rows belong to where nobody says another.
        tables: For each table that is fed, the rule of each field; ``False`` leaves a field empty.
    """

    name: str
    description: str
    columns: tuple[str, ...]
    file_name: str | None
    source: str
    tables: Mapping[str, Mapping[str, Rule | bool]]


def load_layouts(own: Path | None = None) -> dict[str, Layout]:
    """All layouts by name: those that come along, and the user's own, which win.

    Args:
        own: Folder of the user's own.

    Raises:
        ImportProblem: One cannot be used.
    """
    files = [*sorted(READY.glob("*.toml")), *(sorted(own.glob("*.toml")) if own else [])]
    return {path.stem: _read_layout(path) for path in files}


def _read_layout(path: Path) -> Layout:
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImportProblem(
            f"The layout {path} cannot be read: {error}. Correct or remove the file."
        ) from error
    if unknown := set(told) - {"description", "columns", "file_name", "source", "tables"}:
        raise ImportProblem(f"The layout {path} says {min(unknown)!r}, which means nothing in a layout.")
    tables = told.get("tables")
    if not isinstance(tables, dict) or not tables:
        raise ImportProblem(
            f"The layout {path} feeds no table: add [tables.NAME], NAME one of {', '.join(TABLES)}."
        )
    for table, rules in tables.items():
        _check_rules(path, table, rules)
    try:
        source = check_source_name(told.get("source", path.stem))
        re.compile(told.get("file_name") or "")
    except (ValueError, re.error) as error:
        raise ImportProblem(f"The layout {path} cannot be used: {error}") from None
    return Layout(
        path.stem, str(told.get("description", "")), tuple(told.get("columns", ())), told.get("file_name"),
        source, tables,
    )  # fmt: skip


def _check_rules(path: Path, table: str, rules: object) -> None:
    if table not in TABLES or not isinstance(rules, dict):
        raise ImportProblem(f"The layout {path} feeds {table!r}; tables are: {', '.join(TABLES)}.")
    known = importable_fields(TABLES[table].entity)
    for field, rule in rules.items():
        if field not in known:
            raise ImportProblem(
                f"The layout {path} fills {field!r} of {table}; its fields are: {', '.join(known)}."
            )
        if isinstance(rule, dict) and (unknown := set(rule) - set(RULES)):
            raise ImportProblem(
                f"The layout {path}, {table}.{field} says {min(unknown)!r}; it may say: {', '.join(RULES)}."
            )
        if not isinstance(rule, dict | str) and rule is not False:
            raise ImportProblem(f"The layout {path}, {table}.{field}: give a column, a rule {{…}}, or false.")


def _recognise(
    layouts: Mapping[str, Layout], columns: Iterable[str], file_name: str, table: str | None
) -> Layout | None:
    have = set(columns)
    fitting = [
        layout
        for layout in layouts.values()
        if layout.columns
        and have.issuperset(layout.columns)
        and (layout.file_name is None or re.search(layout.file_name, file_name))
        and (table is None or table in layout.tables)
    ]
    return max(reversed(fitting), default=None, key=lambda one: (one.file_name is not None, len(one.columns)))


def choose_layout(
    layouts: Mapping[str, Layout],
    columns: Iterable[str],
    file_name: str,
    name: str | None = None,
    table: str | None = None,
) -> Layout | None:
    """The layout of this name, or the one that the file has.

    Raises:
        ImportProblem: There is none of this name, or it does not feed the table.
    """
    if name is None:
        return _recognise(layouts, columns, file_name, table)
    if name not in layouts:
        raise ImportProblem(f"There is no layout {name!r}; there are: {', '.join(layouts)}")
    if table is not None and table not in layouts[name].tables:
        raise ImportProblem(f"The layout {name} feeds {', '.join(layouts[name].tables)}, not {table}")
    return layouts[name]


def check_layout_name(name: str) -> str:
    """Return `name` if it can name a layout.

    Raises:
        ImportProblem: It cannot.
    """
    try:
        return check_source_name(name)
    except ValueError as error:
        raise ImportProblem(f"--save-layout {name}: {error}".replace("a source", "a layout")) from None


def save_layout(
    folder: Path, name: str, columns: Sequence[str], source: str, tables: Mapping[str, Mapping[str, Rule]]
) -> Path:
    """Keep a mapping as a layout of the user's own.

    Raises:
        ImportProblem: The name cannot be used, or the file cannot be written.
    """
    try:
        path = folder / f"{check_layout_name(name)}.toml"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f"columns = {json.dumps(list(columns), ensure_ascii=False)}",
            f"source = {json.dumps(source)}",
        ]
        for table, rules in tables.items():
            lines += ["", f"[tables.{table}]", *(f"{field} = {_toml(rule)}" for field, rule in rules.items())]
        path.write_text("\n".join(lines) + "\n", "utf-8")
    except (OSError, ValueError) as error:
        raise ImportProblem(f"--save-layout {name}: {error}") from error
    return path


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(str(name))} = {_toml(part)}" for name, part in value.items())
        return f"{{ {inner} }}"
    # JSON's texts, numbers, booleans and lists of them are TOML's; DEL is the one exception.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
