"""MusicBrainz's web service over the invented catalogue, under ``/musicbrainz/ws/2``: who is who, in JSON.

XML, the service's other format, is not spoken.
"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlencode

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere, plain
from spotify_assets.simulator.catalogue.foreign_ids import ARTIST, URL, is_mbid
from spotify_assets.simulator.server.replies import Reply
from spotify_assets.simulator.services.mount import Asked, Rolling

ENDPOINTS = (
    "GET /musicbrainz/ws/2/url?resource=&resource= (100; as below, in `urls`)",
    "GET /musicbrainz/ws/2/url?resource=https://open.spotify.com/artist/{id}&inc=artist-rels&fmt=json",
    "GET /musicbrainz/ws/2/artist/{mbid}?inc=url-rels&fmt=json",
    "GET /musicbrainz/ws/2/artist?query=&limit=&offset=&fmt=json",
)
_HELP = "For usage, please see: https://musicbrainz.org/development/mmd"
_NAMELESS = (
    "Your requests are being throttled by MusicBrainz because the application you are using has not "
    "identified itself. Please update your application, and see "
    "http://musicbrainz.org/doc/XML_Web_Service/Rate_Limiting for more information."
)
_TOO_FAST = (
    "Your requests are exceeding the allowable rate limit. Please see "
    "http://wiki.musicbrainz.org/XMLWebService for more information."
)
_MOST_URLS = 100
_AREA = {
    "id": "5a0c1b5e-0000-4000-8000-00000000a4ea",
    "type": "Country",
    "type-id": "06dd0ae4-8c74-30bb-b43d-95dcedf961de",
    "name": "Nowhere",
    "sort-name": "Nowhere",
    "life-span": {"ended": None},
}
_PLACES = ("spotify", "deezer", "lastfm", "wikidata")
_PAGES = {
    "spotify": re.compile(r"https://open\.spotify\.com/artist/([0-9A-Za-z]{22})"),
    "deezer": re.compile(r"https://www\.deezer\.com/artist/(\d+)"),
    "lastfm": re.compile(r"https://www\.last\.fm/music/([^/?#]+)"),
}
# Kinds of link: name and id in MusicBrainz.
_STREAMING = ("free streaming", "769085a1-c2f7-4c24-a532-2375a77693bd")
_KINDS = {
    "spotify": _STREAMING,
    "deezer": _STREAMING,
    "lastfm": ("last.fm", "08db8098-c0df-4b78-82c3-c8697b4bba7f"),
    "wikidata": ("wikidata", "689870a4-a1e4-4912-b17f-7b2664215698"),
}
_TYPES = {"Person": "b6e035f4-3ce9-331c-97df-83397230b0df", "Group": "e431f5f6-b5d2-343d-8b36-72607fffb74b"}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FIELD = re.compile(r"\b\w+:\(?")


class MusicBrainz:
    """Answers MusicBrainz's calls."""

    def __init__(self, elsewhere: Elsewhere, *, limited: bool, scale: float = 1.0) -> None:
        """Prepare the service.

        Args:
            elsewhere: Who is linked to whom.
            limited: Whether to hold the limit of one call a second.
            scale: Factor of that second.
        """
        self._elsewhere = elsewhere
        self._catalogue = elsewhere.catalogue
        self._window = Rolling(1 if limited else None, scale)

    def answer(self, asked: Asked) -> Reply:
        """Answer a call; every answer tells the service's limit, which is not the caller's."""
        reply = self._answer(asked)
        limit = {
            "X-RateLimit-Limit": "1200",
            "X-RateLimit-Remaining": "567",
            "X-RateLimit-Reset": str(int(time.time()) + 1),
        }
        return Reply(reply.status, reply.body, {**limit, **reply.headers})

    def _answer(self, asked: Asked) -> Reply:
        refusal = self._refuse(asked)
        if refusal is not None:
            return refusal
        path = asked.path.rstrip("/")
        if path == "/ws/2/url":
            return self._url(asked)
        if path == "/ws/2/artist":
            return self._search(asked)
        root, _, mbid = path.rpartition("/")
        return self._artist(asked, mbid) if root == "/ws/2/artist" else _error(404, "Not Found")

    def _refuse(self, asked: Asked) -> Reply | None:
        """Return what a caller gets who is unknown, too fast, or asks for another format."""
        if not asked.agent.strip():
            return Reply.json(403, {"error": _NAMELESS}, {"X-RateLimit-Who": "ua-missing"})
        if self._window.wait():
            return Reply.json(
                503, {"error": _TOO_FAST}, {"X-RateLimit-Zone": "ws ip=127.0.0.1", "Retry-After": "1"}
            )
        if asked.method != "GET":
            return _error(405, "Method Not Allowed")
        if asked.query.get("fmt") != "json" and "application/json" not in asked.headers.get("accept", ""):
            return _error(406, "Invalid format. Only JSON is simulated: fmt=json.")
        return None

    def _url(self, asked: Asked) -> Reply:
        resources = [one for one in asked.values.get("resource", ()) if one]
        if not resources:
            return _error(400, "The parameter resource is missing.")
        if len(resources) > _MOST_URLS:
            return _error(400, f"At most {_MOST_URLS} resources can be given.")
        urls = [self._page(one, asked) for one in dict.fromkeys(resources)]
        found = [url for url in urls if url is not None]
        if not found:
            return _error(404, "Not Found")
        if len(resources) == 1:
            return Reply.json(200, found[0])
        return Reply.json(200, {"url-count": len(found), "url-offset": 0, "urls": found})

    def _page(self, resource: str, asked: Asked) -> dict[str, Any] | None:
        """Return what is known of a page; None where it is linked from nobody."""
        found = self._linked(resource)
        if not found:
            return None
        index, place = found[0], next(name for name, page in _PAGES.items() if page.fullmatch(resource))
        answer: dict[str, Any] = {"id": self._url_id(index, place), "resource": resource}
        if "artist-rels" in _included(asked):
            ended = self._ended(resource)
            answer["relations"] = [
                {**_relation(place, "artist", self._named(one), backward=True), "ended": ended}
                for one in found
            ]
        return answer

    def _linked(self, resource: str) -> list[int]:
        """Return the artists whose entry names a page: mostly one, rarely the artist's partner as well."""
        ties = self._elsewhere.ties
        if page := _PAGES["spotify"].fullmatch(resource):
            index = self._catalogue.index_of(page[1])
            if index is None or not ties(index).linked:
                return []
            partner = self._catalogue.partner(index)
            return [index, partner] if ties(index).shared and partner is not None else [index]
        if page := _PAGES["deezer"].fullmatch(resource):
            entry = self._elsewhere.of_deezer(page[1])
            return [entry[0]] if entry is not None and ties(entry[0]).deezer_linked else []
        if page := _PAGES["lastfm"].fullmatch(resource):
            index = self._elsewhere.named(unquote_plus(page[1]))
            return [index] if index is not None and ties(index).linked and ties(index).lastfm else []
        return []

    def _ended(self, resource: str) -> bool:
        """Tell whether a page is an artist's second, neglected one at Deezer."""
        page = _PAGES["deezer"].fullmatch(resource)
        entry = self._elsewhere.of_deezer(page[1]) if page else None
        return entry is not None and entry[1]

    def _url_id(self, index: int, place: str) -> str:
        return self._elsewhere.mbids.encode(URL, index, _PLACES.index(place))

    def _named(self, index: int) -> dict[str, Any]:
        """Return an artist as within other objects."""
        name = self._catalogue.name(index)
        kind = "Group" if name.startswith("The ") or " & " in name else "Person"
        return {
            "id": self._elsewhere.mbids.encode(ARTIST, index),
            "name": name,
            "sort-name": _sort_name(name, kind),
            "type": kind,
            "type-id": _TYPES[kind],
            "disambiguation": "",
            "country": None,
        }

    def _artist(self, asked: Asked, mbid: str) -> Reply:
        if not is_mbid(mbid):
            return _error(400, "Invalid mbid.")
        index = self._elsewhere.of_mbid(mbid)
        merged = self._elsewhere.of_merged_mbid(mbid) if index is None else None
        if index is None:
            index = merged
        if index is None:
            return _error(404, "Not Found")
        answer = {
            **self._named(index),
            "area": None,
            "begin-area": None,
            "begin_area": None,
            "end-area": None,
            "end_area": None,
            "gender": None,
            "gender-id": None,
            "ipis": [],
            "isnis": [],
            "life-span": {"begin": None, "end": None, "ended": False},
        }
        if "url-rels" in _included(asked):
            answer["relations"] = self._pages(index)
        if merged is None:
            return Reply.json(200, answer)
        query = urlencode(asked.query, safe="+")
        # It redirects, and sends the entity that is left in full all the same.
        return Reply.json(301, answer, {"Location": f"{asked.base}/ws/2/artist/{answer['id']}?{query}"})

    def _pages(self, index: int) -> list[dict[str, Any]]:
        """Return the links to an artist's pages; one that is no longer in use says so."""
        ties, name = self._elsewhere.ties(index), self._catalogue.name(index)
        found = []

        def add(place: str, address: str, *, ended: bool = False) -> None:
            url = {"id": self._url_id(index, place), "resource": address}
            found.append({**_relation(place, "url", url, backward=False), "ended": ended})

        if ties.linked:
            add("spotify", f"https://open.spotify.com/artist/{self._catalogue.artist_id(index)}")
        if ties.deezer_linked:
            for place, ident in enumerate(self._elsewhere.deezer_ids(index)):
                add("deezer", f"https://www.deezer.com/artist/{ident}", ended=place > 0)
        if ties.linked and ties.lastfm:
            add("lastfm", f"https://www.last.fm/music/{quote_plus(name)}")
        if ties.linked and ties.wikidata:
            add("wikidata", f"https://www.wikidata.org/wiki/Q{self._elsewhere.items.encode(index)}")
        return found

    def _hit(self, index: int) -> dict[str, Any]:
        """Return an artist as a search lists it: an empty disambiguation is left out."""
        named = {name: value for name, value in self._named(index).items() if value not in {"", None}}
        tags = [{"count": 1, "name": genre} for genre in self._catalogue.genres(index)]
        return {**named, "area": _AREA, "life-span": {"ended": None}, "aliases": [], "tags": tags}

    def _search(self, asked: Asked) -> Reply:
        query = asked.query.get("query", "")
        if not query.strip():
            return _error(400, "The parameter query is missing.")
        quoted = _QUOTED.search(query)
        text = re.sub(r"\\(.)", r"\1", quoted[1] if quoted else _FIELD.sub(" ", query))
        found = self._elsewhere.search(text, asked.ordinal, "musicbrainz")
        limit, offset = asked.whole("limit", 25, 1, 100), asked.whole("offset", 0, 0, 100_000)
        artists = []
        for place, index in enumerate(found):
            exact = plain(self._catalogue.name(index)) == plain(text)
            score = 100 if exact else max(40, 90 - 5 * place)
            artists.append({**self._hit(index), "score": score})
        shown = artists[offset : offset + limit]
        created = f"{asked.day.isoformat()}T00:00:00.000Z"
        return Reply.json(200, {"created": created, "count": len(found), "offset": offset, "artists": shown})


def _included(asked: Asked) -> set[str]:
    return set(re.split(r"[+ ]", asked.query.get("inc", "")))


def _relation(place: str, target: str, node: dict[str, Any], *, backward: bool) -> dict[str, Any]:
    kind, ident = _KINDS[place]
    return {
        "type": kind,
        "type-id": ident,
        "direction": "backward" if backward else "forward",
        "target-type": target,
        "source-credit": "",
        "target-credit": "",
        "attributes": [],
        "attribute-ids": {},
        "attribute-values": {},
        "begin": None,
        "end": None,
        "ended": False,
        target: node,
    }


def _sort_name(name: str, kind: str) -> str:
    if name.startswith("The "):
        return f"{name[4:]}, The"
    first, _, last = name.rpartition(" ")
    return f"{last}, {first}" if first and kind == "Person" else name


def _error(status: int, message: str) -> Reply:
    return Reply.json(status, {"error": message, "help": _HELP})
