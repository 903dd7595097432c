"""How a value of a file reads: what a rule says, and what texts mean."""

from __future__ import annotations

import ast
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from spotify_assets.sources.imported.countries import market_code
from spotify_assets.sources.lastfm.names import id_of
from spotify_assets.sources.release_dates import parse_release_date

NOON = time(12, tzinfo=UTC)
"""Time given to an observation of which only the day is known."""

Rule = str | Mapping[str, Any]
"""How a field is read: the name of its column, or that name with what is to be done (see `RULES`)."""
RULES: dict[str, str] = {
    "column": "the column; of nested JSON a path such as followers.total",
    "value": "the same value for every row, instead of a column",
    "pattern": "a regular expression; its first group is the value, and what does not match is set aside",
    "codes": "what each text of the column stands for",
    "country": "true: the name of a market becomes its code (japan: JP), and world becomes none",
    "list": "what separates the parts of a list, '' if the text is one part whatever is in it; JSON and "
    "Python lists are understood without it",
    "format": "how a date or time is written, as for strptime (%d/%m/%Y); several are tried in turn",
    "times": "a factor, such as 1000 for seconds in a column of milliseconds",
    "slug": "true: small letters without accents, with _ between words (South-Korea: south_korea)",
    "prefix": "text put before the value",
    "name_id": "true: an id made of a name, written as in an address (name:Foo+Fighters)",
    "counted_within": "columns; the row's place, from 1, among rows that are alike in them",
}
"""What a rule may say."""

NAME_ID = "name:"
"""Begins ids that are made of names, so that none is ever taken for an upstream's own."""

_WHOLE_NUMBER = re.compile(r"[+-]?\d+(\.0+)?")
# To half of the world this is twelve thousand (12.000), so it is neither.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.000")
_ABSENT = frozenset({"null", "nan", "none", "na", "n/a", "#n/a", "<na>", "nat", "\\n", "-"})
# Seconds or milliseconds.
_SINCE_1970 = re.compile(r"\d{9,}(\.\d+)?")
# A day without hyphens, or with the time of it.
_DAY = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})([T ]\d{2}:\d{2}.*)?$")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_BOOLEANS = {
    "true": True,
    "t": True,
    "yes": True,
    "1": True,
    "false": False,
    "f": False,
    "no": False,
    "0": False,
}


def formats_of(rule: Mapping[str, Any]) -> tuple[str, ...]:
    """Ways to write a date or time that a rule names."""
    written = rule.get("format", ())
    return (written,) if isinstance(written, str) else tuple(written)


def parse_time(text: str, formats: Iterable[str] = ()) -> datetime:
    """Read a time or a day as written in files.

    Args:
        text: ISO 8601, with ``T`` or a space; without a zone it is read as UTC; a day alone becomes
            12:00 UTC of that day.
        formats: Other ways to write it, as for strptime; the first that fits counts.

    Raises:
        ValueError: The text is none of these.
    """
    text = text.strip()
    for written in formats:
        try:
            moment = datetime.strptime(text, written)  # noqa: DTZ007 - given UTC below
        except ValueError:
            continue
        if not re.search(r"%[HIsXc]", written):
            return datetime.combine(moment.date(), NOON)
        return _utc(moment)
    for read in (_day_of, datetime.fromisoformat):
        try:
            if not _SINCE_1970.fullmatch(text):  # some of these read as a time in the year 1712
                return _utc(read(text))
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no day or time such as 2026-03-01 or 2026-03-01T14:50Z")


def _day_of(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), NOON)


def _utc(moment: datetime) -> datetime:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is no time that can be kept") from None


def read_integer(value: object) -> object:
    """A whole number; anything else as it is."""
    # Left as it is when it is no whole number, so that the contract quarantines it with its reason.
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value) and not _THOUSANDS.fullmatch(value):
        try:
            return int(value.split(".", maxsplit=1)[0])
        except ValueError:  # Python refuses to convert thousands of digits
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_number(value: object) -> object:
    """A number; anything else as it is."""
    if not isinstance(value, str) and type(value) is not int:
        return value
    try:
        return float(value)
    except (ValueError, OverflowError):
        return value


def read_boolean(value: object) -> object:
    """True or false; anything else as it is."""
    if type(value) is int:
        value = str(value)
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


def read_text(value: object) -> object:
    """A text; JSON may write it as a number."""
    return str(value) if type(value) is int else value


def is_absent(text: str) -> bool:
    """Whether a text is one of those by which programs write that there is no value."""
    return text.casefold() in _ABSENT


def read_isrc(value: object) -> object:
    """A recording code without hyphens and in capitals, so that a song has one however it is written.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str):
        return value
    code = re.sub(r"[\s-]", "", value).upper()
    if not _ISRC.fullmatch(code):
        raise ValueError(f"{value[:80]!r} is no recording code such as USUM72500001")
    return code


def written_list(text: str) -> list[Any] | None:
    """The list that a text is, as JSON or Python writes it; None of other texts, such as ``[Alexandros]``."""
    if not text.startswith("["):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            parts = list(read(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return [str(part) if type(part) is int else part for part in parts]
    return None


def read_texts(value: object) -> object:
    """A list, also one written as JSON, as Python wrote it, or with separators."""
    if not isinstance(value, str):
        return value
    written = written_list(value)
    if written is None and value.startswith(("['", '["')):
        return value  # a list that was cut off: the contract sets it aside
    return [part.strip() for part in re.split(r"[;|]", value) if part.strip()] if written is None else written


def value_at(row: Mapping[str, Any], column: str) -> Any:
    """What stands in a column, or at a path into nested JSON; a list on the way gives a list."""
    if column in row or "." not in column:
        return row.get(column)
    value: Any = row
    for step in column.split("."):
        if isinstance(value, list) and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        elif isinstance(value, list):
            value = [item.get(step) if isinstance(item, Mapping) else None for item in value]
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def name_id(name: str) -> str:
    """An id for an artist of whom a file tells the name only; never one of an upstream."""
    return NAME_ID + id_of(" ".join(name.split()))


def raw_value(row: Mapping[str, Any], rule: Rule, *, keep_spaces: bool = False) -> Any:
    """What a row says of a field, after the rule's own steps; None where it says nothing.

    Raises:
        ValueError: The value does not have the form that the rule expects.
    """
    if isinstance(rule, str):
        rule = {"column": rule}
    value = rule["value"] if "value" in rule else value_at(row, rule.get("column", ""))
    if isinstance(value, str):
        value = value if keep_spaces else value.strip()
        # A name may be empty on purpose; anything else that is empty was not observed.
        if not keep_spaces and not value:
            return None
        value = _worked(value, rule)
    if value is not None and "times" in rule:
        number = read_number(value)
        if isinstance(number, float) and math.isfinite(number):
            value = round(number * rule["times"])
    return value


def _worked(text: str, rule: Mapping[str, Any]) -> Any:
    if "pattern" in rule:
        found = re.search(rule["pattern"], text)
        if found is None:
            raise ValueError(f"{text[:80]!r} does not have the form {rule['pattern']}")
        text = found[1] if found.re.groups else found[0]
    if "codes" in rule:
        text = {key.casefold(): value for key, value in rule["codes"].items()}.get(text.casefold(), text)
    if rule.get("country"):
        return market_code(text)
    if rule.get("name_id"):
        text = name_id(text)
    if rule.get("slug"):
        plain = (
            unicodedata.normalize("NFKD", text.replace("’", "'")).encode("ascii", "ignore").decode().lower()
        )
        text = re.sub("[^a-z0-9]+", "_", plain).strip("_")
        if not text:
            raise ValueError("no letter of it can stand in an id")
    if "list" in rule:
        return _parts(text, rule["list"])
    return rule.get("prefix", "") + text


def _parts(text: str, separator: str) -> list[Any]:
    if not separator:
        return [text]
    written = written_list(text)
    return [part.strip() for part in text.split(separator) if part.strip()] if written is None else written


def moment_of(row: Mapping[str, Any], rule: Rule) -> datetime:
    """When a row was observed.

    Raises:
        ValueError: It does not say, or in no way that is understood.
    """
    value = raw_value(row, rule)
    if value is None:
        raise ValueError("the time is empty")
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no time")
    return parse_time(value, () if isinstance(rule, str) else formats_of(rule))


def release_day(text: str, rule: Rule, precision: object) -> tuple[date | None, str | None]:
    """A release date as a file writes it, and how exact it is; none where the year is 0.

    Raises:
        ValueError: It cannot be read.
    """
    for written in () if isinstance(rule, str) else formats_of(rule):
        try:
            day = datetime.strptime(text, written).date()  # noqa: DTZ007 - a day, no time
        except ValueError:
            continue
        finest = "day" if "%d" in written else "month" if re.search("%[mbB]", written) else "year"
        text, precision = day.isoformat(), precision or finest
    plain = _DAY.sub(r"\1-\2-\3", text.strip())
    found, exact = parse_release_date(
        plain, precision.casefold() if isinstance(precision, str) else precision
    )
    if found is None and not plain.startswith("0000"):
        raise ValueError(f"{text[:80]!r} is no date such as 2026-03-01, 2026-03 or 2026")
    return found, exact
