"""The Web API's calls about playlists: two invented daily charts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spotify_assets.simulator.catalogue import charts
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.replies import Refusal, Reply
from spotify_assets.simulator.spotify import objects
from spotify_assets.simulator.spotify.call import Call, allowed


class Playlists:
    """Answers calls about playlists."""

    def __init__(self, catalogue: Catalogue, ok: Callable[[Call, Any], Reply]) -> None:
        """Keep what exists, and how an answer is written."""
        self._catalogue = catalogue
        self._ok = ok

    def _rows(self, call: Call, ident: str, limit: int, offset: int) -> objects.Json:
        rows = charts.rows(self._catalogue, ident, call.day)
        if rows is None:
            raise Refusal(404, "Resource not found")
        leaf = "items" if not call.access.full else "tracks"
        return objects.page(
            call.link(f"playlists/{ident}/{leaf}"),
            rows[offset : offset + limit],
            limit=limit,
            offset=offset,
            total=len(rows),
            query=call.keep("market"),
        )

    def whole(self, call: Call, ident: str) -> Reply:
        """A chart with its first rows."""
        rows = self._rows(call, ident, 100, 0)
        return self._ok(call, charts.playlist(self._catalogue, ident, call.day, rows))

    def tracks(self, call: Call, ident: str) -> Reply:
        """Rows of a chart, under the old name."""
        allowed(call.access.full)
        limit, offset = call.whole("limit", 100, 1, 100), call.whole("offset", 0, 0, 100_000)
        return self._ok(call, self._rows(call, ident, limit, offset))

    def items(self, call: Call, ident: str) -> Reply:
        """Rows of a chart, under the new name."""
        limit, offset = call.whole("limit", 20, 1, 50), call.whole("offset", 0, 0, 100_000)
        page = self._rows(call, ident, limit, offset)
        for name in ("href", "next", "previous"):
            page[name] = page[name] and page[name].replace("/tracks?", "/items?")
        return self._ok(call, page)
