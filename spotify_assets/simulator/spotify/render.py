"""JSON text of the objects that are asked for most, built once and filled in.

The text is made from the same dictionaries that everything else uses (`simulator.catalogue.lists`,
`objects`), so there is one definition of each object.
"""

from __future__ import annotations

from typing import Any

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.replies import dumps
from spotify_assets.simulator.spotify.objects import Json, for_development, playable
from spotify_assets.simulator.world.releases import Release

_POPULARITY, _FOLLOWERS, _ALBUM = "@@popularity@@", "@@followers@@", "@@album@@"
_CACHED = 50_000


def _template(text: str) -> str:
    """Return text to be filled with ``%``; a placeholder that the mode dropped is simply not there."""
    text = text.replace("%", "%%")
    for mark in (_POPULARITY, _FOLLOWERS):
        text = text.replace(f'"{mark}"', f"%({mark[2:-2]})s")
    return text


class Renderer:
    """Turns catalogue entries into JSON text, in one mode.

    Attributes:
        catalogue: What is rendered.
        development: Whether fields are left out as in development mode.
    """

    def __init__(self, catalogue: Catalogue, *, development: bool) -> None:
        """Start with empty caches."""
        self.catalogue = catalogue
        self.development = development
        self._artists: dict[int, str] = {}
        self._albums: dict[tuple[int, int, int], str] = {}
        self._tracks: dict[tuple[int, int, int, int, bool], str] = {}

    def shape(self, node: Any) -> Any:
        """Return an answer as the mode shows it."""
        return for_development(node) if self.development else node

    def artist(self, index: int, day: int) -> str:
        """Return the JSON text of an artist (already resolved) on a day."""
        catalogue = self.catalogue
        popularity, followers = catalogue.artist_values(index, day)
        if not catalogue.plain(index, day):
            return dumps(self.shape(catalogue.artist_object(index, day, popularity, followers)))
        template = self._artists.get(index)
        if template is None:
            node = catalogue.artist_object(index, day, _POPULARITY, _FOLLOWERS)
            template = self._artists[index] = _template(dumps(self.shape(node)))
        shown = "null" if followers is None else followers
        return template % {"popularity": popularity, "followers": shown}

    def album(self, release: Release, copy: int) -> str:
        """Return the JSON text of a simplified album."""
        key = (release.artist, release.slot, copy)
        text = self._albums.get(key)
        if text is None:
            if len(self._albums) > _CACHED:
                self._albums.clear()
            text = self._albums[key] = dumps(self.shape(self.catalogue.album_object(release, copy)))
        return text

    def track(self, release: Release, copy: int, position: int, popularity: int, *, market: bool) -> str:
        """Return the JSON text of a track; with a market it says that it is playable."""
        key = (release.artist, release.slot, copy, position, market)
        template = self._tracks.get(key)
        if template is None:
            if len(self._tracks) > _CACHED:
                self._tracks.clear()
            template = self._tracks[key] = self._track_template(release, copy, position, market=market)
        return template % {"popularity": popularity}

    def _track_template(self, release: Release, copy: int, position: int, *, market: bool) -> str:
        node: Json = self.catalogue.track_object(release, copy, position, _POPULARITY, album=_ALBUM)
        album = self.album(release, copy)
        if market:
            node, album = playable(node), album[:-1] + ',"is_playable":true}'
        return _template(dumps(self.shape(node)).replace(f'"{_ALBUM}"', album))
