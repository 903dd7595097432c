"""What is said about a file in the import folder: by the folders it lies in, and by files beside it.

What comes of the wishes stands in `history`.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from spotify_assets.contracts.tables import TABLES
from spotify_assets.file_imports.history import ImportOptions
from spotify_assets.file_imports.inbox import SIDECAR, folders_of, look
from spotify_assets.file_imports.reader import ImportProblem

FOR_ALL = "import.toml"
"""Says something about every file of its folder, and of the folders in it."""
_MOST_BYTES = 1 << 20
_TEXTS = ("table", "source", "layout", "separator")
_TABLES = ("map", "set")


def wishes_for(folder: Path, name: str) -> ImportOptions:
    """What is wished of a file: the nearer to the file it is said, the more it counts.

    Args:
        folder: The import folder.
        name: Path of the file in it.

    Raises:
        ImportProblem: Something that is said cannot be understood.
    """
    wishes = _said_by_folders(name)
    place = ""
    for inner in ("", *folders_of(name)):
        place += f"{inner}/" if inner else ""
        wishes = _with(wishes, folder, place + FOR_ALL)
    return _with(wishes, folder, name + SIDECAR)


def table_called(name: str) -> str | None:
    """The table that a name means: ``artist-snapshots`` and ``artist_snapshots`` are the same."""
    return next((table for table in TABLES if table == name.replace("-", "_")), None)


def _said_by_folders(name: str) -> ImportOptions:
    tables = [table for folder in folders_of(name) if (table := table_called(folder))]
    sources = [folder for folder in folders_of(name) if not table_called(folder)]
    if len(tables) > 1 or len(sources) > 1:
        raise ImportProblem(
            f"{name} lies in too many folders. A folder says the table ({', '.join(map(_spelt, TABLES))}) or "
            "the name of the series, and there may be one of each: artist-snapshots/my-archive/history.csv"
        )
    return ImportOptions(table=next(iter(tables), None), source=next(iter(sources), None))


def _with(wishes: ImportOptions, folder: Path, name: str) -> ImportOptions:
    if look(folder, name) is None:
        return wishes
    path = folder / name
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ImportProblem(f"{path} is larger than {_MOST_BYTES >> 20} MiB: it says too much.")
        told: dict[str, Any] = tomllib.loads(text.decode("utf-8").replace("\r\n", "\n"))
    except (OSError, ValueError, RecursionError) as error:  # numbers and nesting without end, too
        raise ImportProblem(f"{path} cannot be read: {error}") from error
    if unknown := set(told) - {*_TEXTS, *_TABLES}:
        raise ImportProblem(
            f"{path} says {min(unknown)!r}; it may say {', '.join(_TEXTS)}, and in [map] and [set] what "
            "--map FIELD=COLUMN and --set FIELD=VALUE say."
        )
    for key in _TEXTS:
        if not isinstance(told.get(key, ""), str):
            raise ImportProblem(f"{path}: {key} has to be a text in quotation marks")
    for key in _TABLES:
        if not isinstance(told.get(key, {}), dict):
            raise ImportProblem(f"{path}: write [{key}] on a line of its own, and below it lines FIELD = …")
    if "table" in told and table_called(told["table"]) is None:
        raise ImportProblem(
            f"{path}: there is no table {told['table']!r}; there are {', '.join(map(_spelt, TABLES))}"
        )
    return replace(
        wishes,
        table=table_called(told["table"]) if "table" in told else wishes.table,
        source=told.get("source", wishes.source),
        layout=told.get("layout", wishes.layout),
        separator=told.get("separator", wishes.separator),
        columns=(*wishes.columns, *_pairs(told.get("map", {}))),
        values=(*wishes.values, *_pairs(told.get("set", {}))),
    )


def _pairs(told: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{field}={value}" for field, value in told.items())


def _spelt(table: str) -> str:
    return table.replace("_", "-")
