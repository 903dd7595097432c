"""The invented catalogue: lists over artists and releases, on top of `roster` and `works`.

Everything is a pure function of (seed, id, day); what is kept is a cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from spotify_assets.simulator.catalogue.works import Works
from spotify_assets.simulator.spotify.objects import Json
from spotify_assets.simulator.world.chance import mix
from spotify_assets.simulator.world.releases import Release, Song, slot_of

_SWAP = 600
_RECENT_SLOTS = 10
_CLASSIC_STEP, _CLASSIC_SLOTS = 6, 60
_CACHED = 20_000


class Spot(NamedTuple):
    """A track of a release as a candidate for a list."""

    release: Release
    position: int
    song: Song


class ViralStart(NamedTuple):
    """The true start of a viral jump: which artist, the first day above trend, points at the peak."""

    artist_id: str
    start: date
    lift: float


class Catalogue(Works):
    """Invented artists, what they release, and the lists that the service makes of it."""

    def __init__(self, seed: int = 2026, artists: int = 1000, *, quirks: bool = True) -> None:
        """Prepare the world; artists are drawn when first asked for.

        Args:
            seed: Seed of the world; the same seed is the same world, in every process.
            artists: How many artists exist; the first ones are the same for every number.
            quirks: Whether the oddities on record happen (dips, missing days, merges, nulls, ...).
        """
        super().__init__(seed, artists, quirks=quirks)
        self._candidates: dict[tuple[int, int], tuple[Spot, ...]] = {}
        self._new: dict[int, list[tuple[Release, int]]] = {}

    def viral_starts(self, first: date, last: date) -> list[ViralStart]:
        """Return the true starts of viral jumps from `first` to `last`, for judging what finds them.

        Jumps of artists that are merged or taken down by `last` are left out: nobody can see them.
        """
        end = last.toordinal()
        lives = (self.life(index) for index in range(self.size))
        found = [
            ViralStart(self.artist_id(life.index), date.fromordinal(viral.start), viral.lift)
            for life in lives
            if not life.removed(end) and (life.merged_on is None or life.merged_on > end)
            for viral in life.virals(end)
            if viral.start >= first.toordinal()
        ]
        return sorted(found, key=lambda viral: (viral.start, viral.artist_id))

    def candidates(self, index: int, slot: int) -> tuple[Spot, ...]:
        """Return the tracks that may be among an artist's top tracks within a slot, each recording once."""
        found = self._candidates.get((index, slot))
        if found is None:
            if len(self._candidates) > _CACHED:
                self._candidates.clear()
            found = self._candidates[index, slot] = tuple(self._draw_candidates(index, slot))
        return found

    def _draw_candidates(self, index: int, slot: int) -> Iterator[Spot]:
        discography = self.life(index).discography
        # Old songs come from fixed slots, so that the set moves slowly and needs no walk through history.
        old = slot - _RECENT_SLOTS
        fixed = range(old - old % _CLASSIC_STEP, old - _CLASSIC_SLOTS, -_CLASSIC_STEP)
        classics = [back for back in fixed if back > 0]
        if discography.debut < old:
            classics.append(discography.debut)
        seen: set[Song] = set()
        for back in [*range(slot, max(0, old), -1), *dict.fromkeys(classics)]:
            release = discography.release(back)
            if release is not None and release.form != "compilation":
                for position, song in enumerate(release.songs[: 4 if back > old else 2], start=1):
                    if song not in seen:
                        seen.add(song)
                        yield Spot(release, position, song)

    def top_list(self, index: int, day: int, market: str) -> list[tuple[Release, int, int, int]]:
        """Return an artist's top tracks: release, upload, position, popularity; nearly sorted.

        As with the real service, the order follows a figure that is not the popularity shown.
        """
        life = self.life(index)
        if life.removed(day):
            return []
        shown = self.world.effective(day)
        place = mix(int.from_bytes(market.encode()[:8], "big"))
        scored = []
        for release, position, song in self.candidates(index, slot_of(day)):
            if release.day > day:
                continue
            popularity = life.track_popularity(release, song, max(shown, release.day))
            score = popularity + 3.0 * life.recording(song).luck(place)
            scored.append((score, release, position, popularity))
        scored.sort(key=lambda row: (-row[0], row[1].slot, row[2]))
        return [
            (release, self._upload(release, day), position, popularity)
            for _, release, position, popularity in scored[:10]
        ]

    def _upload(self, release: Release, day: int) -> int:
        """Return which upload is listed: with two of them, either, changing from day to day."""
        copies = release.copies(day)
        if len(copies) == 1:
            return 0
        return copies[mix(self.seed, release.artist, release.slot, day, _SWAP) % len(copies)]

    def top_tracks(self, artist_id: str, day: date, market: str = "US") -> list[Json] | None:
        """Return an artist's top tracks as served on a day, at most ten, or None for an unknown artist."""
        index = self.index_of(artist_id)
        answering = None if index is None else self.resolve(index, day.toordinal())
        if answering is None:
            return None
        return [self.track_object(*spot) for spot in self.top_list(answering, day.toordinal(), market)]

    def artist_albums(self, index: int, day: int) -> list[tuple[Release, int, str]]:
        """Return an artist's releases on a day with upload and album group, newest first within a group."""
        found = [
            (release, copy, release.album_type)
            for release in reversed(self.life(index).discography.until(day))
            for copy in release.copies(day)
        ]
        partner = self.partner(index)
        if partner is not None:
            theirs = self.life(partner).discography
            found += [
                (release, 0, "appears_on")
                for release in reversed(theirs.until(day))
                if any(theirs.features_partner(song) for song in release.songs)
            ]
        order = ("album", "single", "compilation", "appears_on")
        return sorted(found, key=lambda row: order.index(row[2]))

    def released_between(self, first: int, last: int) -> list[tuple[Release, int]]:
        """Return all releases but compilations that appear from `first` to `last`, both included."""
        slots = range(slot_of(first), slot_of(last) + 1)
        return [
            (release, 0)
            for discography in (self.life(index).discography for index in range(self.size))
            for slot in slots
            if discography.form(slot) not in {None, "compilation"}
            and first <= discography.day(slot) <= last
            and (release := discography.release(slot)) is not None
        ]

    def new_releases(self, day: date, count: int = 100) -> list[tuple[Release, int]]:
        """Return the list of new releases: the last two weeks', most popular artists first.

        With few artists the list reaches further back, until it has `count` entries or a year is
        over. Sometimes it is frozen, and sometimes the last item of a page comes twice.
        """
        ordinal = day.toordinal()
        listed = self.world.list_day(ordinal)
        found = self._new.get(listed)
        if found is None:
            days = 14
            found = self.released_between(listed - days + 1, listed)
            while len(found) < count and days < 365:
                earlier = listed - days
                days = min(365, days * 2)
                found += self.released_between(listed - days + 1, earlier)
            found.sort(
                key=lambda row: (
                    -(row[0].day > listed - 14),
                    -self.life(row[0].artist).smooth(listed),
                    row[0].artist,
                    row[0].slot,
                )
            )
            if len(self._new) > 400:
                self._new.clear()
            self._new[listed] = found = found[:count]
        if self.world.item_doubled(ordinal):
            found = list(found)
            for boundary in (20, 50):
                if len(found) > boundary:
                    found.insert(boundary, found[boundary - 1])
                    found.pop()
        return found
