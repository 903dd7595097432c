"""The Web API's calls: which exist in which mode, what they take, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from spotify_assets.simulator.catalogue.ids import is_id
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.catalogue.search import Search
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.replies import Refusal, Reply, dumps, error
from spotify_assets.simulator.spotify import objects
from spotify_assets.simulator.spotify.access import Session
from spotify_assets.simulator.spotify.call import Call, allowed
from spotify_assets.simulator.spotify.me import SCOPE, Me
from spotify_assets.simulator.spotify.modes import ModeSwitch
from spotify_assets.simulator.spotify.playlists import Playlists
from spotify_assets.simulator.spotify.render import Renderer

_GROUPS = ("album", "single", "appears_on", "compilation")

# Calls that new apps have not had since 2024-11-27.
_NEVER = {
    "recommendations": (403, "Forbidden"),
    "audio-analysis": (403, "Forbidden"),
}

ENDPOINTS = (
    "POST /api/token",
    "GET /v1/artists?ids= (50)",
    "GET /v1/artists/{id}",
    "GET /v1/artists/{id}/top-tracks?market=",
    "GET /v1/artists/{id}/albums",
    "GET /v1/albums?ids= (20)",
    "GET /v1/albums/{id}",
    "GET /v1/albums/{id}/tracks",
    "GET /v1/tracks?ids= (50)",
    "GET /v1/tracks/{id}",
    "GET /v1/browse/new-releases",
    "GET /v1/search?q=&type=artist,album,track",
    "GET /v1/audio-features?ids= (100)",
    "GET /v1/audio-features/{id}",
    "GET /v1/playlists/{id}",
    "GET /v1/playlists/{id}/tracks",
    "GET /v1/playlists/{id}/items",
    "GET /v1/markets",
    "GET /authorize (Authorization Code with PKCE; a simulated person answers at once)",
    *(f"GET /v1/{path}" for path in SCOPE),
)


class WebApi:
    """Answers the calls of the Web API.

    Attributes:
        catalogue: What exists.
    """

    def __init__(self, config: SimulatorConfig, modes: ModeSwitch) -> None:
        """Prepare an empty cache over the configured world."""
        self._modes = modes
        self.catalogue = Catalogue(config.seed, config.artists, quirks=config.quirks)
        self._features = config.audio_features
        self._whole = Renderer(self.catalogue, development=False)
        self._trimmed = Renderer(self.catalogue, development=True)
        self._search = Search(self.catalogue)
        self._me = Me(self.catalogue)
        self._playlists = Playlists(self.catalogue, self._ok)
        self._roots: dict[str, Callable[[Call], Reply]] = {
            "artists": self._artists,
            "albums": self._albums,
            "tracks": self._tracks,
            "audio-features": self._features_batch,
            "search": self._find,
            "markets": self._markets,
        }
        self._single: dict[str, Callable[[Call, str], Reply]] = {
            "artists": self._artist,
            "albums": self._album,
            "tracks": self._track,
            "audio-features": self._features_one,
            "playlists": self._playlists.whole,
        }
        self._nested: dict[tuple[str, str], Callable[[Call, str], Reply]] = {
            ("artists", "top-tracks"): self._top_tracks,
            ("artists", "albums"): self._artist_albums,
            ("artists", "related-artists"): self._gone,
            ("albums", "tracks"): self._album_tracks,
            ("playlists", "tracks"): self._playlists.tracks,
            ("playlists", "items"): self._playlists.items,
        }

    def answer(
        self, path: str, query: Mapping[str, str], day: date, href: str, session: Session | None = None
    ) -> Reply:
        """Answer one GET.

        Args:
            path: Path after ``/v1/``.
            query: Parameters.
            day: Day to answer for.
            href: Full address without query, for links to other pages.
            session: What the token of the call stands for.
        """
        call = Call(query, day, href.rstrip("/"), self._modes.on(day))
        path = path.rstrip("/")
        root, _, rest = path.partition("/")
        ident, _, leaf = rest.partition("/")
        try:
            if root == "me":
                return self._ok(call, self._me.answer(path, call, session))
            if root in _NEVER:
                return error(*_NEVER[root])
            if path == "browse/new-releases":
                return self._new_releases(call)
            if not rest and root in self._roots:
                return self._roots[root](call)
            handler = self._nested.get((root, leaf)) if leaf else self._single.get(root)
            if rest and handler is not None:
                if not is_id(ident):
                    raise Refusal(400, "Invalid base62 id")
                return handler(call, ident)
            raise Refusal(404, "Service not found")
        except Refusal as refusal:
            return refusal.reply

    def _render(self, call: Call) -> Renderer:
        return self._whole if call.access.full else self._trimmed

    def _gone(self, _: Call, __: str) -> Reply:
        return error(403, "Forbidden")

    def _ok(self, call: Call, node: Any) -> Reply:
        return Reply(200, dumps(self._render(call).shape(node)).encode())

    def _shown(self, call: Call, node: objects.Json) -> objects.Json:
        return objects.playable(node) if call.market() else node

    # Artists

    def _artist_text(self, call: Call, ident: str) -> str | None:
        index = self.catalogue.index_of(ident)
        answering = None if index is None else self.catalogue.resolve(index, call.ordinal)
        return None if answering is None else self._render(call).artist(answering, call.ordinal)

    def _artists(self, call: Call) -> Reply:
        allowed(call.access.full)
        texts = [self._artist_text(call, ident) or "null" for ident in call.ids(50)]
        return Reply(200, f'{{"artists":[{",".join(texts)}]}}'.encode())

    def _artist(self, call: Call, ident: str) -> Reply:
        text = self._artist_text(call, ident)
        return error(404, "Resource not found") if text is None else Reply(200, text.encode())

    def _top_tracks(self, call: Call, ident: str) -> Reply:
        allowed(call.access.full)
        index = self.catalogue.index_of(ident)
        answering = None if index is None else self.catalogue.resolve(index, call.ordinal)
        if answering is None:
            return error(404, "Resource not found")
        market = call.market()
        shown = self.catalogue.top_list(answering, call.ordinal, market or "US")
        track = self._render(call).track
        texts = [track(*spot, market=market is not None) for spot in shown]
        return Reply(200, f'{{"tracks":[{",".join(texts)}]}}'.encode())

    def _artist_albums(self, call: Call, ident: str) -> Reply:
        most, default = (10, 5) if not call.access.full else (50, 20)
        limit, offset = call.whole("limit", default, 1, most), call.whole("offset", 0, 0, 100_000)
        groups = call.query.get("include_groups", ",".join(_GROUPS)).split(",")
        if not set(groups) <= set(_GROUPS):
            raise Refusal(400, "Invalid album type")
        market = call.market()
        index = self.catalogue.index_of(ident)
        answering = None if index is None else self.catalogue.resolve(index, call.ordinal)
        if answering is None:
            return error(404, "Resource not found")
        rows = [row for row in self.catalogue.artist_albums(answering, call.ordinal) if row[2] in groups]
        items = []
        for release, copy, group in rows[offset : offset + limit]:
            album = self.catalogue.album_object(release, copy)
            items.append({**(objects.playable(album) if market else album), "album_group": group})
        kept = call.keep("include_groups", "market")
        return self._ok(
            call, objects.page(call.href, items, limit=limit, offset=offset, total=len(rows), query=kept)
        )

    # Albums

    def _albums(self, call: Call) -> Reply:
        allowed(call.access.full)
        found = [self._album_node(call, ident) for ident in call.ids(20)]
        return self._ok(call, {"albums": found})

    def _album_node(self, call: Call, ident: str) -> objects.Json | None:
        album = self.catalogue.album(ident, call.day, call.link(f"albums/{ident}/tracks"))
        return None if album is None else self._shown(call, album)

    def _album(self, call: Call, ident: str) -> Reply:
        album = self._album_node(call, ident)
        return error(404, "Resource not found") if album is None else self._ok(call, album)

    def _album_tracks(self, call: Call, ident: str) -> Reply:
        limit, offset = call.whole("limit", 20, 1, 50), call.whole("offset", 0, 0, 100_000)
        found = self.catalogue.find_album(ident, call.ordinal)
        if found is None:
            return error(404, "Resource not found")
        release, copy = found
        total = len(release.songs)
        items = [
            self._shown(call, self.catalogue.simple_track_object(release, copy, number + 1))
            for number in range(total)[offset : offset + limit]
        ]
        kept = call.keep("market")
        return self._ok(
            call, objects.page(call.href, items, limit=limit, offset=offset, total=total, query=kept)
        )

    def _new_releases(self, call: Call) -> Reply:
        allowed(call.access.browse)
        limit, offset = call.whole("limit", 20, 1, 50), call.whole("offset", 0, 0, 100_000)
        call.market()
        found = self.catalogue.new_releases(call.day)
        texts = [self._render(call).album(release, copy) for release, copy in found[offset : offset + limit]]
        kept = call.keep("country", "market")
        page = objects.page(
            call.href, ["@@items@@"], limit=limit, offset=offset, total=len(found), query=kept
        )
        frame = dumps(page)
        return Reply(200, f'{{"albums":{frame}}}'.replace('"@@items@@"', ",".join(texts)).encode())

    # Tracks

    def _tracks(self, call: Call) -> Reply:
        allowed(call.access.full)
        texts = [self._track_text(call, ident) or "null" for ident in call.ids(50)]
        return Reply(200, f'{{"tracks":[{",".join(texts)}]}}'.encode())

    def _track_text(self, call: Call, ident: str) -> str | None:
        found = self.catalogue.find_track(ident, call.ordinal)
        if found is None:
            return None
        release, copy, position = found
        popularity = self.catalogue.track_popularity(release, position, call.ordinal)
        return self._render(call).track(release, copy, position, popularity, market=call.market() is not None)

    def _track(self, call: Call, ident: str) -> Reply:
        text = self._track_text(call, ident)
        return error(404, "Resource not found") if text is None else Reply(200, text.encode())

    def _features_batch(self, call: Call) -> Reply:
        allowed(self._features and call.access.features)
        found = [self.catalogue.audio_features(ident, call.day) for ident in call.ids(100)]
        return self._ok(call, {"audio_features": found})

    def _features_one(self, call: Call, ident: str) -> Reply:
        allowed(self._features and call.access.features)
        found = self.catalogue.audio_features(ident, call.day)
        return error(404, "analysis not found") if found is None else self._ok(call, found)

    # Lists of others

    def _find(self, call: Call) -> Reply:
        most, default = (10, 5) if not call.access.full else (50, 20)
        limit, offset = call.whole("limit", default, 1, most), call.whole("offset", 0, 0, 1000)
        market = call.market() is not None
        if not call.query.get("q"):
            raise Refusal(400, "No search query")
        kinds = call.query.get("type", "").split(",")
        if not kinds[0]:
            raise Refusal(400, "Missing parameter type")
        if not set(kinds) <= {"artist", "album", "track"}:
            raise Refusal(400, "Bad search type field")
        answer = {}
        for kind in kinds:
            total, found = self._search.find(kind, call.query["q"], call.day, limit, offset)
            items = [objects.playable(node) if market and kind != "artist" else node for node in found]
            kept = self._search.kept(call.query)
            answer[f"{kind}s"] = objects.page(
                call.href, items, limit=limit, offset=offset, total=total, query=kept
            )
        return self._ok(call, answer)

    def _markets(self, call: Call) -> Reply:
        allowed(call.access.full)
        return self._ok(call, {"markets": list(objects.MARKETS)})
