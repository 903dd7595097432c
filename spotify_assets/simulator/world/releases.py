"""Release days: what an artist puts out, when, and which songs are on it.

Time is cut into slots of eight weeks that start on a Friday; an artist releases at most once in a slot, so
what exists on a day is found without walking through history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from spotify_assets.simulator.world.chance import between, mix, share, unit

EPOCH = date(1998, 1, 2).toordinal()
SLOT_DAYS = 56

# What a number is drawn for; keeps draws of one artist apart from each other.
_FORM, _DAY, _COUNT, _COPY, _DEBUT, _PACE, _FEATURE = range(100, 107)


class Song(NamedTuple):
    """A recording, whatever track ids it has: the release slot it first came with, and its number there."""

    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Release:
    """One release of one artist.

    Attributes:
        artist: Index of the artist.
        slot: Slot it falls into; with the artist, its identity.
        day: Ordinal of the day it appears.
        form: ``single`` (1 to 3 songs), ``ep`` (4 to 6), ``album`` (8 to 16) or ``compilation``.
        songs: Songs in order; an album repeats the singles that led to it.
        copied: Ordinal of the day it is uploaded again under another id, or None.
        date_text: Release date as the service writes it: to the day, month or year, or ``0000``.
        precision: What `date_text` is precise to.
    """

    artist: int
    slot: int
    day: int
    form: Literal["single", "ep", "album", "compilation"]
    songs: tuple[Song, ...]
    copied: int | None
    date_text: str
    precision: Literal["day", "month", "year"]

    @property
    def album_type(self) -> str:
        """The service's word for the form; it calls an EP a single."""
        return "single" if self.form == "ep" else self.form

    def copies(self, day: int) -> tuple[int, ...]:
        """Return which uploads exist on a day."""
        if day < self.day:
            return ()
        return (0, 1) if self.copied is not None and day >= self.copied else (0,)


def slot_of(day: int) -> int:
    """Return the slot a day falls into; 0 for all days before the first."""
    return max(0, (day - EPOCH) // SLOT_DAYS)


class Discography:
    """The releases of one artist.

    Attributes:
        debut: Slot of the first release, always an album.
        pace: Share of later slots with a release.
    """

    __slots__ = ("_days", "_forms", "_key", "_quirks", "_releases", "_until", "artist", "debut", "pace")

    def __init__(self, key: int, artist: int, *, quirks: bool) -> None:
        """Draw the artist's calendar.

        Args:
            key: The artist's own seed.
            artist: Index of the artist.
            quirks: Whether re-uploads and year-less dates happen.
        """
        self._key = key
        self._quirks = quirks
        self.artist = artist
        self.debut = between(20, 165, key, _DEBUT)
        self.pace = 0.12 + 0.6 * unit(key, _PACE) ** 1.2
        self._forms: dict[int, Literal["single", "ep", "album", "compilation"] | None] = {}
        self._days: dict[int, int] = {}
        self._releases: dict[int, Release] = {}
        self._until: tuple[int, tuple[Release, ...]] = (-1, ())

    def form(self, slot: int) -> Literal["single", "ep", "album", "compilation"] | None:
        """Return what comes out in a slot, or None."""
        try:
            return self._forms[slot]
        except KeyError:
            form = self._forms[slot] = self._draw_form(slot)
            return form

    def _draw_form(self, slot: int) -> Literal["single", "ep", "album", "compilation"] | None:
        if slot <= self.debut:
            return "album" if slot == self.debut else None
        bits = mix(self._key, _FORM, slot)
        if share(bits, 0) >= self.pace:
            return None
        draw = share(bits, 1)
        if draw < 0.64:
            return "single"
        if draw < 0.78:
            return "ep"
        return "album" if draw < 0.98 else "compilation"

    def day(self, slot: int) -> int:
        """Return the ordinal of the slot's release day, a Friday three times out of four."""
        start = EPOCH + slot * SLOT_DAYS
        day = self._days.get(slot)
        if day is None:
            bits = mix(self._key, _DAY, slot)
            offset = int(share(bits, 1) * SLOT_DAYS)
            day = self._days[slot] = start + (offset - offset % 7 if share(bits, 0) < 0.75 else offset)
        return day

    def own_songs(self, slot: int) -> int:
        """Return how many new songs a slot's release brings."""
        form = self.form(slot)
        low, high = {"single": (1, 3), "ep": (4, 6), "album": (7, 14), "compilation": (1, 2)}.get(
            form or "", (0, 0)
        )
        return between(low, high, self._key, _COUNT, slot)

    def release(self, slot: int) -> Release | None:
        """Return the release of a slot, or None."""
        found = self._releases.get(slot)
        if found is None and (form := self.form(slot)) is not None:
            found = self._releases[slot] = self._make(slot, form)
        return found

    def _make(self, slot: int, form: Literal["single", "ep", "album", "compilation"]) -> Release:
        earlier: list[Song] = []
        if form == "album":
            earlier = [Song(back, 1) for back in (slot - 1, slot - 2) if self.form(back) == "single"]
        elif form == "compilation":
            earlier = [
                Song(back, 1)
                for back in range(max(self.debut, slot - 60), slot)
                if self.form(back) in {"single", "ep", "album"}
            ][-14:]
        songs = (*earlier, *(Song(slot, number + 1) for number in range(self.own_songs(slot))))
        day = self.day(slot)
        copied = None
        bits = mix(self._key, _COPY, slot)
        if self._quirks and share(bits, 0) < 0.04:
            copied = day + 25 + int(share(bits, 1) * 200)
        text, precision = self._date(share(bits, 2), day)
        return Release(self.artist, slot, day, form, songs, copied, text, precision)

    def _date(self, draw: float, day: int) -> tuple[str, Literal["day", "month", "year"]]:
        text = date.fromordinal(day).isoformat()
        if self._quirks and draw < 0.003:
            return "0000", "year"
        if draw < 0.02:
            return text[:4], "year"
        if draw < 0.03:
            return text[:7], "month"
        return text, "day"

    def until(self, day: int) -> tuple[Release, ...]:
        """Return every release that exists on a day, oldest first."""
        last = slot_of(day)
        if self._until[0] != last:
            found = (self.release(slot) for slot in range(self.debut, last + 1))
            self._until = (last, tuple(release for release in found if release is not None))
        return tuple(release for release in self._until[1] if release.day <= day)

    def latest(self, day: int) -> Release | None:
        """Return the newest release that exists on a day."""
        for slot in range(slot_of(day), self.debut - 1, -1):
            release = self.release(slot)
            if release is not None and release.day <= day:
                return release
        return None

    def features_partner(self, song: Song) -> bool:
        """Tell whether the artist's partner sings on a song."""
        return unit(self._key, _FEATURE, song.slot, song.number) < 0.12


@lru_cache(maxsize=4096)
def isrc(artist: int, song: Song) -> str:
    """Return the recording's ISRC; ``ZZ`` is no country, so it is nobody's."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    owner = "".join(digits[artist // power % 36] for power in (1296, 36, 1))
    year = date.fromordinal(EPOCH + song.slot * SLOT_DAYS).year % 100
    return f"ZZ{owner}{year:02d}{song.slot % 100 * 100 + song.number:05d}"


def upc(artist: int, slot: int) -> str:
    """Return the release's 13-digit code from the range shops keep for themselves."""
    body = f"20{artist % 1_000_000:06d}{slot:04d}"
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return f"{body}{check}"


def song_key(key: int, song: Song) -> int:
    """Return the seed of one recording."""
    return mix(key, song.slot, song.number)
