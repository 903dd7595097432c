"""Past observations that came from a file instead of an upstream.

The mapping from fields to columns is landed with the rows, so a replay needs nothing but the lake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported.values import (
    Rule,
    is_absent,
    moment_of,
    raw_value,
    read_boolean,
    read_integer,
    read_isrc,
    read_number,
    read_text,
    read_texts,
    release_day,
)
from spotify_assets.sources.protocol import Entity
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
from spotify_assets.sources.spotify.ids import Kind, id_list, plain_id

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
LISTS: dict[Entity, tuple[str, ...]] = {
    "top_tracks": ("market", "artist_id"),
    "playlist_tracks": ("playlist_id",),
}
"""What makes a list, where rows are positions: of several lists of a day the last one counts, whole."""
IDS: dict[str, Kind] = {
    "artist_id": "artist",
    "requested_id": "artist",
    "primary_artist_id": "artist",
    "artist_ids": "artist",
    "album_id": "album",
    "track_id": "track",
    "playlist_id": "playlist",
}
"""Fields that hold ids, and of what."""
_WORDS = frozenset({"name", "album_name", "playlist_name", "artist_names", "label", "market"})
"""Fields in which ``NA``, ``None`` … may be meant: as a name, or Namibia."""


def importable_fields(entity: Entity) -> tuple[str, ...]:
    """Fields that a column can be mapped to."""
    return tuple(field.name for field in fields(RECORDS[entity]))


_READERS: tuple[tuple[str, Callable[[object], object]], ...] = (
    ("list", read_texts),
    ("bool", read_boolean),
    ("int", read_integer),
    ("float", read_number),
    ("str", read_text),
)


@cache
def _readers(entity: Entity) -> dict[str, Callable[[object], object]]:
    """How each field's values read, by the type that its record declares."""
    found = {
        field.name: next((read for name, read in _READERS if name in str(field.type)), read_text)
        for field in fields(RECORDS[entity])
    }
    return found | ({"isrc": read_isrc} if "isrc" in found else {})


def _values(entity: Entity, row: Mapping[str, Any], mapping: Mapping[str, Rule]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    readers = _readers(entity)
    for field, rule in mapping.items():
        if field not in readers:
            continue
        if field == "observed_at":
            values[field] = moment_of(row, rule)
            continue
        value = _value(field, row, rule, readers[field])
        if value is not None:
            values[field] = value
    return values


def _value(
    field: str, row: Mapping[str, Any], rule: Rule, read: Callable[[object], object] = read_text
) -> Any:
    try:
        value = raw_value(row, rule, keep_spaces=field == "name")
        if field not in _WORDS and isinstance(value, str) and is_absent(value):
            return None
        if field == "artist_ids" and isinstance(value, str):
            value = id_list(value)
        value = None if value is None else read(value)
        if field not in IDS:
            return value
        if isinstance(value, list):
            return [plain_id(IDS[field], one) if isinstance(one, str) else one for one in value]
        return plain_id(IDS[field], value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


def ids_of(entity: Entity, row: Mapping[str, Any], mapping: Mapping[str, Rule]) -> list[tuple[Kind, str]]:
    """The ids in a row, and of what they are; without those that are set aside."""
    found: list[tuple[Kind, str]] = []
    for field in IDS.keys() & mapping.keys():
        try:
            value = _value(field, row, mapping[field], _readers(entity).get(field, read_text))
        except ValueError:
            continue
        found += [
            (IDS[field], one)
            for one in (value if isinstance(value, list) else [value])
            if isinstance(one, str)
        ]
    return found


def _record(entity: Entity, row: Mapping[str, Any], mapping: Mapping[str, Rule]) -> Record:
    values = _values(entity, row, mapping)
    for field in (
        *REQUIRED[entity],
        *(("market",) if entity == "top_tracks" and "market" in mapping else ()),
    ):
        if field not in values:
            raise ValueError(f"{field} is empty")
    if entity == "artists":
        values.setdefault("requested_id", values["artist_id"])
    if entity == "top_tracks" and "market" not in mapping:
        values["market"] = "US"
    if entity == "album_tracks":
        values.setdefault("disc_number", 1)
    if isinstance(written := values.get("release_date"), str):
        values.setdefault("release_date_text", written)
        try:
            values["release_date"], values["release_date_precision"] = release_day(
                written, mapping["release_date"], values.get("release_date_precision")
            )
        except ValueError as error:
            raise ValueError(f"release_date: {error}") from None
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
