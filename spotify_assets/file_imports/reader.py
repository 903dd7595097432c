"""Reading a file into rows, whatever its separator, compression or kind.

A row keeps the number of its line, so that whatever is wrong with it later can be found. What columns mean
is for `mapping`.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from spotify_assets.sources.jsontext import NotJson, decode_json
from spotify_assets.text_files import NotText, by_mark

SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
"""Names for separators that are hard to type."""
_USUAL = ",;\t|"
_SAID = re.compile(r'\s*"?sep=([,;\t|])"?\r?(?:\n|\Z)', re.IGNORECASE)
"""A first line by which Excel is told the separator."""
_LOOKED_AT = 100
"""Records that are read with each possible separator, to find the one that gives a table."""
_LONGEST = 2**24
MOST_BYTES = 256 << 20
"""Largest file that is read (bytes, unpacked): all of it is held in memory, many times over."""
MOST_ROWS = 5_000_000
"""Most rows of one file."""
MOST_COLUMNS = 100_000
"""Most columns of one file: a name for each costs a hundred times what it takes in the file."""
_DEEPEST = 5
# By how they begin, or what they hold at a place: what people take for a table, and is none.
_NO_TEXT = {
    (0, b"PK\x03\x04"): "a zip archive or a workbook (xlsx, ods)",
    (0, b"\xd0\xcf\x11\xe0"): "an old workbook (xls)",
    (0, b"BZh"): "packed by bzip2",
    (0, b"\xfd7zXZ"): "packed by xz",
    (0, b"7z\xbc\xaf"): "packed by 7-Zip",
    (0, b"\x28\xb5\x2f\xfd"): "packed by zstd",
    (257, b"ustar"): "a tar archive",
    (0, b"PAR1"): "a Parquet file",
    (0, b"ARROW1"): "an Arrow file",
    (0, b"SQLite format 3"): "a SQLite database",
    (0, b"%PDF-"): "a PDF",
    (0, b"\x89PNG"): "a picture (PNG)",
    (0, b"\xff\xd8\xff"): "a picture (JPEG)",
}


class ImportProblem(Exception):
    """A file cannot be imported; the message says why and what to do. Nothing was landed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        line: Its first line in the file, from 1.
        values: By column, as written; JSON keeps its types.
        problem: Why it is no row; empty for one that is.
    """

    line: int
    values: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        text: All of it, unpacked.
        columns: In the order of the file; of nested JSON also paths such as ``followers.total``.
        rows: In the order of the file.
    """

    text: str
    columns: tuple[str, ...]
    rows: list[Row]


def read_file(path: Path, separator: str | None = None) -> Contents:
    """Read all rows of a file.

    Args:
        path: UTF-8 text, or UTF-16 with its byte order mark; may be gzipped.
        separator: What stands between columns, or a name of `SEPARATORS`; found by itself when absent.

    Raises:
        ImportProblem: It cannot be read as a table; the message names the line.
    """
    text = _text(path)
    if not text.strip():
        raise ImportProblem(f"{path} is empty")
    if separator is None and text.lstrip()[0] in "{[":
        columns, rows = _json_rows(path, text)
    else:
        columns, rows = _separated_rows(path, text, separator)
    return Contents(text, columns, rows)


def _text(path: Path) -> str:
    data = _bytes(path)
    if kind := next((kind for (place, mark), kind in _NO_TEXT.items() if data.startswith(mark, place)), None):
        raise ImportProblem(
            f"{path} is {kind}, not text: save its table as CSV in UTF-8, which may be gzipped."
        )
    header = data.lstrip(b"\r\n").partition(b"\n")[0]
    with suppress(UnicodeDecodeError):
        if b"\0" not in header:  # as UTF-16 has it; in a row below, only that row is set aside
            return data.decode("utf-8-sig")
    try:
        return by_mark(data)
    except NotText as error:
        usual = "WINDOWS-1252" if b"\0" not in header else "UTF-16LE" if header[1:2] == b"\0" else "UTF-16BE"
        raise ImportProblem(f"{path}: {error}, for example: iconv -f {usual} -t UTF-8") from error


def _bytes(path: Path) -> bytes:
    """What a file holds, unpacked; of one that holds too much no more is read than shows it."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            if size <= MOST_BYTES:
                with gzip.GzipFile(fileobj=file) if packed else file as stream:
                    data = stream.read(MOST_BYTES + 1)
                size = len(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportProblem(f"{path} cannot be read: {error}") from error
    if size > MOST_BYTES:
        when = " when unpacked" if packed else ""
        raise ImportProblem(
            f"{path} is larger than {MOST_BYTES >> 20} MiB{when}: split it into several files."
        )
    return data


def _too_many(path: Path) -> ImportProblem:
    return ImportProblem(f"{path} has more than {MOST_ROWS:,} rows: split it into several files.")


def _check_columns(path: Path, count: int) -> None:
    if count > MOST_COLUMNS:
        raise ImportProblem(
            f"{path} has more than {MOST_COLUMNS:,} columns: its first line is no header, or its rows stand "
            "as columns."
        )


def _has_long_line(text: str) -> bool:
    """Whether a line is longer than a field may be: as columns it would take a hundred times its size."""
    place = 0
    while len(text) - place > _LONGEST:
        end = max(text.rfind(mark, place, place + _LONGEST + 1) for mark in "\r\n")
        if end < place:
            return True
        place = end + 1
    return False


def _json_rows(path: Path, text: str) -> tuple[tuple[str, ...], list[Row]]:
    rows: list[Row] = []
    columns: dict[str, None] = {}
    # Not splitlines: a text may hold the separators of Unicode, which end no line here.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = decode_json(line, once=True)
        except NotJson as error:
            rows.append(Row(number, {}, f"the line is no JSON ({error})"))
            continue
        if not isinstance(values, dict):
            rows.append(Row(number, {}, "the line is no JSON object {…}"))
            continue
        columns.update(dict.fromkeys(_paths(values)))
        _check_columns(path, len(columns))
        rows.append(Row(number, values))
        if len(rows) > MOST_ROWS:
            raise _too_many(path)
    if not columns:
        raise ImportProblem(
            f"{path}, line {rows[0].line}: {rows[0].problem}. JSON has to be one object a line (JSON lines); "
            "turn a list into lines with: jq -c '.[]'"
        )
    return tuple(columns), rows


def _paths(values: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[str]:
    for name, value in values.items():
        inner = value[0] if isinstance(value, list) and value else value
        if not isinstance(inner, dict) or depth == _DEEPEST:
            yield prefix + name
            continue
        yield from _paths(inner, f"{prefix}{name}.", depth + 1)
        if isinstance(value, list):  # each one's, and the first one's
            yield from _paths(inner, f"{prefix}{name}.0.", depth + 1)


def _records(text: str, separator: str, first: int = 1) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = first
    for record in reader:
        if record:
            yield line, record
        line = first + reader.line_num


def find_separator(text: str) -> str:
    """The separator with which most records have as many columns as the header, and that has most columns."""
    header = text.lstrip("\r\n").split("\n", 1)[0]
    found = {character for character in header if not character.isalnum() and character not in "\"'_ .-\r"}
    best, score = ",", (0.0, 0, 0)
    for candidate in sorted(found | {","}):
        sizes: Counter[int] = Counter()
        width = 0
        try:
            for _, record in islice(_records(text, candidate), _LOOKED_AT):
                width = width or len(record)
                sizes[len(record)] += 1
        except csv.Error:
            sizes[-1] += _LOOKED_AT
        if width > 1:
            usual = candidate in _USUAL
            rank = (round(sizes[width] / sizes.total(), 1) + usual, width, -_USUAL.find(candidate))
            if rank > score:
                best, score = candidate, rank
    return best


def _named(header: Sequence[str]) -> list[str]:
    """Column names without blanks around them; one that is empty or stands twice gets a name of its own."""
    names: dict[str, None] = {}
    numbers: Counter[str] = Counter()
    for place, written in enumerate(header, start=1):
        plain = written.strip() or f"column {place}"
        name = plain
        while name in names:
            numbers[plain] += 1
            name = f"{plain} ({numbers[plain] + 1})"
        names[name] = None
    return list(names)


def _separated_rows(path: Path, text: str, separator: str | None) -> tuple[tuple[str, ...], list[Row]]:
    csv.field_size_limit(_LONGEST)
    if _has_long_line(text):
        raise ImportProblem(f"{path} has a line of more than {_LONGEST:,} characters: it is no table.")
    start = 0
    if said := _SAID.match(text):
        separator, start = separator or said[1], said.end()
    separator = SEPARATORS.get(separator, separator) if separator else find_separator(text)
    if len(separator) != 1 or separator in '"\r\n':
        raise ImportProblem(
            f"--separator {separator!r} cannot be used: give one character, or {', '.join(SEPARATORS)}"
        )
    rows: list[Row] = []
    columns: list[str] = []
    line = 0
    try:
        for line, record in _records(text[start:], separator, 1 + text.count("\n", 0, start)):
            if not columns:
                _check_columns(path, len(record))
                columns = _named(record)
                continue
            problem = ""
            if len(record) != len(columns):
                problem = (
                    "the row has another number of columns than the header: "
                    f"{len(record)} instead of {len(columns)}"
                )
            rows.append(Row(line, dict(zip(columns, record, strict=False)), problem))
            if len(rows) > MOST_ROWS:
                raise _too_many(path)
    except csv.Error as error:
        shown = "tab" if separator == "\t" else separator
        raise ImportProblem(
            f"{path}, after line {line}: {error}. A field that holds the separator ({shown}) or a line break "
            "stands in quotation marks, and a quotation mark within it is written twice; if the separator is "
            "another: --separator"
        ) from error
    if not columns:
        raise ImportProblem(f"{path} is empty")
    return tuple(columns), rows
