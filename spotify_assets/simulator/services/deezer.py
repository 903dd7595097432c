"""Deezer's API over the invented catalogue, under ``/deezer``.

Every answer has HTTP status 200, errors too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.server.replies import Reply
from spotify_assets.simulator.services.deezer_objects import (
    EDITORIALS,
    DeezerObjects,
    Json,
    editorial,
    failure,
    no_data,
)
from spotify_assets.simulator.services.mount import Asked, Rolling
from spotify_assets.simulator.world.chance import unit
from spotify_assets.simulator.world.releases import Release, slot_of

ENDPOINTS = (
    "GET /deezer/artist/{id}",
    "GET /deezer/artist/{id}/top?limit=&index=",
    "GET /deezer/artist/{id}/albums?limit=&index=",
    "GET /deezer/chart/0/artists",
    "GET /deezer/chart/0/tracks",
    "GET /deezer/editorial",
    "GET /deezer/editorial/{id}/releases?limit=&index=",
    "GET /deezer/search/artist?q=",
)
_CALLS, _SECONDS = 50, 5.0
_CHART, _NEW_DAYS, _NEW, _HOLE = 100, 28, 200, 77
_FIELDED = re.compile(r'\bartist:"?([^"]*)"?', re.IGNORECASE)


class Deezer:
    """Answers Deezer's calls."""

    def __init__(self, elsewhere: Elsewhere, *, limited: bool, scale: float = 1.0) -> None:
        """Prepare the service.

        Args:
            elsewhere: Who is at Deezer.
            limited: Whether to hold the limit of 50 calls in 5 seconds.
            scale: Factor of the window's length.
        """
        self._elsewhere = elsewhere
        self._catalogue = elsewhere.catalogue
        self._objects = DeezerObjects(elsewhere)
        self._window = Rolling(_CALLS if limited else None, _SECONDS * scale)
        self._leaders: tuple[int, list[int]] = (-1, [])

    def answer(self, asked: Asked) -> Reply:
        """Answer a call; the quota is an answer like any other."""
        if self._window.wait():
            return failure("Exception", "Quota limit exceeded", 4)
        pieces = asked.path.strip("/").split("/")
        root, ident, leaf = (*pieces, "", "")[:3]
        if root == "artist" and len(pieces) <= 3 and leaf in {"", "top", "albums"}:
            return self._artist(asked, ident, leaf)
        if root == "chart" and leaf in {"artists", "tracks"}:
            return self._chart(asked, leaf)
        if root == "editorial" and leaf in {"", "releases"}:
            return self._editorial(asked, ident, leaf)
        if pieces == ["search", "artist"]:
            return self._search(asked)
        return failure("InvalidQueryException", f"Unknown path components : {asked.path}", 600)

    def _artist(self, asked: Asked, ident: str, leaf: str) -> Reply:
        found = self._elsewhere.of_deezer(ident)
        if found is None:
            return no_data()
        index, second = found
        day = asked.ordinal
        if not leaf:
            return Reply.json(200, self._objects.whole_artist(index, int(ident), day, second=second))
        if leaf == "top":
            spots = [] if second else self._top(index, day)
            return _page(asked, spots, lambda spot, _: self._objects.top_track(spot[0], spot[1], day), 5)
        releases = list(reversed(self._catalogue.life(index).discography.until(day)))
        shown = releases[:1] if second else releases
        return _page(asked, shown, lambda release, _: self._objects.listed_album(release, day), 25)

    def _top(self, index: int, day: int) -> list[tuple[Release, int]]:
        """Return an artist's tracks by rank, which orders them for Deezer as nothing does for Spotify."""
        ranked = sorted(
            (
                (-self._objects.rank(release, position, day), release.slot, position, release)
                for release, position, _ in self._catalogue.candidates(index, slot_of(day))
                if release.day <= day
            ),
            key=lambda row: row[:3],
        )
        return [(release, position) for _, _, position, release in ranked[:100]]

    def _leading(self, day: int) -> list[int]:
        if self._leaders[0] != day:
            catalogue = self._catalogue
            there = [index for index in range(catalogue.size) if self._elsewhere.ties(index).deezer]
            there.sort(key=lambda index: (-catalogue.life(index).smooth(day), index))
            self._leaders = (day, there[:_CHART])
        return self._leaders[1]

    def _chart(self, asked: Asked, leaf: str) -> Reply:
        leaders, encode = self._leading(asked.ordinal), self._elsewhere.deezer_artists.encode
        if leaf == "artists":
            return _page(
                asked,
                leaders,
                lambda index, place: {**self._objects.artist(index, encode(index)), "position": place + 1},
                10,
            )
        spots = [spot for index in leaders for spot in self._top(index, asked.ordinal)[:1]]
        return _page(
            asked,
            spots,
            lambda spot, place: {
                **self._objects.chart_track(spot[0], spot[1], asked.ordinal),
                "position": place + 1,
            },
            10,
        )

    def _editorial(self, asked: Asked, ident: str, leaf: str) -> Reply:
        if not ident:
            return _page(asked, EDITORIALS, lambda row, _: editorial(*row), 25)
        known = {str(number): name for number, name in EDITORIALS}
        if ident not in known:
            return no_data()
        if not leaf:
            return Reply.json(200, editorial(int(ident), known[ident]))
        day = asked.ordinal
        found = [
            release
            for release, _ in self._catalogue.released_between(day - _NEW_DAYS + 1, day)
            if self._elsewhere.ties(release.artist).deezer
            and ident in {"0", str(self._objects.genre(release.artist))}
        ]
        found.sort(key=lambda release: (-release.day, release.artist))
        return _page(
            asked, found[:_NEW], lambda release, _: self._objects.new_album(release), 20, self._hidden
        )

    def _hidden(self, release: Release) -> bool:
        """Tell whether a release is left out of its page, which is then shorter than asked for."""
        return (
            self._elsewhere.quirks
            and unit(self._catalogue.life(release.artist).key, release.slot, _HOLE) < 0.03
        )

    def _search(self, asked: Asked) -> Reply:
        text = asked.query.get("q", "")
        if not text:
            return failure("MissingParameterException", "Missing parameters: q", 501)
        fielded = _FIELDED.search(text)
        found = self._elsewhere.search(fielded[1] if fielded else text, asked.ordinal, "deezer")
        # A second entry with its few fans comes after all that have more.
        entries = [
            (index, ident, second)
            for second in (False, True)
            for index in found
            for ident in self._elsewhere.deezer_ids(index)[second : second + 1]
        ]

        def row(entry: tuple[int, int, bool], _: int) -> Json:
            return self._objects.found_artist(entry[0], entry[1], asked.ordinal, second=entry[2])

        return _page(asked, entries, row, 25)


def _page(
    asked: Asked,
    found: Sequence[Any],
    row: Callable[[Any, int], Json],
    default: int,
    hidden: Callable[[Any], bool] = lambda _: False,
) -> Reply:
    """Return a page of a list: ``data``, ``total``, and ``prev`` and ``next`` where there is more."""
    limit, index = asked.whole("limit", default, 1, 100), asked.whole("index", 0, 0, 100_000)
    rows = [(one, index + place) for place, one in enumerate(found[index : index + limit])]
    answer: Json = {"data": [row(*each) for each in rows if not hidden(each[0])], "total": len(found)}
    kept = {name: asked.query[name] for name in ("q", "limit") if name in asked.query}
    address = f"{asked.base}{asked.path}?{urlencode({**kept, 'index': ''})}"
    if index:
        answer["prev"] = f"{address}{max(0, index - limit)}"
    if index + limit < len(found):
        answer["next"] = f"{address}{index + limit}"
    return Reply.json(200, answer)
