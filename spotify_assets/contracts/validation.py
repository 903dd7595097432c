"""From records to valid rows, or to quarantine with every reason.

A row that breaks a rule never stops the others, and nothing is changed to make it fit: what a person would
have to guess is left to a person.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from reprlib import Repr
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.config import ValidationDepth, config_context
from pyarrow import compute

from spotify_assets.contracts.fields import COUNT_LIMIT, LIST_LIMIT, LIST_TEXT_BYTES, TEXT_LIMIT
from spotify_assets.contracts.models import MODELS, arrow_schema
from spotify_assets.contracts.tables import TABLES
from spotify_assets.sources.records import Record, Rejected

SHOWN = 80
"""Characters of an offending value that a reason shows."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One received piece that was not loaded: whole, with every reason."""

    raw: object
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validated:
    """The outcome of `validate`.

    Attributes:
        rows: Valid rows in the columns of the table's model, one per key.
        quarantined: Rows and pieces that break a rule.
        superseded: Records left out because a later one of the same day has the same key.
    """

    rows: pyarrow.Table
    quarantined: list[Quarantined]
    superseded: int


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by rows that are already in a table, on one day."""

    day: date
    rule: str
    rows: int


_BRIEF = Repr()
"""Shows any value without going through all of it: an upstream may nest as deep as JSON can be read."""
_BRIEF.maxlevel, _BRIEF.maxlist, _BRIEF.maxdict = 4, 20, 20
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = 10 * SHOWN


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else _BRIEF.repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def _is_finite(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_text_list(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(type(item) is str for item in value)


_EXPECTED: dict[pyarrow.DataType, tuple[str, Callable[[object], bool]]] = {
    pyarrow.string(): ("text", lambda value: type(value) is str),
    pyarrow.int64(): ("a whole number", lambda value: type(value) is int),
    pyarrow.float64(): ("a number", _is_finite),
    pyarrow.bool_(): ("true or false", lambda value: type(value) is bool),
    pyarrow.date32(): ("a date", lambda value: type(value) is date),
    pyarrow.timestamp("us", tz="UTC"): ("a time", lambda value: isinstance(value, datetime)),
    pyarrow.list_(pyarrow.string()): ("a list of texts", _is_text_list),
}


def _stored(values: list[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    """The values as Arrow stores them; raises where one cannot be stored, or not told from its neighbours."""
    stored = pyarrow.array(values, type=kind)
    if kind == pyarrow.int64():
        bounds = compute.min_max(stored).as_py().values()
        if any(abs(bound or 0) > COUNT_LIMIT for bound in bounds):
            raise OverflowError
    return stored


def _column(values: list[Any], field: pyarrow.Field, problems: dict[int, list[str]]) -> pyarrow.Array:
    """One Arrow column; a value of another type becomes null and a problem of its row."""
    expected, accepts = _EXPECTED[field.type]
    for index, value in enumerate(values):
        if value is not None and not accepts(value):
            problems[index].append(f"{field.name}: expected {expected}, got {_shown(value)}")
            values[index] = None
    try:
        return _stored(values, field.type)
    except (pyarrow.ArrowException, OverflowError, UnicodeError):
        # Right type, but not storable: an integer beyond 2**53, a lone surrogate.
        for index, value in enumerate(values):
            try:
                _stored([value], field.type)
            except (pyarrow.ArrowException, OverflowError, UnicodeError):
                problems[index].append(f"{field.name}: {expected} that cannot be stored, got {_shown(value)}")
                values[index] = None
        return pyarrow.array(values, type=field.type)


def _latest_per_key(records: Sequence[Record], key: tuple[str, ...], day: date) -> list[Record]:
    """The last observation on the day for each key; one of another day never displaces it."""
    latest: dict[object, Record] = {}
    for record in sorted(records, key=lambda record: (record.observed_at.date() == day, record.observed_at)):
        values = [getattr(record, part) for part in key]
        # What is no key (a list, an object) displaces nothing: each is set aside for itself.
        is_key = all(type(value) in {str, int} for value in values)
        latest[tuple(values) if is_key else id(record)] = record
    return list(latest.values())


def _as_dict(record: Record) -> dict[str, Any]:
    # Not `asdict`, which copies values as deep as they are nested.
    return {field.name: getattr(record, field.name) for field in fields(record)}


def validate(
    table: str,
    source: str,
    day: date,
    records: Sequence[Record],
    rejected: Sequence[Rejected] = (),
) -> Validated:
    """Sort records of one partition into valid rows and quarantine.

    Args:
        table: Table name, a key of `TABLES`.
        source: Series the records belong to.
        day: UTC day they were observed on.
        records: What was read; the latest of each key counts.
        rejected: Pieces that are no record; quarantined as they are.

    Returns:
        Valid rows, quarantine, and how many records a later one replaced.
    """
    kept = _latest_per_key(records, TABLES[table].key, day)
    schema = arrow_schema(table)
    problems: dict[int, list[str]] = defaultdict(list)
    columns = []
    for field in schema:
        if field.name == "snapshot_date":
            columns.append(pyarrow.array([day] * len(kept), type=field.type))
        elif field.name == "source":
            columns.append(pyarrow.array([source] * len(kept), type=field.type))
        else:
            columns.append(_column([getattr(record, field.name) for record in kept], field, problems))
    rows = pyarrow.Table.from_arrays(columns, schema=schema)
    for index, reasons in _broken_rules(table, rows, skip=problems).items():
        problems[index].extend(reasons)
    quarantined = [Quarantined(_as_dict(kept[index]), tuple(problems[index])) for index in sorted(problems)]
    quarantined += [Quarantined(piece.raw, (piece.reason,)) for piece in rejected]
    valid = rows.filter(pyarrow.array([index not in problems for index in range(len(kept))], pyarrow.bool_()))
    return Validated(valid, quarantined, len(records) - len(kept))


def _broken_rules(table: str, rows: pyarrow.Table, skip: Mapping[int, object]) -> dict[int, list[str]]:
    """Reasons by row index, for the rows whose types are right."""
    frame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    frame = frame.drop(index=list(skip))
    broken: dict[int, list[str]] = defaultdict(list)
    for case in _failure_cases(table, frame):
        reason = f"{case['column']}: {_words(case['check'])}, got {_shown(case['failure_case'])}"
        if case["schema_context"] == "DataFrameSchema":
            reason = _words(case["check"])
        if reason not in broken[int(case["index"])]:
            broken[int(case["index"])].append(reason)
    return broken


_WORDS = (
    (re.compile(r"greater_than_or_equal_to\((.+)\)"), r"must be at least \1"),
    (re.compile(r"less_than_or_equal_to\((.+)\)"), r"must be at most \1"),
    (re.compile(r"str_length\(None, (.+)\)"), r"must have at most \1 characters"),
    (re.compile(r"str_matches\('(.+)'\)"), r"must have the form \1"),
    (re.compile(r"isin\(\[(.+)\]\)"), r"must be one of \1"),
    (re.compile(r"not_nullable"), r"must not be empty"),
    (re.compile(r"multiple_fields_uniqueness"), r"no other row has the same key"),
    # Ours go by their functions' names: of a check that several models inherit, Pandera forgets a name given
    # to it (`name=`) in all but the first of them that is used.
    (re.compile(r"_no_nul"), r"no NUL character"),
    (
        re.compile(r"_short_texts"),
        f"texts of at most {TEXT_LIMIT:,} characters and {LIST_TEXT_BYTES:,} bytes",
    ),
    (re.compile(r"_short_list"), f"at most {LIST_LIMIT:,} texts"),
    (re.compile(r"_observed_on_its_day"), r"observed_at lies on snapshot_date (UTC)"),
)


def _words(check: object) -> str:
    """A rule as a person would say it; Pandera names it like a function call."""
    for pattern, words in _WORDS:
        if pattern.fullmatch(str(check)):
            return pattern.sub(words, str(check))
    return str(check)


def _failure_cases(table: str, frame: pd.DataFrame) -> list[dict[str, Any]]:
    if frame.empty:
        return []
    try:
        # Whatever PANDERA_VALIDATION_ENABLED and PANDERA_VALIDATION_DEPTH say.
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            MODELS[table].validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases: list[dict[str, Any]] = errors.failure_cases.to_dict("records")
        unplaced = [case for case in cases if pd.isna(case["index"])]
        if unplaced:
            # Rows cannot be blamed for a column that is absent or of another type: that is our fault.
            raise RuntimeError(f"{table} does not fit its own model: {unplaced}") from None
        return cases
    return []


def violations(table: str, rows: pyarrow.Table) -> list[Violation]:
    """Check rows that stand in a table against its model, all rules at once.

    Args:
        table: Table name.
        rows: The rows, with any Arrow types that cast to the model's.

    Returns:
        One entry per broken rule and day, in the order of the days; empty if the contract holds.
    """
    schema = arrow_schema(table)
    frame = rows.select(schema.names).cast(schema).to_pandas(types_mapper=pd.ArrowDtype)
    days = rows.column("snapshot_date")
    by_rule: dict[tuple[date, str], list[dict[str, Any]]] = defaultdict(list)
    for case in _failure_cases(table, frame):
        whole_row = case["schema_context"] == "DataFrameSchema"
        rule = _words(case["check"]) if whole_row else f"{case['column']}: {_words(case['check'])}"
        by_rule[days[int(case["index"])].as_py(), rule].append(case)
    return [
        Violation(day, rule, len({case["index"] for case in cases}))
        for (day, rule), cases in sorted(by_rule.items(), key=lambda entry: entry[0])
    ]
