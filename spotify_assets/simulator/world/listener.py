"""A simulated person: whom they follow, what they play, and what they keep."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from math import tau
from typing import NamedTuple

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.world.chance import between, mix, unit, wave
from spotify_assets.simulator.world.releases import Release

_TASTE, _COUNT, _MOOD, _PLAYS, _MOMENT, _CHOICE, _TRACK, _SAVED, _ALBUM = range(800, 809)
# Days after which each range of the "top" lists has changed for the most part.
RANGES = {"short_term": 28.0, "medium_term": 180.0, "long_term": 1500.0}
_REMEMBERED_DAYS = 30


class Play(NamedTuple):
    """A track played to its end: what, and when it ended (UTC)."""

    played_at: datetime
    release: Release
    copy: int
    position: int
    popularity: int


class Saved(NamedTuple):
    """A release, or the track of it at a position, that was saved at a moment (UTC)."""

    added_at: datetime
    release: Release
    position: int


class Listener:
    """One person.

    Attributes:
        name: Name they sign in with.
    """

    def __init__(self, catalogue: Catalogue, name: str) -> None:
        """Draw whom they like."""
        self._catalogue = catalogue
        self.name = name
        digest = hashlib.blake2b(name.encode(), digest_size=7).digest()
        self._key = mix(catalogue.seed, int.from_bytes(digest, "big"))
        count = min(catalogue.size, between(20, 60, self._key, _COUNT))
        drawn = (mix(self._key, _TASTE, place) % catalogue.size for place in range(count * 8))
        self._liked = list(dict.fromkeys(drawn))[:count]

    def followed(self, day: int) -> list[int]:
        """Return the artists they follow, by index; those taken down are gone."""
        found = (index for index in self._liked if self._catalogue.resolve(index, day) == index)
        return sorted(index for index in found if not self._catalogue.life(index).removed(day))

    def top_artists(self, span: str, day: int) -> list[int]:
        """Return artists by index, the most played first, over a span of `RANGES`."""
        period = RANGES[span]

        def affinity(index: int) -> float:
            mood = wave(day, period * tau, unit(self._key, _MOOD, index))
            return (1.0 + 0.8 * mood) / (2 + self._liked.index(index))

        return sorted(self.followed(day), key=affinity, reverse=True)[:50]

    def top_tracks(self, span: str, day: int) -> list[tuple[Release, int, int, int]]:
        """Return tracks (release, upload, position, popularity), the most played first."""
        lists = [self._catalogue.top_list(index, day, "US")[:3] for index in self.top_artists(span, day)]
        return [row[place] for place in range(3) for row in lists if place < len(row)][:50]

    def plays(self, moment: datetime) -> Iterator[Play]:
        """Yield what they played until a moment, the latest first; a month back."""
        for back in range(_REMEMBERED_DAYS):
            yield from self._plays_of(moment.date() - timedelta(days=back), moment)

    def _plays_of(self, day: date, until: datetime) -> list[Play]:
        ordinal, key = day.toordinal(), mix(self._key, _PLAYS, day.toordinal())
        midnight, liked, found = datetime.combine(day, time(), UTC), self.followed(ordinal), []
        for place in range(between(4, 32, key, _COUNT) if liked else 0):
            millis = between(6 * 3_600_000, 24 * 3_600_000 - 1, key, _MOMENT, place)
            at = midnight + timedelta(milliseconds=millis)
            # The first that were drawn are the ones liked best.
            artist = self._liked[int(len(self._liked) * unit(key, _CHOICE, place) ** 2)]
            shown = self._catalogue.top_list(artist, ordinal, "US") if artist in liked else []
            if shown and at <= until:
                found.append(Play(at, *shown[mix(key, _TRACK, place) % len(shown)]))
        return sorted(found, reverse=True)

    def saved_tracks(self, day: int) -> list[Saved]:
        """Return the tracks in their library on a day, the latest saved first."""
        return self._saved(day, _SAVED, 0.12, tracks=True)

    def saved_albums(self, day: int) -> list[Saved]:
        """Return the albums in their library on a day, the latest saved first."""
        return self._saved(day, _ALBUM, 0.35, tracks=False)

    def _saved(self, day: int, draw: int, chance: float, *, tracks: bool) -> list[Saved]:
        found = []
        for index in self.followed(day):
            for release in self._catalogue.life(index).discography.until(day):
                for position in range(1, len(release.songs) + 1) if tracks else (0,):
                    key = mix(self._key, draw, index, release.slot, position)
                    if (tracks or release.form != "single") and unit(key) < chance:
                        seconds = between(0, 120 * 86_400, key, _MOMENT)
                        added = datetime.combine(date.fromordinal(release.day), time(9), UTC)
                        added += timedelta(seconds=seconds)
                        if added.toordinal() <= day:
                            found.append(Saved(added, release, position))
        return sorted(found, key=lambda one: (one.added_at, one.position), reverse=True)
