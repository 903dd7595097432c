"""Taking one artist out of a landed exchange, and leaving everything else of it as it was.

An exchange about the artist alone is dropped. In one about several, the artist's objects are cut out of the
body and the artist's id out of what was asked, so that the rest reads as if the artist had never been asked
for. An album or track is the artist's if nobody else is named as its artist; of one with several, only the
artist's own entry goes, unless its texts name the artist as well. In a list of top tracks a place is left
empty rather than closed up, because the place says something about the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import unquote_plus

from spotify_assets.erasure.artist import Artist
from spotify_assets.erasure.json_cut import Cuts, Node, NotCuttable, read
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows

_PERFORMERS = {"artists", "contributors", "artist_mbids", "artist_ids", "artist-credit", "artist_credit"}
_OWN_NAME = {"id", "name", "title", "uri", "release_mbid", "recording_mbid", "release_group_mbid"}
_ARTIST_FIELDS = {"artist_id", "artist_mbid", "requested_id", "primary_artist_id"}
_SUBJECTS = {"artist_id", "artist", "artist_mbid", "mbid", "requested_id", "id", "key", "name"}
_EMPTY_PLACE = '{"purged":true}'


def forget(
    exchange: Exchange, artist: Artist, at: datetime, works: set[str] | None = None
) -> Exchange | None:
    """Take an artist out of an exchange.

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
        surgeon = _Surgeon(artist, exchange, works)
        rewritten = surgeon.rows(exchange.body) if exchange.method == rows.METHOD else surgeon.body(body)
        if rewritten is None:
            return None
        body, gone_places = rewritten, surgeon.root_places
    request = _unmentioned(artist, _without_places(request, exchange.request, gone_places))
    if emptied or (
        any(not value for value in request.values() if isinstance(value, list)) and body != exchange.body
    ):
        return None
    url = _url_without(artist, exchange.url, _removed_ids(exchange.request, request))
    if (body, url, request) == (exchange.body, exchange.url, dict(exchange.request)):
        return exchange
    return replace(exchange, url=url, body=body, request={**request, "purged": at.isoformat()})


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
    return dict(json.loads(text.replace(artist.artist_id, "purged")))


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
    return url.replace(artist.artist_id, "purged") if artist.unmistakable else url


class _Surgeon:
    """Cuts an artist out of one body.

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
        self._cuts = Cuts()
        self._works = works
        self.root_places: list[int] = []

    def body(self, text: str) -> str | None:
        """The body without the artist; ``None`` if it is all about them. An unreadable one becomes empty."""
        try:
            root = read(text)
        except NotCuttable:
            named = self._artist.is_named_in(text)
            return "" if named or (self._artist.unmistakable and self._artist.may_be_in(text)) else text
        if self._is_gone(root, root=True) if root.items is None else self._cut(root, "", None, root=True):
            return None
        return self._unmentioned(self._cuts.apply(text))

    def _unmentioned(self, text: str) -> str:
        # What is left is no object of theirs but a mention, as in an error message.
        return text.replace(self._artist.artist_id, "purged") if self._artist.unmistakable else text

    def rows(self, text: str) -> str | None:
        """Rows of a file without those about the artist; ``None`` if none is left."""
        root = read(text)
        items = root.items or []
        gone = [
            place for place, row in enumerate(items) if any(self._in_cell(cell.value) for cell in row.walk())
        ]
        if gone and len(gone) == len(items):
            return None
        self._cuts.remove(root, gone)
        return self._unmentioned(self._cuts.apply(text))

    def _in_cell(self, cell: object) -> bool:
        if type(cell) is int:  # a number of JSON lines
            cell = str(cell)
        if not isinstance(cell, str):
            return False
        if self._artist.unmistakable:
            return self._artist.artist_id in cell
        return any(self._artist.is_id(part.strip(" \"'[]")) for part in re.split(r"[;|,]", cell))

    def _is_gone(self, node: Node, *, root: bool = False) -> bool:
        """Whether an object is about the artist; if not, what in it is has been marked."""
        if self._is_artist(node):
            return True
        partly = False
        for name, child in node.fields or ():
            if child.fields is not None:
                if self._is_gone(child):
                    return True
            elif child.items is not None:
                if self._cut(child, name, node, root=root):
                    return True
                partly = partly or (name in _PERFORMERS and self._holds(child))
            elif name in _ARTIST_FIELDS and self._artist.is_id(child.value):
                return True
        return partly and self._is_named_beside(node)

    def _is_artist(self, node: Node) -> bool:
        ident, kind = node.get("id"), node.get("type")
        if ident is not None and self._artist.is_id(ident.value):
            return self._artist.unmistakable or kind is None or kind.value == "artist"
        name = node.get("name")
        is_name = not self._artist.unmistakable and not self._artist.artist_id.isdigit()
        works = ("artist", "artists", "album", "duration", "id")
        return (
            is_name
            and name is not None
            and self._artist.is_id(name.value)
            and all(node.get(field) is None for field in works)
        )

    def _holds(self, items: Node) -> bool:
        """Whether a list of performers names the artist."""
        return any(
            self._artist.is_id(item.value) or (item.fields is not None and self._is_artist(item))
            for item in items.items or ()
        )

    def _cut(self, node: Node, name: str, owner: Node | None, *, root: bool = False) -> bool:
        """Mark what is gone in a list; whether that takes the list's owner with it."""
        items = node.items or []
        performers = name in _PERFORMERS and owner is not None and any(map(owner.get, _OWN_NAME))
        gone = [
            place
            for place, item in enumerate(items)
            if self._is_element_gone(item, name) or (root and self._answers(place, items))
        ]
        if not gone:
            return False
        if performers and len(gone) == len(items):
            return True
        self._note_works([items[place] for place in gone])
        if self._ordered:
            for place in gone:
                self._cuts.replace(items[place], _EMPTY_PLACE if items[place].fields is not None else "null")
        else:
            self._cuts.remove(node, gone)
            if root:
                self.root_places += gone
        return False

    def _answers(self, place: int, items: list[Node]) -> bool:
        """Whether an element answers the question for the artist by its place alone: null, or another id."""
        if len(items) != len(self._asked) or not self._artist.is_id(self._asked[place]):
            return False
        found = [None if (ident := item.get("id")) is None else ident.value for item in items]
        by_id = [ident in self._asked for ident in found]
        return any(by_id) and not by_id[place]

    def _note_works(self, gone: Iterable[Node]) -> None:
        for item in gone:
            ident = item.get("id")
            if self._works is not None and ident is not None and not self._is_artist(item):
                self._works.add(str(ident.value))

    def _is_element_gone(self, item: Node, name: str) -> bool:
        if item.fields is not None:
            return self._is_gone(item) or (self._rows_of_ids and self._points_at_artist(item))
        if item.items is not None:
            return self._cut(item, name, None)
        return name in _PERFORMERS and self._artist.is_id(item.value)

    def _points_at_artist(self, item: Node) -> bool:
        ident = self._artist.artist_id
        return any(
            isinstance(node.value, str) and (node.value == ident or node.value.endswith(f"/artist/{ident}"))
            for node in item.walk()
        )

    def _is_named_beside(self, node: Node) -> bool:
        """Whether the texts of an album or track name the artist, outside of the artist's own entry."""
        for name, child in node.fields or ():
            if name in _PERFORMERS:
                continue
            for inner in child.walk():
                if isinstance(inner.value, str) and self._artist.is_named_in(inner.value):
                    return True
        return False
