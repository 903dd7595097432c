"""Objects of the Web API as plain dictionaries.

Fields are those of Spotify's published reference; addresses point to names that cannot resolve, so that
nobody is led to the real service with an invented id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

API = "https://api.example.invalid/v1"
OPEN = "https://open.example.invalid"
IMAGES = "https://images.example.invalid"
MARKETS = ("CA", "DE", "GB", "JP", "SE", "US")

# What apps in development mode do not get inside a 200 (Web API changes of February 2026).
_DROPPED: Mapping[str, frozenset[str]] = {
    "artist": frozenset({"popularity", "followers", "genres"}),
    "album": frozenset({"popularity", "label", "available_markets", "album_group"}),
    "track": frozenset({"popularity", "available_markets", "linked_from"}),
    "playlist": frozenset({"tracks"}),
    "row": frozenset({"track"}),
    "user": frozenset({"country", "email", "explicit_content", "followers", "product"}),
}


def for_development(node: Any) -> Any:
    """Return a copy of an answer without the fields that development mode drops."""
    if isinstance(node, list):
        return [for_development(item) for item in node]
    if isinstance(node, dict):
        kind = node.get("type")
        dropped = _DROPPED["row"] if "added_by" in node else _DROPPED.get(str(kind), frozenset())
        return {name: for_development(value) for name, value in node.items() if name not in dropped}
    return node


def _identity(kind: str, ident: str) -> Json:
    return {
        "external_urls": {"spotify": f"{OPEN}/{kind}/{ident}"},
        "href": f"{API}/{kind}s/{ident}",
        "id": ident,
        "type": kind,
        "uri": f"spotify:{kind}:{ident}",
    }


def images(ident: str, sizes: Sequence[int | None]) -> list[Json]:
    """Return image objects; a size of None is an image without height and width."""
    return [
        {"url": f"{IMAGES}/{ident}/{size or 'full'}.jpg", "height": size, "width": size} for size in sizes
    ]


def simple_artist(ident: str, name: str) -> Json:
    """Return a simplified artist, as within albums and tracks."""
    return {**_identity("artist", ident), "name": name}


def full_artist(
    ident: str, name: str, *, popularity: Any, followers: Any, genres: list[str], pictures: list[Json]
) -> Json:
    """Return an artist: popularity is an index 0 to 100, followers a number of people or None."""
    return {
        **_identity("artist", ident),
        "followers": {"href": None, "total": followers},
        "genres": genres,
        "images": pictures,
        "name": name,
        "popularity": popularity,
    }


def simple_album(
    ident: str,
    name: str,
    *,
    album_type: str,
    artists: list[Json],
    markets: list[str],
    pictures: list[Json],
    release_date: str,
    precision: str,
    total_tracks: int,
) -> Json:
    """Return a simplified album, as within tracks and lists."""
    return {
        "album_type": album_type,
        "artists": artists,
        "available_markets": markets,
        **_identity("album", ident),
        "images": pictures,
        "name": name,
        "release_date": release_date,
        "release_date_precision": precision,
        "total_tracks": total_tracks,
    }


def full_album(simple: Json, *, tracks: Json, label: str, year: str, upc: str, popularity: Any) -> Json:
    """Return an album with its first page of tracks; popularity is an index 0 to 100."""
    return {
        **simple,
        "tracks": tracks,
        "copyrights": [{"text": f"{year} {label}", "type": "C"}, {"text": f"{year} {label}", "type": "P"}],
        "external_ids": {"upc": upc},
        "genres": [],
        "label": label,
        "popularity": popularity,
    }


def simple_track(
    ident: str,
    name: str | None,
    *,
    artists: list[Json],
    markets: list[str],
    number: int,
    duration_ms: int,
    explicit: bool,
) -> Json:
    """Return a simplified track, as within albums; `duration_ms` in milliseconds."""
    return {
        "artists": artists,
        "available_markets": markets,
        "disc_number": 1,
        "duration_ms": duration_ms,
        "explicit": explicit,
        **_identity("track", ident),
        "is_local": False,
        "name": name,
        "preview_url": None,
        "track_number": number,
    }


def full_track(simple: Json, *, album: Json, isrc: str, popularity: Any) -> Json:
    """Return a track; popularity is an index 0 to 100."""
    return {"album": album, **simple, "external_ids": {"isrc": isrc}, "popularity": popularity}


def playable(node: Json) -> Json:
    """Return a track or album as answered where a market was asked for."""
    extra: Json = {"is_playable": True}
    if isinstance(node.get("album"), dict):
        extra["album"] = {**node["album"], "is_playable": True}
    return {**node, **extra}


def page(href: str, items: list[Any], *, limit: int, offset: int, total: int, query: str = "") -> Json:
    """Return a page of a list.

    Args:
        href: Address of the list without query.
        items: What is on this page.
        limit: Items asked for.
        offset: Items before this page.
        total: Items in the whole list.
        query: Rest of the query to keep in links, such as ``&market=US``.
    """

    def link(start: int) -> str:
        return f"{href}?offset={start}&limit={limit}{query}"

    return {
        "href": link(offset),
        "items": items,
        "limit": limit,
        "next": link(offset + limit) if offset + limit < total else None,
        "offset": offset,
        "previous": link(max(0, offset - limit)) if offset else None,
        "total": total,
    }


def audio_features(ident: str, duration_ms: int, values: Json) -> Json:
    """Return the audio features of a track."""
    return {
        **values,
        "type": "audio_features",
        "id": ident,
        "uri": f"spotify:track:{ident}",
        "track_href": f"{API}/tracks/{ident}",
        "analysis_url": f"{API}/audio-analysis/{ident}",
        "duration_ms": duration_ms,
    }


def playlist(ident: str, name: str, description: str, *, tracks: Json, snapshot: str) -> Json:
    """Return a playlist of the simulator with its first page of rows, under the old name and the new."""
    return {
        "collaborative": False,
        "description": description,
        **_identity("playlist", ident),
        "followers": {"href": None, "total": 0},
        "images": images(ident, (None,)),
        "name": name,
        "owner": {**_owner(), "display_name": "Simulator"},
        "primary_color": None,
        "public": True,
        "snapshot_id": snapshot,
        "tracks": tracks,
        "items": tracks,
    }


def playlist_row(track: Json, added_at: str) -> Json:
    """Return a row of a playlist, with its track under the old name and the new."""
    row = {**track, "episode": False, "track": True}
    return {
        "added_at": added_at,
        "added_by": _owner(),
        "is_local": False,
        "primary_color": None,
        "track": row,
        "item": row,
        "video_thumbnail": {"url": None},
    }


def person(name: str, *, email: bool, private: bool) -> Json:
    """Return the profile of a signed-in person; some fields need a scope of their own."""
    shown: Json = {
        "account_id": f"simulated-{name}",
        "display_name": f"{name} (simulated)",
        **_identity("user", name),
        "uri": f"spotify:user:{name}",
        "followers": {"href": None, "total": 0},
        "images": [],
    }
    if private:
        shown |= {
            "country": "SE",
            "product": "premium",
            "explicit_content": {"filter_enabled": False, "filter_locked": False},
        }
    return {**shown, "email": f"{name}@example.invalid"} if email else shown


def _owner() -> Json:
    return {
        "external_urls": {"spotify": f"{OPEN}/user/simulator"},
        "href": f"{API}/users/simulator",
        "id": "simulator",
        "type": "user",
        "uri": "spotify:user:simulator",
    }
