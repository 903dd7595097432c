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
from typing import Any

from spotify_assets.sources.base import Entity
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.records import ArtistSnapshot, NewRelease, Parsed, Record, Rejected, TopTrack
from spotify_assets.sources.spotify.dates import parse_release_date

METHOD = "IMPORT"
"""`Exchange.method` of rows that came from a file."""

RECORDS: dict[Entity, type[Record]] = {
    "artists": ArtistSnapshot,
    "top_tracks": TopTrack,
    "new_releases": NewRelease,
}
REQUIRED: dict[Entity, tuple[str, ...]] = {
    "artists": ("artist_id",),
    "top_tracks": ("artist_id", "position"),
    "new_releases": ("album_id",),
}
NOON = time(12, tzinfo=UTC)
"""Time given to an observation of which only the day is known."""

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


def parse_time(text: str) -> datetime:
    """Read a time or a day as written in files.

    Args:
        text: ISO 8601, with ``T`` or a space; without a zone it is read as UTC; a day alone becomes
            12:00 UTC of that day.

    Raises:
        ValueError: The text is neither.
    """
    text = text.strip()
    try:
        return datetime.combine(date.fromisoformat(text), NOON)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _integer(text: str) -> int | str:
    # Left as text when it is no whole number, so that the contract quarantines it with its reason.
    return int(text.split(".", maxsplit=1)[0]) if _WHOLE_NUMBER.fullmatch(text) else text


def _boolean(text: str) -> bool | str:
    return _BOOLEANS.get(text.lower(), text)


def _text_list(text: str) -> object:
    """A list written as JSON, as Python wrote it, or with separators."""
    if not text.startswith("["):
        return [part.strip() for part in re.split(r"[;|]", text) if part.strip()]
    for read in (json.loads, ast.literal_eval):
        try:
            return list(read(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


_INTEGERS = {
    "popularity", "followers", "listeners", "plays", "position", "rank_value", "duration_ms", "total_tracks"
}  # fmt: skip
_READERS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(("genres", "artist_ids", "artist_names"), _text_list),
    "explicit": _boolean,
    "observed_at": parse_time,
}


def _values(entity: Entity, row: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in importable_fields(entity):
        text = row.get(mapping.get(field, ""), "")
        # A name may be empty on purpose; anything else that is empty was not observed.
        if field in mapping and (text.strip() or field == "name"):
            values[field] = _READERS.get(field, str)(text if field == "name" else text.strip())
    return values


def _record(entity: Entity, row: Mapping[str, str], mapping: Mapping[str, str]) -> Record:
    values = _values(entity, row, mapping)
    for field in REQUIRED[entity]:
        if field not in values:
            raise ValueError(f"{field} is empty")
    if entity == "artists":
        values.setdefault("requested_id", values["artist_id"])
    if entity == "top_tracks":
        values.setdefault("market", "US")
    if isinstance(written := values.get("release_date"), str):
        values.setdefault("release_date_text", written)
        values["release_date"], values["release_date_precision"] = parse_release_date(
            written, values.get("release_date_precision")
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
    # Of two imports that say something of the same moment, the later one is the correction.
    for exchange in sorted(imports, key=lambda item: str(item.request.get("imported_at"))):
        mapping = exchange.request["mapping"]
        for row in json.loads(exchange.body):
            try:
                record = _record(entity, row, mapping)  # type: ignore[arg-type]  # landed by ingest.history
            except (ValueError, TypeError) as error:
                parsed.rejected.append(Rejected(row, str(error)))
                continue
            parsed.records.append(record)
            key = str(getattr(record, REQUIRED[entity][0]))
            requested[f"{key}/{record.market}" if isinstance(record, TopTrack) else key] = None
    parsed.requested = list(requested)
    return parsed
