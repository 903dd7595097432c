"""How often the invented artists are played elsewhere, and by how many people: counts that only grow."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.world.releases import Release, Song


class Count(NamedTuple):
    """Plays until a day, and the people they came from."""

    plays: int
    people: int


class Audience:
    """The listeners of one service.

    Attributes:
        catalogue: Who is listened to.
    """

    def __init__(self, catalogue: Catalogue, *, share: float, breadth: float) -> None:
        """Size the service.

        Args:
            catalogue: Who is listened to.
            share: Plays a day and point of popularity for an artist of popularity 0.
            breadth: How the number of people follows from the plays, as a power below 1.
        """
        self.catalogue = catalogue
        self._share = share
        self._breadth = breadth

    def _count(self, plays: float) -> Count:
        whole = int(plays)
        return Count(whole, min(whole, int(whole**self._breadth)))

    def _scale(self, index: int) -> float:
        """Return plays for a day and point of popularity: popular artists have many more of them."""
        scale: float = self._share * 10.0 ** (self.catalogue.life(index).usual / 25.0)
        return scale

    def of_artist(self, index: int, day: int) -> Count:
        """Return how often an artist was played until a day (proleptic ordinal)."""
        return self._count(self._scale(index) * self.catalogue.life(index).area(day))

    def of_recording(self, release: Release, song: Song, day: int) -> Count:
        """Return how often a recording was played until a day, on whatever release it came."""
        life = self.catalogue.life(release.artist)
        age = day - life.discography.day(song.slot)
        if age <= 0:
            return Count(0, 0)
        share = 0.004 + 0.04 * life.recording(song).quality ** 2
        points = life.usual * share * (age + 200.0 * (1.0 - exp(-age / 45.0)))
        for viral in life.virals(day):
            if viral.song == song:
                faded = 0.5 ** ((day - viral.start) / viral.half_life)
                points += 0.6 * viral.lift * viral.half_life / log(2.0) * (1.0 - faded)
        return self._count(self._scale(release.artist) * points)

    def top_recordings(self, index: int, day: int, most: int) -> list[tuple[Release, int, Song, Count]]:
        """Return an artist's recordings (release, position, song, plays), the most played first."""
        found: dict[Song, tuple[Release, int]] = {}
        for release in self.catalogue.life(index).discography.until(day):
            if release.form != "compilation":
                for position, song in enumerate(release.songs, start=1):
                    found.setdefault(song, (release, position))
        counted = [(*where, song, self.of_recording(where[0], song, day)) for song, where in found.items()]
        counted.sort(key=lambda row: (-row[3].plays, row[2]))
        return counted[:most]
