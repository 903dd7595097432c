"""Last.fm's API over the invented catalogue, at ``/lastfm/2.0/``."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, quote_plus
from xml.etree import ElementTree

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.catalogue.foreign_ids import RECORDING
from spotify_assets.simulator.server.replies import Reply
from spotify_assets.simulator.services.mount import Asked, Rolling
from spotify_assets.simulator.world.audience import Audience
from spotify_assets.simulator.world.chance import unit

ENDPOINTS = (
    "GET /lastfm/2.0/?method=artist.getInfo&artist=|mbid=&api_key=&format=json",
    "GET /lastfm/2.0/?method=artist.getTopTracks&artist=|mbid=&api_key=&limit=&page=&format=json",
    "GET /lastfm/2.0/?method=artist.search&artist=&api_key=&limit=&page=&format=json",
)
Json = dict[str, Any]

_CALLS, _SECONDS = 5, 1.0
_SITE = "https://www.last.example.invalid/music"
_MBID = 0x1F
_SIZES = ("small", "medium", "large", "extralarge", "mega", "")
# code -> HTTP status and message (www.last.fm/api/errorcodes); "not found" comes with status 200.
_ERRORS = {
    3: (400, "Invalid Method - No method with that name in this package"),
    6: (200, "The artist you supplied could not be found"),
    10: (403, "Invalid API key - You must be granted a valid key by last.fm"),
    29: (
        200,
        "Rate Limit Exceded - Your IP has made too many requests in a short period, "
        "exceeding our API guidelines",
    ),
}
_MISSING = "Invalid parameters - Your request is missing a required parameter"


class _Failed(Exception):
    def __init__(self, code: int, status: int | None = None, message: str | None = None) -> None:
        usual, words = _ERRORS[code]
        self.code, self.status, self.message = code, status or usual, message or words
        super().__init__(self.message)


class LastFm:
    """Answers Last.fm's calls."""

    def __init__(
        self, elsewhere: Elsewhere, *, limited: bool, scale: float = 1.0, key: str | None = None
    ) -> None:
        """Prepare the service.

        Args:
            elsewhere: Who is at Last.fm.
            limited: Whether to hold the limit of five calls a second.
            scale: Factor of that second.
            key: The only key accepted; None accepts any.
        """
        self._elsewhere = elsewhere
        self._catalogue = elsewhere.catalogue
        self._audience = Audience(elsewhere.catalogue, share=0.4, breadth=0.86)
        self._window = Rolling(_CALLS if limited else None, _SECONDS * scale)
        self._key = key
        self._methods: dict[str, Callable[[Asked], Json]] = {
            "artist.getinfo": self._info,
            "artist.gettoptracks": self._top_tracks,
            "artist.search": self._search,
        }

    def answer(self, asked: Asked) -> Reply:
        """Answer a call: a GET, or a POST with its parameters in the body."""
        if asked.method == "POST":
            form = dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))
            asked = Asked(
                "GET", asked.path, {**asked.query, **form}, asked.headers, b"", asked.day, asked.base
            )
        json_wanted = asked.query.get("format") == "json"
        try:
            node = self._answer(asked)
        except _Failed as failed:
            shown: Json = {"error": failed.code, "message": failed.message}
            if failed.code == 6 and failed.status == 200:
                shown["links"] = []
            return Reply.json(failed.status, shown) if json_wanted else _xml_error(failed)
        return Reply.json(200, node) if json_wanted else _xml(node)

    def _answer(self, asked: Asked) -> Json:
        key = asked.query.get("api_key", "")
        if asked.path.rstrip("/") != "/2.0":
            raise _Failed(3, 404)
        if not key or self._key not in {None, key}:
            raise _Failed(10)
        if self._window.wait():
            raise _Failed(29)
        method = self._methods.get(asked.query.get("method", "").lower())
        if method is None:
            raise _Failed(3)
        return method(asked)

    def _artist(self, asked: Asked) -> int:
        """Return the artist of a call, by MBID or name."""
        mbid, name = asked.query.get("mbid", ""), asked.query.get("artist", "")
        if not mbid and not name:
            raise _Failed(6, 400, _MISSING)
        index = self._elsewhere.of_mbid(mbid) if mbid else self._elsewhere.named(name)
        if index is None or not self._elsewhere.ties(index).lastfm or (mbid and not self._mbid(index)):
            raise _Failed(6)
        return index

    def _mbid(self, index: int) -> str:
        """Return an artist's MBID where Last.fm knows it, which it does not for all that have one."""
        known = unit(self._catalogue.life(index).key, _MBID) < 0.85
        return (self._elsewhere.mbid(index) or "") if known else ""

    def _short(self, index: int) -> Json:
        name = self._catalogue.name(index)
        return {"name": name, "mbid": self._mbid(index), "url": f"{_SITE}/{quote_plus(name)}"}

    def _images(self) -> list[Json]:
        """Return what Last.fm has sent for every artist since 2019: the same star in six sizes."""
        return [
            {"#text": f"https://images.last.example.invalid/{size or 'any'}.png", "size": size}
            for size in _SIZES
        ]

    def _info(self, asked: Asked) -> Json:
        index = self._artist(asked)
        count = self._audience.of_artist(index, asked.ordinal)
        tags = [
            {"name": genre, "url": f"https://www.last.example.invalid/tag/{quote_plus(genre)}"}
            for genre in self._catalogue.genres(index)
        ]
        shown = self._short(index)
        link = {"#text": "", "rel": "original", "href": f"{shown['url']}/+wiki"}
        artist = {
            **shown,
            "image": self._images(),
            "streamable": "0",
            "ontour": "0",
            "stats": {"listeners": str(count.people), "playcount": str(count.plays)},
            "similar": {"artist": []},
            # The JSON is made from XML, in which a list of one is not told from no list.
            "tags": {"tag": tags[0] if len(tags) == 1 else tags} if tags else "",
            "bio": {"links": {"link": link}, "published": "01 Jan 1970, 00:00", "summary": "", "content": ""},
        }
        return {"artist": artist if shown["mbid"] else {k: v for k, v in artist.items() if k != "mbid"}}

    def _paging(self, asked: Asked, default: int) -> tuple[int, int]:
        return asked.whole("limit", default, 1, 1000), asked.whole("page", 1, 1, 100_000)

    def _top_tracks(self, asked: Asked) -> Json:
        index = self._artist(asked)
        limit, page = self._paging(asked, 50)
        found = self._audience.top_recordings(index, asked.ordinal, 1000)
        artist, tracks, start = self._short(index), [], (page - 1) * limit
        for place, (release, position, song, count) in enumerate(found[start : start + limit], start + 1):
            title = self._catalogue.song_title(index, song)
            track = {
                "name": title,
                "playcount": str(count.plays),
                "listeners": str(count.people),
                "mbid": self._elsewhere.mbids.encode(RECORDING, index, song.slot, song.number),
                "url": f"{artist['url']}/_/{quote_plus(title)}",
                "streamable": "0",
                "artist": artist,
                "image": self._images()[:4],
                "@attr": {"rank": str(place)},
            }
            if unit(self._catalogue.life(index).key, release.slot, position, _MBID) > 0.7:
                del track["mbid"]
            tracks.append(track)
        pages = str(ceil(len(found) / limit))
        attributes = {
            "artist": artist["name"],
            "page": str(page),
            "perPage": str(limit),
            "totalPages": pages,
            "total": str(len(found)),
        }
        return {"toptracks": {"track": tracks, "@attr": attributes}}

    def _search(self, asked: Asked) -> Json:
        text = asked.query.get("artist", "")
        if not text:
            raise _Failed(6, 400, _MISSING)
        limit, page = self._paging(asked, 30)
        found = self._elsewhere.search(text, asked.ordinal, "lastfm")
        start = (page - 1) * limit
        matches = [
            {
                "name": self._catalogue.name(index),
                "listeners": str(self._audience.of_artist(index, asked.ordinal).people),
                "mbid": self._mbid(index),
                "url": self._short(index)["url"],
                "streamable": "0",
                "image": self._images()[:5],
            }
            for index in found[start : start + limit]
        ]
        query = {"#text": "", "role": "request", "searchTerms": text, "startPage": str(page)}
        return {
            "results": {
                "opensearch:Query": query,
                "opensearch:totalResults": str(len(found)),
                "opensearch:startIndex": str(start),
                "opensearch:itemsPerPage": str(limit),
                "artistmatches": {"artist": matches},
                "@attr": {"for": text},
            }
        }


def _xml(node: Json) -> Reply:
    """Return the XML that the JSON is made from; ``@attr`` and what is beside ``#text`` are attributes."""
    root = ElementTree.Element("lfm", {"status": "ok"})
    for name, value in node.items():
        _append(root, name, value)
    return _document(200, root)


def _append(parent: ElementTree.Element, name: str, value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _append(parent, name, item)
        return
    # The prefix is declared where it is used: nothing else of that namespace is needed.
    element = ElementTree.SubElement(parent, name)
    if name.startswith("opensearch:"):
        element.set("xmlns:opensearch", "http://a9.com/-/spec/opensearch/1.1/")
    if not isinstance(value, dict):
        element.text = str(value)
        return
    beside = {key: text for key, text in value.items() if key != "#text"} if "#text" in value else {}
    for key, text in {**beside, **value.get("@attr", {})}.items():
        element.set(key, str(text))
    if "#text" in value:
        element.text = value["#text"]
        return
    for key, inner in value.items():
        if key != "@attr":
            _append(element, key, inner)


def _xml_error(failed: _Failed) -> Reply:
    root = ElementTree.Element("lfm", {"status": "failed"})
    ElementTree.SubElement(root, "error", {"code": str(failed.code)}).text = failed.message
    return _document(failed.status, root)


def _document(status: int, root: ElementTree.Element) -> Reply:
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return Reply(status, body, {"Content-Type": "text/xml; charset=utf-8"})
