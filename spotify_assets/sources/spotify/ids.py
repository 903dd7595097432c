"""What people paste when they mean an artist: an id, a URI or a link."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from spotify_assets.sources.protocol import MBID, SPOTIFY_ID

Kind = Literal["artist", "album", "track", "playlist"]
"""What a file may name by an id."""

ID_LENGTH = 22
MISSED = 2
"""Characters that a copied id may have lost or won and still look like one."""
_KINDS = (
    "artist",
    "album",
    "track",
    "playlist",
    "user",
    "show",
    "episode",
    "audiobook",
    "chapter",
    "prerelease",
)
_HOSTS = {"open.spotify.com", "play.spotify.com"}
_LOCALE = re.compile(r"intl-[a-z]{2,3}(-[a-z]{2,4})?", re.IGNORECASE)


# As spreadsheets write a number of many digits, and tables of numbers with gaps a whole one.
_ROUNDED = re.compile(r"[0-9](\.[0-9]+)?[eE]\+[0-9]+")
_WITH_POINT = re.compile(r"([0-9]+)\.0")
_PLAIN = re.compile(rf"{SPOTIFY_ID.pattern}|[0-9]+|{MBID.pattern}|[a-z]+:[^\s,;|]+")


class NotAnArtist(ValueError):
    """The text names something at Spotify, but no artist; the message says what to give instead."""


def is_artist_id(text: str) -> bool:
    """Whether `text` has the form of a Spotify id: 22 letters and digits."""
    return SPOTIFY_ID.fullmatch(text) is not None


def parse_artist_reference(text: str) -> str | None:
    """Find the artist id in what a person typed or pasted.

    Args:
        text: An id, ``spotify:artist:ID``, or a link to the artist's page, with or without scheme,
            language (``/intl-de/``) and tracking parameters.

    Returns:
        The id, or ``None`` when the text is no reference at all and may be a name.

    Raises:
        NotAnArtist: It is a reference to something else (a track, an album …), or a damaged one.
    """
    text = text.strip().strip("<>\"'").strip()
    if is_artist_id(text):
        return text
    if _looks_like_an_id(text):
        raise NotAnArtist(
            f"this looks like a damaged id: an id has {ID_LENGTH} letters and digits, this one has "
            f"{len(text)} characters{_EXAMPLE}"
        )
    parts = _parts(text)
    if parts is None:
        return None
    if len(parts) >= 3 and parts[0] == "user" and parts[2] == "playlist":
        parts = parts[2:]
    kind, ident = [*parts, "", ""][:2]
    if kind not in _KINDS:
        raise NotAnArtist(
            f"this is no link to an artist: open the artist's page, copy its link, and give that{_EXAMPLE}"
        )
    if kind != "artist":
        raise NotAnArtist(
            f"this names {_with_article(kind)}, not an artist: "
            f"open its artist's page and give that link{_EXAMPLE}"
        )
    if not is_artist_id(ident):
        raise NotAnArtist(
            f"this artist reference is damaged: an id has 22 letters and digits, this one has "
            f"{len(ident)} characters{_EXAMPLE}"
        )
    return ident


def _looks_like_an_id(text: str) -> bool:
    """Whether nobody is called so: about as long as an id, and capitals, small letters and digits mixed."""
    return (
        abs(len(text) - ID_LENGTH) <= MISSED
        and re.fullmatch(r"[0-9A-Za-z]+", text) is not None
        and all(re.search(kind, text) for kind in ("[0-9].*[0-9]", "[A-Z]", "[a-z]"))
    )


def plain_id(kind: Kind, text: str) -> str:
    """The id in a URI or link; the text itself where it is neither, for then it is an id already.

    Args:
        kind: What has to be named.
        text: As a file has it: ``spotify:track:ID``, ``https://open.spotify.com/track/ID?si=…``, or an id.

    Raises:
        ValueError: It names something else, or is damaged.
    """
    if _ROUNDED.fullmatch(text):
        raise ValueError(f"{text!r} is no id any more: a spreadsheet made a number of it")
    if (whole := _WITH_POINT.fullmatch(text)) is not None:
        return whole[1]
    if ":" not in text and "/" not in text:
        return text
    try:
        parts = _parts(text.strip())
    except NotAnArtist:  # another service's link
        return text
    if parts is None:
        return text
    if len(parts) >= 3 and parts[0] == "user" and parts[2] == "playlist":
        parts = parts[2:]
    named, ident = [*parts, "", ""][:2]
    if named != kind:
        what = "a local file, which has no id" if named == "local" else _with_article(named or "nothing")
        raise ValueError(f"{text[:80]!r} names {what}, not {_with_article(kind)}")
    if not is_artist_id(ident):
        raise ValueError(f"{text[:80]!r} is damaged: an id has 22 letters and digits")
    return ident


def id_list(text: str) -> list[str] | str:
    """The ids between commas; the text itself where it is anything else."""
    parts = [part.strip() for part in text.split(",")]
    return parts if len(parts) > 1 and all(map(_PLAIN.fullmatch, parts)) else text


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


_EXAMPLE = " (such as https://open.spotify.com/artist/0TnOYISbd1XYRBk9myaseg)"


def _parts(text: str) -> list[str] | None:
    """Kind and id (and what follows) of a URI or link; ``None`` when `text` is neither."""
    if text.lower().startswith("spotify:"):
        return _known_case(text.partition("?")[0].split(":")[1:])
    if "://" not in text and text.lower().partition("/")[0] in _HOSTS:
        text = "https://" + text
    try:
        url = urlsplit(text)
        host = (url.hostname or "").lower()
    except ValueError:
        return None
    if url.scheme not in {"http", "https"}:
        return None
    if host not in _HOSTS:
        raise NotAnArtist(f"this is a link to {host or 'nowhere'}, not to open.spotify.com{_EXAMPLE}")
    parts = [part for part in url.path.split("/") if part]
    while parts and (_LOCALE.fullmatch(parts[0]) or parts[0] == "embed"):
        parts = parts[1:]
    return _known_case(parts)


def _known_case(parts: list[str]) -> list[str]:
    return [parts[0].lower(), *parts[1:]] if parts else []
