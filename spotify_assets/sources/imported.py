"""Past observations that came from a file instead of an upstream.

Belongs here: how a row of a file, landed as it was written, reads as a record. Does not belong here:
opening files or choosing the day (`ingest.history`). The mapping from fields to columns is landed
with the rows, so a replay needs nothing but the lake.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from spotify_assets.sources.base import Entity
from spotify_assets.sources.countries import market_code
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.lastfm.names import id_of
from spotify_assets.sources.records import (
    AlbumTrack,
    ArtistSnapshot,
    AudioFeatures,
    NewRelease,
    Parsed,
    PlaylistTrack,
    Record,
    Rejected,
    TopTrack,
    TrackDetails,
    subject,
)
from spotify_assets.sources.spotify.dates import parse_release_date

METHOD = "IMPORT"
"""`Exchange.method` of rows that came from a file."""

RECORDS: dict[Entity, type[Record]] = {
    "artists": ArtistSnapshot,
    "top_tracks": TopTrack,
    "new_releases": NewRelease,
    "playlist_tracks": PlaylistTrack,
    "album_tracks": AlbumTrack,
    "track_details": TrackDetails,
    "audio_features": AudioFeatures,
}
REQUIRED: dict[Entity, tuple[str, ...]] = {
    "artists": ("artist_id",),
    "top_tracks": ("artist_id", "position"),
    "new_releases": ("album_id",),
    "playlist_tracks": ("playlist_id", "position"),
    "album_tracks": ("album_id", "track_number"),
    "track_details": ("track_id",),
    "audio_features": ("track_id",),
}
NOON = time(12, tzinfo=UTC)
"""Time given to an observation of which only the day is known."""

LISTS: dict[Entity, tuple[str, ...]] = {
    "top_tracks": ("market", "artist_id"),
    "playlist_tracks": ("playlist_id",),
}
"""What makes a list, where rows are positions: of several lists of a day the last one counts, whole."""

Rule = str | Mapping[str, Any]
"""How a field is read: the name of its column, or that name with what is to be done (see `RULES`)."""
RULES: dict[str, str] = {
    "column": "the column; of nested JSON a path such as followers.total",
    "value": "the same value for every row, instead of a column",
    "pattern": "a regular expression; its first group is the value, and what does not match is set aside",
    "codes": "what each text of the column stands for",
    "country": "true: the name of a market becomes its code (japan: JP), and world becomes none",
    "list": "what separates the parts of a list; JSON and Python lists are understood without it",
    "format": "how a date or time is written, as for strptime (%d/%m/%Y); several are tried in turn",
    "times": "a factor, such as 1000 for seconds in a column of milliseconds",
    "prefix": "text put before the value",
    "name_id": "true: an id made of a name, written as in an address (name:Foo+Fighters)",
    "counted_within": "columns; the row's place, from 1, among rows that are alike in them",
}
"""What a rule may say."""

NAME_ID = "name:"
"""Begins ids that are made of names, so that none is ever taken for an upstream's own."""

_WHOLE_NUMBER = re.compile(r"[+-]?\d+(\.0+)?")
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


def importable_fields(entity: Entity) -> tuple[str, ...]:
    """Fields that a column can be mapped to."""
    return tuple(field.name for field in fields(RECORDS[entity]))


def _formats(rule: Mapping[str, Any]) -> tuple[str, ...]:
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
    try:
        return datetime.combine(date.fromisoformat(text), NOON)
    except ValueError:
        return _utc(datetime.fromisoformat(text))


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _integer(value: object) -> object:
    # Left as it is when it is no whole number, so that the contract quarantines it with its reason.
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value.split(".", maxsplit=1)[0])
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number(value: object) -> object:
    if not isinstance(value, str) and type(value) is not int:
        return value
    try:
        return float(value)
    except (ValueError, OverflowError):
        return value


def _boolean(value: object) -> object:
    if type(value) is int:
        value = str(value)
    return _BOOLEANS.get(value.lower(), value) if isinstance(value, str) else value


def _text(value: object) -> object:
    return str(value) if type(value) is int else value


def _text_list(value: object) -> object:
    """A list, also one written as JSON, as Python wrote it, or with separators."""
    if not isinstance(value, str):
        return value
    if not value.startswith("["):
        return [part.strip() for part in re.split(r"[;|]", value) if part.strip()]
    for read in (json.loads, ast.literal_eval):
        try:
            return list(read(value))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return value


_READERS: tuple[tuple[str, Callable[[object], object]], ...] = (
    ("list", _text_list), ("bool", _boolean), ("int", _integer), ("float", _number), ("str", _text),
)  # fmt: skip


@cache
def _readers(entity: Entity) -> dict[str, Callable[[object], object]]:
    """How each field's values read, by the type that its record declares."""
    return {
        field.name: next((read for name, read in _READERS if name in str(field.type)), _text)
        for field in fields(RECORDS[entity])
    }


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
        number = _number(value)
        value = round(number * rule["times"]) if isinstance(number, float) else value
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
    if "list" in rule and not text.startswith("["):
        return [part.strip() for part in text.split(rule["list"]) if part.strip()]
    return rule.get("prefix", "") + text


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
    return parse_time(value, () if isinstance(rule, str) else _formats(rule))


def _values(entity: Entity, row: Mapping[str, Any], mapping: Mapping[str, Rule]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    readers = _readers(entity)
    for field, rule in mapping.items():
        if field not in readers:
            continue
        if field == "observed_at":
            values[field] = moment_of(row, rule)
            continue
        try:
            value = raw_value(row, rule, keep_spaces=field == "name")
        except ValueError as error:
            raise ValueError(f"{field}: {error}") from None
        if value is not None:
            values[field] = readers[field](value)
    return values


def _release_day(text: str, rule: Rule, precision: object) -> tuple[date | None, str | None]:
    for written in () if isinstance(rule, str) else _formats(rule):
        try:
            day = datetime.strptime(text, written).date()  # noqa: DTZ007 - a day, no time
        except ValueError:
            continue
        finest = "day" if "%d" in written else "month" if re.search("%[mbB]", written) else "year"
        text, precision = day.isoformat(), precision or finest
    return parse_release_date(text, precision)


def _record(entity: Entity, row: Mapping[str, Any], mapping: Mapping[str, Rule]) -> Record:
    values = _values(entity, row, mapping)
    for field in REQUIRED[entity]:
        if field not in values:
            raise ValueError(f"{field} is empty")
    if entity == "artists":
        values.setdefault("requested_id", values["artist_id"])
    if entity == "top_tracks":
        values.setdefault("market", "US")
    if entity == "album_tracks":
        values.setdefault("disc_number", 1)
    if isinstance(written := values.get("release_date"), str):
        values.setdefault("release_date_text", written)
        values["release_date"], values["release_date_precision"] = _release_day(
            written, mapping["release_date"], values.get("release_date_precision")
        )
    known = set(importable_fields(entity))
    return RECORDS[entity](**{name: value for name, value in values.items() if name in known})


def parse(entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
    """Read landed rows of files.

    Args:
        entity: What the rows are about.
        exchanges: Imports of one (source, entity, day); others are passed over.

    Returns:
        Records in file order; a row that names no key, or is no row, is rejected whole.
    """
    parsed = Parsed()
    requested: dict[str, None] = {}
    imports = [exchange for exchange in exchanges if exchange.method == METHOD]
    numbered: list[tuple[int, Record]] = []
    # Of two imports that say something of the same moment, the later one is the correction.
    for number, exchange in enumerate(sorted(imports, key=lambda item: str(item.request.get("imported_at")))):
        mapping = exchange.request["mapping"]
        for row in json.loads(exchange.body):
            try:
                record = _record(entity, row, mapping)  # type: ignore[arg-type]  # landed by ingest.history
            except (ValueError, TypeError, OverflowError) as error:
                parsed.rejected.append(Rejected(row, str(error)))
                continue
            numbered.append((number, record))
            requested[subject(record)] = None
    parsed.records = _last_lists(entity, numbered) if entity in LISTS else [record for _, record in numbered]
    parsed.superseded = len(numbered) - len(parsed.records)
    parsed.requested = list(requested)
    return parsed


def _last_lists(entity: Entity, numbered: Iterable[tuple[int, Record]]) -> list[Record]:
    """The records of each list as it was last observed, without what only an earlier observation has.

    A list begins anew when a position comes again at a later moment, or at the same one by a later import:
    the rows of one list need not bear the same second.
    """
    lists: dict[tuple[str, ...], tuple[tuple[datetime, int], dict[object, list[Record]]]] = {}
    for number, record in sorted(numbered, key=lambda item: (item[1].observed_at, item[0])):
        name = tuple(str(getattr(record, part)) for part in LISTS[entity])
        at, position = (record.observed_at, number), str(getattr(record, "position", None))
        began, places = lists.setdefault(name, (at, {}))
        if position in places and at > began:
            lists[name] = at, {position: [record]}
        else:
            places.setdefault(position, []).append(record)
    return [record for _, places in lists.values() for same in places.values() for record in same]
