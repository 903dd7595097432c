"""Taking one artist out of a landed exchange: the body's JSON is loaded, loses their items and is dumped.

An exchange that does not name the artist stays as it is, byte for byte; a rewritten one bears ``purged``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from spotify_assets.erasure.artist import Artist
from spotify_assets.erasure.json_body import Object, dump, load, walk
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows

_PERFORMERS = {"artists", "contributors", "artist_mbids", "artist_ids", "artist-credit", "artist_credit"}
_OWN_NAME = {"id", "name", "title", "uri", "release_mbid", "recording_mbid", "release_group_mbid"}
_ARTIST_FIELDS = {"artist_id", "artist_mbid", "requested_id", "primary_artist_id"}
_SUBJECTS = {"artist_id", "artist", "artist_mbid", "mbid", "requested_id", "id", "key", "name"}
_OF_WORKS = {"artist", "artists", "album", "duration", "id"}
_MARK = "purged"


def forget(
    exchange: Exchange, artist: Artist, at: datetime, works: set[str] | None = None
) -> Exchange | None:
    """Take an artist out of an exchange, so that the rest reads as if they had never been asked for.

    An album or track is the artist's if nobody else is named as its artist; of one with several, only the
    artist's own entry goes, unless its texts name the artist as well. In a list of top tracks a place is left
    empty rather than closed up, because the place says something about the others.

    Args:
        exchange: As landed.
        artist: Who.
        at: When, for the mark that the exchange bears afterwards.
        works: Gets the ids of albums and tracks that go whole out of what stays.

    Returns:
        The very same exchange if nothing in it is about the artist, ``None`` if everything is, otherwise one
        without the artist, marked ``purged`` in its request.
    """
    asked = json.dumps(dict(exchange.request), ensure_ascii=False)
    if not any(map(artist.may_be_in, (asked, exchange.url, exchange.body))):
        return exchange
    if _is_subject(artist, exchange):
        return None
    request, emptied = _without(artist, exchange.request)
    body, gone_places = exchange.body, []
    was_asked = request != dict(exchange.request)
    if exchange.body and (was_asked or artist.may_be_in(exchange.body)):
        old = _Body(artist, exchange, works)
        rewritten = old.without_rows(body) if exchange.method == rows.METHOD else old.without_artist(body)
        if rewritten is None:
            return None
        body, gone_places = rewritten, old.root_places
    request = _unmentioned(artist, _without_places(request, exchange.request, gone_places))
    if emptied or (
        any(not value for value in request.values() if isinstance(value, list)) and body != exchange.body
    ):
        return None
    url = _url_without(artist, exchange.url, _removed_ids(exchange.request, request))
    if (body, url, request) == (exchange.body, exchange.url, dict(exchange.request)):
        return exchange
    return replace(exchange, url=url, body=body, request={**request, _MARK: at.isoformat()})


def _is_subject(artist: Artist, exchange: Exchange) -> bool:
    """Whether the exchange was about the artist and nobody else."""
    for name, value in exchange.request.items():
        if name in _SUBJECTS and (artist.is_key(value) or artist.is_id(value)):
            return True
    searched = exchange.request.get("name")
    if exchange.entity == "identities" and isinstance(searched, str) and searched.casefold() in artist.folded:
        return True
    path, _, query = exchange.url.partition("?")
    steps = [unquote_plus(step) for step in path.split("/")]
    for before, step in zip(["", *steps], steps, strict=False):
        if artist.is_id(step) and (artist.unmistakable or before in {"artist", "artists"}):
            return True
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        value = unquote_plus(value)
        if name == "artist" and artist.is_id(value):
            return True
        if name == "resource" and value.endswith(f"/artist/{artist.artist_id}"):
            return True
    return False


def _without(artist: Artist, request: Mapping[str, object]) -> tuple[dict[str, object], bool]:
    """The request without the artist's keys, and whether nothing is asked any more."""
    changed = dict(request)
    for name, value in request.items():
        if isinstance(value, list) and any(map(artist.is_key, value)):
            changed[name] = [item for item in value if not artist.is_key(item)]
            if not changed[name]:
                return changed, True
    return changed, False


def _without_places(
    request: dict[str, object], asked: Mapping[str, object], gone: Iterable[int]
) -> dict[str, object]:
    """The request without what answers at `gone` were about: an album is asked for by its own id."""
    ids = asked.get("ids")
    if not isinstance(ids, list) or request.get("ids") != ids:
        return request
    going = set(gone)
    return {**request, "ids": [item for place, item in enumerate(ids) if place not in going]}


def _unmentioned(artist: Artist, request: dict[str, object]) -> dict[str, object]:
    """The request with the id out of what stays, such as a reason that quotes it."""
    if not artist.unmistakable or artist.artist_id not in (text := json.dumps(request)):
        return request
    return dict(json.loads(text.replace(artist.artist_id, _MARK)))


def _removed_ids(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    removed: set[str] = set()
    for name, value in before.items():
        if isinstance(value, list) and isinstance(left := after.get(name), list):
            removed |= {str(item) for item in value} - {str(item) for item in left}
    return removed


def _url_without(artist: Artist, url: str, removed: set[str]) -> str:
    """The address without ids that are not asked for any more."""
    path, mark, query = url.partition("?")
    pairs = []
    for pair in query.split("&") if mark else []:
        name, equals, value = pair.partition("=")
        comma = "%2C" if "%2C" in value else ","
        items = value.split(comma)
        kept = [item for item in items if unquote_plus(item) not in removed]
        pairs.append(f"{name}{equals}{comma.join(kept)}" if len(items) > 1 else pair)
    url = f"{path}{mark}{'&'.join(pairs)}"
    return url.replace(artist.artist_id, _MARK) if artist.unmistakable else url


class _Body:
    """One body that an artist is taken out of.

    Attributes:
        root_places: Places that were cut out of the answer's own list, whose order is that of what was asked.
    """

    def __init__(self, artist: Artist, exchange: Exchange, works: set[str] | None) -> None:
        self._artist = artist
        self._ordered = exchange.entity == "top_tracks"
        # An answer about who is who has rows of ids and names, in which no field says whose they are.
        self._rows_of_ids = exchange.entity == "identities"
        ids = exchange.request.get("ids")
        self._asked: list[object] = ids if isinstance(ids, list) else []
        self._gone: list[tuple[list[Any], list[int]]] = []
        self._works = works
        self.root_places: list[int] = []

    def without_artist(self, text: str) -> str | None:
        """The body without the artist; ``None`` if it is all about them. An unreadable one becomes empty."""
        try:
            root = load(text)
            gone = (
                self._cut(root, "", None, root=True)
                if isinstance(root, list)
                else self._is_gone(root, root=True)
            )
            return None if gone else self._rewritten(text, root)
        except (ValueError, RecursionError):
            named = self._artist.is_named_in(text)
            return "" if named or (self._artist.unmistakable and self._artist.may_be_in(text)) else text

    def without_rows(self, text: str) -> str | None:
        """Rows of a file without those about the artist; ``None`` if none is left."""
        rows = load(text)
        gone = [place for place, row in enumerate(rows) if any(map(self._in_cell, walk(row)))]
        if gone and len(gone) == len(rows):
            return None
        if gone:
            self._gone.append((rows, gone))
        return self._rewritten(text, rows)

    def _rewritten(self, text: str, root: Any) -> str:
        for items, gone in self._gone:
            for place in reversed(gone):
                if self._ordered:
                    items[place] = Object([(_MARK, True)]) if isinstance(items[place], Object) else None
                else:
                    del items[place]
        text = dump(root) if self._gone else text
        # What is left is no object of theirs but a mention, as in an error message.
        return text.replace(self._artist.artist_id, _MARK) if self._artist.unmistakable else text

    def _in_cell(self, cell: object) -> bool:
        if type(cell) is int:  # a number of JSON lines
            cell = str(cell)
        if not isinstance(cell, str):
            return False
        if self._artist.unmistakable:
            return self._artist.artist_id in cell
        return any(self._artist.is_id(part.strip(" \"'[]")) for part in re.split(r"[;|,]", cell))

    def _is_gone(self, value: Any, *, root: bool = False) -> bool:
        """Whether an object is about the artist; if not, what in it is has been noted."""
        if not isinstance(value, Object):
            return False
        if self._is_artist(value):
            return True
        partly = False
        for name, child in value.fields:
            if isinstance(child, Object):
                if self._is_gone(child):
                    return True
            elif isinstance(child, list):
                if self._cut(child, name, value, root=root):
                    return True
                partly = partly or (name in _PERFORMERS and self._holds(child))
            elif name in _ARTIST_FIELDS and self._artist.is_id(child):
                return True
        return partly and self._is_named_beside(value)

    def _is_artist(self, value: Object) -> bool:
        if self._artist.is_id(value.get("id")):
            return self._artist.unmistakable or value.get("type") in (None, "artist")
        is_name = not self._artist.unmistakable and not self._artist.artist_id.isdigit()
        names = {name for name, _ in value.fields}
        return is_name and self._artist.is_id(value.get("name")) and names.isdisjoint(_OF_WORKS)

    def _holds(self, items: list[Any]) -> bool:
        """Whether a list of performers names the artist."""
        return any(
            self._artist.is_id(item) or (isinstance(item, Object) and self._is_artist(item)) for item in items
        )

    def _cut(self, items: list[Any], name: str, owner: Object | None, *, root: bool = False) -> bool:
        """Note what goes from a list; whether that takes the list's owner with it."""
        gone = [
            place
            for place, item in enumerate(items)
            if self._is_element_gone(item, name) or (root and self._answers(place, items))
        ]
        if not gone:
            return False
        is_work = owner is not None and any(field in _OWN_NAME for field, _ in owner.fields)
        if name in _PERFORMERS and is_work and len(gone) == len(items):
            return True
        self._note_works([items[place] for place in gone])
        self._gone.append((items, gone))
        if root and not self._ordered:
            self.root_places += gone
        return False

    def _answers(self, place: int, items: list[Any]) -> bool:
        """Whether an element answers the question for the artist by its place alone: null, or another id."""
        if len(items) != len(self._asked) or not self._artist.is_id(self._asked[place]):
            return False
        by_id = [isinstance(item, Object) and item.get("id") in self._asked for item in items]
        return any(by_id) and not by_id[place]

    def _note_works(self, gone: Iterable[Any]) -> None:
        objects = [item for item in gone if isinstance(item, Object) and not self._is_artist(item)]
        if self._works is not None:
            self._works.update(str(item.get("id")) for item in objects if item.get("id") is not None)

    def _is_element_gone(self, item: Any, name: str) -> bool:
        if isinstance(item, Object):
            return self._is_gone(item) or (self._rows_of_ids and self._points_at_artist(item))
        if isinstance(item, list):
            return self._cut(item, name, None)
        return name in _PERFORMERS and self._artist.is_id(item)

    def _points_at_artist(self, item: Object) -> bool:
        ident = self._artist.artist_id
        texts = [value for value in walk(item) if isinstance(value, str)]
        return any(text == ident or text.endswith(f"/artist/{ident}") for text in texts)

    def _is_named_beside(self, value: Object) -> bool:
        """Whether the texts of an album or track name the artist, outside of the artist's own entry."""
        return any(
            isinstance(inner, str) and self._artist.is_named_in(inner)
            for name, child in value.fields
            if name not in _PERFORMERS
            for inner in walk(child)
        )
