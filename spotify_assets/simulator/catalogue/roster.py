"""The invented artists: ids, names, and what the service says about them on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from spotify_assets.simulator.catalogue.ids import ARTIST, IdCodec
from spotify_assets.simulator.spotify import objects
from spotify_assets.simulator.spotify.objects import Json
from spotify_assets.simulator.world import names
from spotify_assets.simulator.world.chance import mix, unit
from spotify_assets.simulator.world.service_days import World
from spotify_assets.simulator.world.timeline import Life

_GENRES, _PICTURES, _TARGET = range(400, 403)


class Roster:
    """Invented artists that live through time.

    Attributes:
        seed: Seed of the world.
        size: How many artists exist.
        quirks: Whether the oddities on record happen.
        world: What happens to everyone at once.
        codec: Turns ids into what they stand for.
    """

    def __init__(self, seed: int = 2026, artists: int = 1000, *, quirks: bool = True) -> None:
        """Prepare the world; artists are drawn when first asked for."""
        self.seed = seed
        self.size = artists
        self.quirks = quirks
        self.world = World(seed, quirks=quirks)
        self.codec = IdCodec(seed)
        self._lives: dict[int, Life] = {}
        self._ids: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._indexes: dict[str, int] = {}

    def artist_id(self, index: int) -> str:
        """Return the id of artist `index`."""
        ident = self._ids.get(index)
        if ident is None:
            ident = self._ids[index] = self.codec.encode(ARTIST, index)
            self._indexes[ident] = index
        return ident

    def artist_ids(self, count: int | None = None) -> list[str]:
        """Return the ids of the first `count` artists (all by default)."""
        return [self.artist_id(index) for index in range(self.size)[:count]]

    def index_of(self, artist_id: str) -> int | None:
        """Return the index of an artist, or None for an id that is not of this catalogue."""
        index = self._indexes.get(artist_id)
        if index is None:
            parts = self.codec.decode(ARTIST, artist_id)
            if parts is None or parts.artist >= self.size:
                return None
            index = parts.artist
            self.artist_id(index)
        return index

    def life(self, index: int) -> Life:
        """Return an artist's numbers through time."""
        life = self._lives.get(index)
        if life is None:
            life = self._lives[index] = Life(self.seed, index, quirks=self.quirks)
        return life

    def name(self, index: int) -> str:
        """Return an artist's name."""
        name = self._names.get(index)
        if name is None:
            name = self._names[index] = names.artist_name(self.seed, index)
        return name

    def genres(self, index: int) -> list[str]:
        """Return an artist's genres, lower case, none to three."""
        return names.genres(self.life(index).key, _GENRES)

    def resolve(self, index: int, day: int) -> int | None:
        """Return which artist answers for `index` on a day: itself, the one it was merged into, or None."""
        life = self.life(index)
        if life.merged_on is not None and day >= life.merged_on:
            index = self._merge_target(index)
        return None if self.life(index).absent(day) else index

    def _merge_target(self, index: int) -> int:
        """Return the artist that `index` is merged into: one that stays."""
        for attempt in range(self.size):
            target = (index + 1 + mix(self.seed, index, _TARGET) + attempt) % self.size
            life = self.life(target)
            if target != index and life.merged_on is None and life.removed_on is None:
                return target
        return index

    def artist(self, artist_id: str, day: date) -> Json | None:
        """Return an artist as served on a day, or None where the service does not find it."""
        index = self.index_of(artist_id)
        answering = None if index is None else self.resolve(index, day.toordinal())
        if answering is None:
            return None
        popularity, followers = self.artist_values(answering, day.toordinal())
        return self.artist_object(answering, day.toordinal(), popularity, followers)

    def artist_values(self, index: int, day: int) -> tuple[int, int | None]:
        """Return an artist's popularity (0 to 100) and followers as served on a day."""
        life, day = self.life(index), self.world.effective(day)
        return life.popularity(day), life.followers(day)

    def plain(self, index: int, day: int) -> bool:
        """Tell whether nothing but the numbers of an artist differs from other days."""
        return not self.world.genres_empty(day) and not self.life(index).removed(day)

    def artist_object(self, index: int, day: int, popularity: Any, followers: Any) -> Json:
        """Return an artist with the given numbers."""
        life, ident = self.life(index), self.artist_id(index)
        removed = life.removed(day)
        pictures = [] if removed else self.pictures(ident, life.key, (640, 320, 160))
        genres = [] if removed or self.world.genres_empty(day) else self.genres(index)
        return objects.full_artist(
            ident,
            "" if removed else self.name(index),
            popularity=popularity,
            followers=followers,
            genres=genres,
            pictures=pictures,
        )

    def pictures(self, ident: str, key: int, sizes: tuple[int, ...]) -> list[Json]:
        """Return the images of an artist or album; rarely none, or one without its size."""
        draw = unit(key, _PICTURES)
        if self.quirks and draw < 0.01:
            return []
        return objects.images(ident, (None,) if self.quirks and draw < 0.02 else sizes)
