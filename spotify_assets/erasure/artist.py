"""Who is to be forgotten: an artist by id and names, and where a text or value means them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote_plus

from spotify_assets.erasure.json_body import Object, load, walk
from spotify_assets.erasure.keys import ids_in
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.lastfm.names import name_of
from spotify_assets.sources.protocol import MBID, SPOTIFY_ID

_UNMISTAKABLE = re.compile(f"{SPOTIFY_ID.pattern}|{MBID.pattern}")
"""Ids of Spotify and MusicBrainz: such a text stands for nothing else. A number or a name may."""


@dataclass(frozen=True)
class Artist:
    """Who is to be forgotten in one series.

    Attributes:
        artist_id: Their id there; for Last.fm, their name as its address writes it.
        names: What they are called, as far as known.
    """

    artist_id: str
    names: frozenset[str] = frozenset()

    @cached_property
    def unmistakable(self) -> bool:
        """Whether the id's text can stand for nothing else."""
        return _UNMISTAKABLE.fullmatch(self.artist_id) is not None

    @cached_property
    def folded(self) -> frozenset[str]:
        """The names, without regard to case."""
        return frozenset(name.casefold() for name in self.names if name.strip())

    @cached_property
    def _id_is_name(self) -> bool:
        return not self.unmistakable and not self.artist_id.isdigit()

    @cached_property
    def _written(self) -> frozenset[str]:
        """An id that is a name, as keys write it and as answers do."""
        return frozenset({self.artist_id.casefold(), name_of(self.artist_id).casefold()})

    def is_id(self, value: object) -> bool:
        """Whether a value is the artist's id."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            return False
        if self._id_is_name:
            return str(value).casefold() in self._written
        return str(value) == self.artist_id

    def is_key(self, value: object) -> bool:
        """Whether a value stands for something asked of the artist, in any of the forms of `keys`."""
        if not isinstance(value, str):
            return False
        return (self.unmistakable and self.artist_id in value) or any(map(self.is_id, ids_in(value)))

    def is_named_in(self, text: str) -> bool:
        """Whether a text holds one of the names as words of its own."""
        folded = text.casefold()
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded) for name in self.folded)

    def may_be_in(self, text: str) -> bool:
        """Whether it is worth looking at a text of a request or response at all."""
        return not self.unmistakable or self.artist_id in text


def mentions(exchange: Exchange, artist: Artist) -> bool:
    """Whether an artist's id stands anywhere in an exchange, as the search after a purge looks for it.

    It knows nothing of keys, answers and what `forget` recognises in them: what that overlooks is found here.
    An id that can stand for something else is looked for where it is said to be an artist's.

    Args:
        exchange: As landed.
        artist: Who; names are not looked for.
    """
    if artist.unmistakable:
        request = json.dumps(dict(exchange.request), ensure_ascii=False)
        return any(artist.artist_id in text for text in (request, exchange.url, exchange.body))
    path, _, query = exchange.url.partition("?")
    steps = re.split(r"/artists?/", path)[1:]
    if any(unquote_plus(step.partition("/")[0]) == artist.artist_id for step in steps):
        return True
    if f"artist={artist.artist_id}" in query.split("&"):
        return True
    fields = ("keys", "key", "artist_id", "requested_id", "artist")
    values = [value for name in fields for value in _texts(exchange.request.get(name))]
    return any(value.partition("/")[0].rpartition(":")[2] == artist.artist_id for value in values)


def _texts(value: object) -> list[str]:
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def learn_names(exchange: Exchange, artist: Artist) -> set[str]:
    """What an exchange calls the artist.

    Args:
        exchange: As landed.
        artist: Whose names; only the id is looked for.
    """
    if not exchange.body or not artist.may_be_in(exchange.body):
        return set()
    try:
        objects = [value for value in walk(load(exchange.body)) if isinstance(value, Object)]
    except (ValueError, RecursionError):
        return set()
    names = [
        found.get("name")
        for found in objects
        if found.get("type") in (None, "artist")
        and any(artist.is_id(found.get(field)) for field in ("id", "artist_id", "requested_id"))
    ]
    return {name for name in names if isinstance(name, str) and name.strip()}
