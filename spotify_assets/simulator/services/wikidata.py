"""Wikidata's query service over the invented catalogue, at ``/wikidata/sparql``: ids stated for artists.

``VALUES ?name { "…" … }`` gives ids of one kind; ``?item wdt:P1902 ?name`` (Spotify), ``wdt:P2722`` (Deezer)
and ``wdt:P434`` (MusicBrainz) say of which kind each variable is, within ``OPTIONAL`` or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from urllib.parse import parse_qsl

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.server.replies import Reply, dumps
from spotify_assets.simulator.services.mount import Asked, Rolling, contact_given

ENDPOINTS = ("GET|POST /wikidata/sparql?query= (VALUES over wdt:P1902, wdt:P2722 or wdt:P434)",)
_SPOTIFY, _DEEZER, _MBID = "P1902", "P2722", "P434"
_SELECT = re.compile(r"SELECT\s+(?:DISTINCT\s+)?((?:\?\w+\s+)+|\*\s*)WHERE", re.IGNORECASE)
_VALUES = re.compile(r'VALUES\s+\?(\w+)\s*\{((?:\s*"[^"]*")*)\s*\}', re.IGNORECASE)
_TRIPLE = re.compile(r"(OPTIONAL\s*\{\s*)?\?(\w+)\s+wdt:(P\d+)\s+\?(\w+)", re.IGNORECASE)
_CALLS, _SECONDS = 60, 60.0
_ROBOT_POLICY = (
    "Please set a user-agent and respect our robot policy https://w.wiki/4wJS. See also T400119.\n"
)
_ENTITY = "http://www.wikidata.org/entity/Q"


class Wikidata:
    """Answers Wikidata's query service."""

    def __init__(self, elsewhere: Elsewhere, *, limited: bool, scale: float = 1.0) -> None:
        """Prepare the service.

        Args:
            elsewhere: Who has an item.
            limited: Whether to hold a limit of 60 queries in 60 seconds.
            scale: Factor of the window's length.
        """
        self._elsewhere = elsewhere
        self._window = Rolling(_CALLS if limited else None, _SECONDS * scale)

    def answer(self, asked: Asked) -> Reply:
        """Answer a query, from who says whom to write to."""
        if not contact_given(asked.agent):
            return _text(403, _ROBOT_POLICY, {"Server": "HAProxy"})
        wait = self._window.wait()
        if wait:
            return _too_many(max(1, round(wait)))
        if asked.path.rstrip("/") != "/sparql":
            return _text(404, "Not Found")
        form = dict(parse_qsl(asked.body.decode("utf-8", "replace"))) if asked.method == "POST" else {}
        query = {**asked.query, **form}.get("query", "")
        select, values, triples = _SELECT.search(query), _VALUES.findall(query), _TRIPLE.findall(query)
        kinds = {name: kind for _, _, kind, name in triples}
        if select is None or len(values) != 1 or values[0][0] not in kinds:
            return _text(400, f"Malformed query for this simulation: {query[:200]}")
        needed = {name for optional, _, _, name in triples if not optional}
        item = triples[0][1]
        names = [name.lstrip("?") for name in select[1].split() if name != "*"] or [item, *kinds]
        asked_ids = re.findall(r'"([^"]*)"', values[0][1])
        rows = [
            {name: row[name] for name in names if name in row}
            for ident in dict.fromkeys(asked_ids)
            for row in self._rows(ident, values[0][0], kinds, item)
            if needed <= row.keys()
        ]
        node = {"head": {"vars": names}, "results": {"bindings": rows}}
        return Reply(
            200, dumps(node).encode(), {"Content-Type": "application/sparql-results+json;charset=utf-8"}
        )

    def _rows(
        self, ident: str, given: str, kinds: Mapping[str, str], item: str
    ) -> list[dict[str, dict[str, str]]]:
        """Return a row for every combination of what an item states, as SPARQL does."""
        index = self._index(kinds[given], ident)
        if index is None or not self._elsewhere.ties(index).wikidata:
            return []
        stated: dict[str, list[str | None]] = {
            name: [ident] if name == given else [*self._stated(kind, index)] or [None]
            for name, kind in kinds.items()
        }
        entity = {"type": "uri", "value": f"{_ENTITY}{self._elsewhere.items.encode(index)}"}
        return [
            {item: entity}
            | {
                name: {"type": "literal", "value": value}
                for name, value in zip(stated, values, strict=True)
                if value is not None
            }
            for values in product(*stated.values())
        ]

    def _index(self, kind: str, ident: str) -> int | None:
        if kind == _SPOTIFY:
            return self._elsewhere.catalogue.index_of(ident)
        if kind == _MBID:
            index = self._elsewhere.of_mbid(ident)
            index = self._elsewhere.of_merged_mbid(ident) if index is None else index
            return (
                index if index is not None and self._elsewhere.stated_mbid(index) == ident.lower() else None
            )
        entry = self._elsewhere.of_deezer(ident) if kind == _DEEZER else None
        return None if entry is None else entry[0]

    def _stated(self, kind: str, index: int) -> list[str]:
        """Return the ids of a kind that an artist's item states: none, one, or several."""
        if kind == _SPOTIFY:
            return [self._elsewhere.catalogue.artist_id(index)]
        if kind == _DEEZER:
            return [str(ident) for ident in self._elsewhere.deezer_ids(index)]
        mbid = self._elsewhere.stated_mbid(index) if kind == _MBID else None
        return [mbid] if mbid else []


def _too_many(seconds: int) -> Reply:
    """Return what the server in front says, which is a page."""
    said = f"Too Many Requests - Please retry in {seconds} seconds."
    page = f"<html>\n<head>\n<title>Error 429 {said}</title>\n</head>\n<body><h2>HTTP ERROR 429</h2>\n"
    page += f"<pre>    {said}</pre>\n</body>\n</html>\n"
    headers = {"Content-Type": "text/html;charset=utf-8", "Retry-After": str(seconds)}
    return Reply(429, page.encode(), headers)


def _text(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, message.encode(), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})
