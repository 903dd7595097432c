"""Song identity once more, written from the wording of the definition and not from the SQL."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]

_SUFFIX = r"\b(?:remaster|remastered|remasterizado|live|feat|ft|featuring)\b"
_PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_{|}~'


def _plain(text: str) -> str:
    """Without apostrophes, punctuation, runs of spaces and the case of ASCII letters; accents in one way."""
    text = unicodedata.normalize("NFC", text)
    lower = "".join(character.lower() if character.isascii() else character for character in text)
    spaced = "".join(" " if character in _PUNCTUATION else character for character in lower)
    return " ".join(word for word in re.split(r"\s+", spaced, flags=re.ASCII) if word)


def plain_title(title: str) -> str:
    """A title without what tells re-uploads apart; itself where nothing would be left."""
    text = re.sub("['’`]", "", title)
    text = re.sub(rf"\s*[(\[][^)\]]*{_SUFFIX}[^)\]]*[)\]]", "", text, flags=re.ASCII | re.IGNORECASE)
    text = re.sub(rf"\s+[-–—]\s+[^-–—]*{_SUFFIX}.*$", "", text, flags=re.ASCII | re.IGNORECASE)
    text = re.sub(r"\s+(?:feat\.?|ft\.|featuring)\s.*$", "", text, flags=re.ASCII | re.IGNORECASE)
    return _plain(text) or title


class Songs:
    """Which song each entry is, learnt from a table in the order of days, lists and positions."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._lengths: dict[tuple[str, str | None, str], list[int]] = {}
        for entry in sorted(rows, key=_followed):
            length = entry["duration_ms"]
            if _isrc(entry) or not title_of(entry) or length is None:
                continue
            lengths = self._lengths.setdefault(_titled(entry), [])
            if not any(abs(length - first) <= 3000 for first in lengths):
                lengths.append(length)

    def __call__(self, entry: Row) -> str | None:
        """What tells the entry's song from others."""
        if isrc := _isrc(entry):
            return f"isrc:{isrc}"
        length, artist = entry["duration_ms"], _artist(entry)
        if title_of(entry):
            key = _titled(entry)
            if length is None:
                return _hashed("title", *key[1:])
            return _hashed("title", *key[1:], next(f for f in self._lengths[key] if abs(length - f) <= 3000))
        return _untitled(entry, artist)


def _followed(entry: Row) -> tuple[Any, ...]:
    listed = (entry["playlist_id"],) if "playlist_id" in entry else (entry["market"], entry["artist_id"])
    return entry["snapshot_date"], *listed, entry["position"]


def _isrc(entry: Row) -> str:
    return re.sub("[^A-Z0-9]", "", (entry["isrc"] or "").upper())


def _artist(entry: Row) -> str | None:
    if "playlist_id" in entry:
        return credited(entry)
    return str(entry["primary_artist_id"] or entry["artist_id"])


def _titled(entry: Row) -> tuple[str, str | None, str]:
    return entry["source"], _artist(entry), plain_title((entry["name"] or "").strip())


def _untitled(entry: Row, artist: str | None) -> str | None:
    length = entry["duration_ms"]
    if entry["track_id"] is not None:
        return f"track:{entry['track_id']}"
    if artist is not None and length is not None:
        return _hashed("untitled", artist, length)
    return None


def _hashed(kind: str, *parts: object) -> str:
    told = "|".join(str(part) for part in parts if part is not None)
    return f"{kind}:{hashlib.md5(told.encode(), usedforsecurity=False).hexdigest()}"


def credited(entry: Row) -> str | None:
    """Whose song an entry of a chart is: the first artist's id, else the first artist's name."""
    if entry["artist_ids"]:
        return str(entry["artist_ids"][0])
    if not entry["artist_names"]:
        return None
    name = entry["artist_names"][0]
    return _plain(re.sub("['’`]", "", name.split(" & ")[0])) or name.strip() or None


def title_of(entry: Row) -> str | None:
    """The title; None where it is empty."""
    return (entry["name"] or "").strip() or None
