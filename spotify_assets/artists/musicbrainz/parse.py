"""What MusicBrainz's answers say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spotify_assets.sources.lastfm.names import id_of, name_of
from spotify_assets.sources.protocol import SPOTIFY_ID

PAGES: Mapping[str, str] = {
    "spotify": "https://open.spotify.com/artist/{}",
    "deezer": "https://www.deezer.com/artist/{}",
    "lastfm": "https://www.last.fm/music/{}",
}
"""How MusicBrainz writes the address of an artist's page, by service."""

_ADDRESSES = {
    "spotify": re.compile(rf"https?://open\.spotify\.com/(?:intl-[a-z-]+/)?artist/({SPOTIFY_ID.pattern})"),
    "deezer": re.compile(r"https?://(?:www\.)?deezer\.com/(?:[a-z]{2}/)?artist/([0-9]+)"),
    "lastfm": re.compile(r"https?://(?:www\.)?last\.fm/(?:[a-z]{2}/)?music/([^/?#]+)"),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An artist that MusicBrainz names.

    Attributes:
        mbid: Its id.
        name: What it is called.
        hint: What tells it from others of the same name; may be empty.
    """

    mbid: str
    name: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Pages:
    """An artist's pages at other services.

    Attributes:
        mbid: The id it has now, another one than was asked for if it was merged; ``None``: not told.
        name: What the artist is called.
        ids: Its ids by service, those no longer in use left out.
    """

    mbid: str | None = None
    name: str | None = None
    ids: Mapping[str, list[str]] = field(default_factory=dict)


def linked_artists(data: Any) -> list[Candidate]:
    """Read the relations of a page: the artists it belongs to now, each once."""
    found = {}
    for relation in _relations(data):
        candidate = _candidate(relation.get("artist"))
        if candidate is not None:
            found[candidate.mbid] = candidate
    return list(found.values())


def linked_by_page(service: str, urls: Sequence[Any]) -> dict[str, list[Candidate]]:
    """Read the answer about many pages: the artists of each, by the id in its address."""
    found: dict[str, list[Candidate]] = {}
    for page in urls:
        address = page.get("resource") if isinstance(page, dict) else None
        match = _ADDRESSES[service].match(address) if isinstance(address, str) else None
        if match is not None:
            ident = _ident(service, match[1])
            known = {one.mbid for one in found.setdefault(ident, [])}
            found[ident] += [one for one in linked_artists(page) if one.mbid not in known]
    return found


def artist_pages(data: Any) -> Pages:
    """Read the relations of an artist: the ids that stand in the addresses of its pages."""
    ids: dict[str, list[str]] = {}
    for relation in _relations(data):
        page = relation.get("url")
        address = page.get("resource") if isinstance(page, dict) else None
        for service, pattern in _ADDRESSES.items():
            match = pattern.match(address) if isinstance(address, str) else None
            if match is not None:
                ident = _ident(service, match[1])
                ids.setdefault(service, [])
                ids[service] += [] if ident in ids[service] else [ident]
    mbid, name = (data.get("id"), data.get("name")) if isinstance(data, dict) else (None, None)
    return Pages(
        mbid=mbid.lower() if isinstance(mbid, str) and mbid else None,
        name=name if isinstance(name, str) and name else None,
        ids=ids,
    )


def found_artists(data: Any) -> list[Candidate]:
    """Read what a search found, in its order."""
    artists = data.get("artists") if isinstance(data, dict) else None
    candidates = map(_candidate, artists if isinstance(artists, list) else [])
    return [candidate for candidate in candidates if candidate is not None]


def _ident(service: str, written: str) -> str:
    return id_of(name_of(written)) if service == "lastfm" else written


def is_page(data: Any) -> bool:
    """Whether this tells of a page, or of several."""
    if not isinstance(data, dict):
        return False
    return isinstance(data.get("urls"), list) or any(isinstance(data.get(n), str) for n in ("id", "resource"))


def is_artist(data: Any) -> bool:
    """Whether this tells of an artist."""
    return isinstance(data, dict) and isinstance(data.get("id"), str)


def is_search(data: Any) -> bool:
    """Whether this tells what a search found, if anything."""
    return isinstance(data, dict) and isinstance(data.get("artists"), list)


def _relations(data: Any) -> list[dict[str, Any]]:
    relations = data.get("relations") if isinstance(data, dict) else None
    return [
        relation
        for relation in (relations if isinstance(relations, list) else [])
        if isinstance(relation, dict) and not relation.get("ended")
    ]


def _candidate(artist: Any) -> Candidate | None:
    mbid = artist.get("id") if isinstance(artist, dict) else None
    if not isinstance(mbid, str) or not mbid:
        return None
    return Candidate(mbid.lower(), str(artist.get("name") or ""), str(artist.get("disambiguation") or ""))
