"""Names that columns have in the wild, and which field each may stand for.

A name stands for a field of what the rows are about, never for that of another thing: `popularity` in a file
about tracks is the tracks', `artist_popularity` is nobody's there, and an `id` is an artist's only in a file
about artists.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from spotify_assets.sources.imported.rows import importable_fields
from spotify_assets.sources.imported.values import Rule
from spotify_assets.sources.protocol import Entity

Names = tuple[str, ...]

THINGS: Mapping[Entity, str] = {
    "artists": "artist",
    "top_tracks": "track",
    "new_releases": "album",
    "playlist_tracks": "track",
    "album_tracks": "track",
    "track_details": "track",
    "audio_features": "track",
}
"""What a row is about."""
_ONE_A_ROW = frozenset({"artists", "new_releases", "track_details", "audio_features"})
"""Tables whose key is the thing's id, so that a plain `id` is that; elsewhere it may be anything's."""

_TIMES: tuple[Names, ...] = (
    ("observed_at",),
    ("ts_utc", "timestamp", "datetime", "observed"),
    ("snapshot_date", "date_utc", "date", "day"),
    ("time",),
)
_COMMON: Mapping[str, tuple[Names, ...]] = {
    "followers": (("follower_count", "followers_count", "followers_total", "followers.total"),),
    "genres": (("genre", "artist_genres"),),
    "image_url": (("image", "images.0.url"),),
    "album_name": (("album", "album.name"),),
    "artist_ids": (("artists.id",),),
    "artist_names": (("artists.name", "track_artists", "artists", "artist", "artist_name"),),
    "market": (("country", "country_code", "region"),),
    # Not track_number: that is a track's place on its album.
    "position": (("rank", "place"),),
    "explicit": (("is_explicit",),),
    "duration_ms": (("track_duration_ms",),),
    "album_type": (("album.album_type",),),
    "total_tracks": (("album.total_tracks", "album_total_tracks"),),
    "release_date": (("album.release_date", "album_release_date"),),
    "isrc": (("external_ids.isrc",),),
    "upc": (("external_ids.upc",),),
}
_TITLES: Mapping[str, Names] = {"artist": (), "album": ("title", "album"), "track": ("title", "song")}
_AGAIN = re.compile(r" \(\d+\)$")
_NUMBERED = re.compile(r"(.+)\.\d+")
_TELLING = frozenset("%‰▲▼△")
"""Marks that make another thing of a number, besides those of arithmetic: `Followers %` are no followers."""


def folded(name: str) -> str:
    """A column's name without letter case, blanks and marks that tell nothing.

    Dots stay, as they lead into nested JSON, and what tells a share or a change from the thing itself.
    """
    plain = unicodedata.normalize("NFKC", _AGAIN.sub("", name)).casefold()
    return "".join(
        one
        for one in plain
        if one.isalnum() or one == "." or one in _TELLING or unicodedata.category(one) == "Sm"
    )


def names_of(entity: Entity, field: str) -> tuple[Names, ...]:
    """Names of columns that stand for a field, those that leave the least doubt first."""
    if field == "observed_at":
        return _TIMES
    thing = THINGS[entity]
    if field in {"artist_id", "album_id", "track_id", "playlist_id"}:
        named = field.removesuffix("_id")
        told: list[Names] = [
            (field, f"{named}_spotify_id", f"spotify_{field}"),
            (f"{named}.id",),
            (f"{named}_uri", f"spotify_{named}_uri"),
        ]
        if named == thing and entity in _ONE_A_ROW:
            told += [("spotify_id",), ("id",), ("uri",)]
    elif field == "name":
        told = [(f"{thing}_name", f"{thing}_title"), ("name",), _TITLES[thing]]
    elif field == "popularity":
        told = [(f"{thing}_popularity",), ("popularity",)]
    else:
        told = [(field,), *_COMMON.get(field, ())]
    if entity == "playlist_tracks":  # where Spotify puts what stands at a position of a playlist
        told += [tuple(f"track.{name}" for name in names) for names in told]
    return tuple(names for names in told if names)


def candidates(entity: Entity, field: str, columns: Sequence[str]) -> list[str]:
    """The columns that may hold a field: several where nothing tells which."""
    for names in names_of(entity, field):
        wanted = {folded(name) for name in names}
        if found := [column for column in columns if folded(_first(column, columns)) in wanted]:
            return found
    return []


def _first(column: str, columns: Sequence[str]) -> str:
    """The column of which this is the second or a later one, as some programs name it (`popularity.1`)."""
    again = _NUMBERED.fullmatch(column)
    return again[1] if again is not None and again[1] in columns else column


def rule_for(field: str, column: str) -> Rule:
    """How a field reads that was found by name."""
    # Markets may stand in it by name, or by a code that is not quite one (UK, us).
    if field == "market":
        return {"column": column, "country": True}
    return column


KEYS: Mapping[Entity, frozenset[str]] = {
    "artists": frozenset({"artist_id", "requested_id"}),
    "top_tracks": frozenset({"market", "artist_id", "position", "primary_artist_id"}),
    "new_releases": frozenset({"album_id"}),
    "playlist_tracks": frozenset({"playlist_id", "position", "playlist_name", "market"}),
    "album_tracks": frozenset({"album_id", "disc_number", "track_number"}),
    "track_details": frozenset({"track_id"}),
    "audio_features": frozenset({"track_id"}),
}
"""Fields that say what a row is about, and nothing of it."""


def values_of(entity: Entity) -> list[str]:
    """Fields that say something of what a row is about."""
    about = KEYS[entity] | {"observed_at", "release_date_precision"}
    return [field for field in importable_fields(entity) if field not in about]


def columns_of(rule: Rule) -> list[str]:
    """The columns that a rule reads."""
    if isinstance(rule, str):
        return [rule]
    return [*([rule["column"]] if "column" in rule else []), *rule.get("counted_within", [])]


def not_used(columns: Sequence[str], mappings: Iterable[Mapping[str, Rule]]) -> list[str]:
    """The columns of a file that nothing reads; what is nested within one that is read counts as read."""
    used = {
        _whole(column) for mapping in mappings for rule in mapping.values() for column in columns_of(rule)
    }
    return [
        column
        for column in columns
        if not any(
            _whole(column) == one
            or (_whole(column).startswith(f"{one}.") and not _NUMBERED.fullmatch(_whole(column)))
            for one in used
        )
    ]


def _whole(column: str) -> str:
    """A path without the places in lists: what reads the first of a list's texts knows of all."""
    return re.sub(r"\.\d+(?=\.)", "", column)


def uses(mapping: Mapping[str, Rule], unused: Sequence[str]) -> list[str]:
    """What each column is used for, and which is not, in two lines."""
    columns = ", ".join(f"{field} = {_shown(rule)}" for field, rule in mapping.items())
    return [f"columns: {columns}", f"not used: {', '.join(unused) or 'no column'}"]


def _shown(rule: Rule) -> str:
    if isinstance(rule, str):
        return rule
    if set(rule) == {"value"}:
        return repr(rule["value"])
    if set(rule) == {"column", "country"}:
        return str(rule["column"])
    return json.dumps(rule, ensure_ascii=False)
