"""What people paste when they mean an artist, of whichever service.

Spotify's stand in `spotify.ids`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_plus, urlsplit

from spotify_assets.sources.lastfm.names import id_of
from spotify_assets.sources.protocol import MBID
from spotify_assets.sources.spotify.ids import NotAnArtist, parse_artist_reference

Service = Literal["spotify", "deezer", "musicbrainz", "lastfm"]

_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_EXAMPLES = {
    "deezer": "such as https://www.deezer.com/artist/27",
    "musicbrainz": "such as https://musicbrainz.org/artist/056e4f3e-d505-4dad-8ec1-d04f521cbb56",
    "lastfm": "such as https://www.last.fm/music/Daft+Punk",
}
_HOSTS: dict[str, Service] = {
    "deezer.com": "deezer",
    "link.deezer.com": "deezer",
    "deezer.page.link": "deezer",
    "musicbrainz.org": "musicbrainz",
    "beta.musicbrainz.org": "musicbrainz",
    "listenbrainz.org": "musicbrainz",
    "last.fm": "lastfm",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """An artist's id at a service."""

    service: Service
    artist_id: str


def is_id_of(service: Service, text: str) -> bool:
    """Whether `text` has the form of an artist id of an open service; any name is one of Last.fm."""
    if service == "lastfm":
        return bool(text)
    return (_NUMBER if service == "deezer" else MBID).fullmatch(text) is not None


def parse_reference(text: str) -> Reference | None:
    """Find the artist in what a person typed or pasted.

    Args:
        text: A Spotify id, URI or link; ``deezer:ID`` or a link to Deezer; an MBID, or a link to
            MusicBrainz or ListenBrainz; a link to Last.fm.

    Returns:
        The artist, or ``None`` when the text is no reference at all and may be a name.

    Raises:
        NotAnArtist: It is a reference to something else, or a damaged one.
    """
    text = text.strip().strip("<>\"'").strip()
    if is_id_of("musicbrainz", text.lower()):
        return Reference("musicbrainz", text.lower())
    prefix, colon, rest = text.partition(":")
    if colon and prefix.lower() in {"deezer", "musicbrainz"}:
        service: Service = "deezer" if prefix.lower() == "deezer" else "musicbrainz"
        return _checked(service, ["artist", rest.removeprefix("artist:")])
    found = _link(text)
    if found is not None:
        return _checked(*found)
    if _looks_like_an_mbid(text):
        example = _EXAMPLES["musicbrainz"]
        raise NotAnArtist(f"this looks like a damaged MusicBrainz id: give an artist's link ({example})")
    spotify_id = parse_artist_reference(text)
    return None if spotify_id is None else Reference("spotify", spotify_id)


def _looks_like_an_mbid(text: str) -> bool:
    """Whether nobody is called so: hexadecimal digits and hyphens, about as many as an MBID has."""
    return re.fullmatch(r"[0-9A-Fa-f-]{30,42}", text) is not None and text.count("-") >= 3


def _link(text: str) -> tuple[Service, list[str]] | None:
    """The service that a link leads to and the parts of its path; None for other links and other texts."""
    if "://" not in text and text.lower().partition("/")[0].removeprefix("www.") in _HOSTS:
        text = "https://" + text
    try:
        url = urlsplit(text)
        host = (url.hostname or "").lower().removeprefix("www.")
    except ValueError:
        return None
    if url.scheme not in {"http", "https"} or host not in _HOSTS:
        return None
    parts = [part for part in url.path.split("/") if part]
    while parts and re.fullmatch(r"[a-z]{2}(-[a-z]{2})?", parts[0]):  # the page's language
        parts = parts[1:]
    return _HOSTS[host], parts


def _checked(service: Service, parts: list[str]) -> Reference:
    kind, ident = [*parts, "", ""][:2]
    if service == "lastfm":
        # /music/NAME is an artist's page, and so is /music/NAME/+wiki; /music/NAME/ALBUM is none.
        name = unquote_plus(ident).strip()
        ends = len(parts) < 3 or parts[2].startswith("+")
        kind, ident = ("artist", id_of(name)) if kind == "music" and ends and name[:1] != "+" else ("", "")
    if kind != "artist":
        raise NotAnArtist(
            f"this link leads to {service} and to no artist: open the artist's page and give its address "
            f"({_EXAMPLES[service]})"
        )
    if service == "lastfm" and ident:
        return Reference(service, ident)
    if not is_id_of(service, ident.lower()):
        raise NotAnArtist(
            f"this {service} reference is damaged: give an artist's link ({_EXAMPLES[service]})"
        )
    return Reference(service, ident.lower())
