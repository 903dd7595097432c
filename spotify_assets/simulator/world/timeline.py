"""How artists fare through time: popularity, followers, viral jumps.

Days are proleptic ordinals (`date.toordinal()`).
"""

from __future__ import annotations

from datetime import date
from math import cos, exp, log, log1p, tau

from spotify_assets.simulator.world.chance import bell, between, mix, unit, wave
from spotify_assets.simulator.world.motion import Recording, Viral, Wander
from spotify_assets.simulator.world.releases import Discography, Release, Song, slot_of, song_key

VIRAL_WINDOW = 90
VIRAL_EPOCH = date(2018, 1, 1).toordinal()
_VIRAL_SHARE = 0.045
_TRACK_DIP = 0.0005
_ABSENT_BELOW, _DIP_BELOW = int(0.001 * 2**32), int(0.0008 * 2**32)
_DECADE = (date(2024, 1, 1).toordinal(), date(2027, 12, 31).toordinal())

_LEVEL, _SLOW, _FAST, _NOISE, _VIRAL, _FANS, _GROWTH, _LUCK, _FANS_NULL, _MERGE, _REMOVE = range(200, 211)


class Life:
    """One artist through time.

    Attributes:
        key: The artist's own seed.
        index: Index in the catalogue.
        discography: What the artist releases and when.
        merged_on: Ordinal of the day the id starts to answer with another artist, or None.
        removed_on: Ordinal of the day the artist is taken down, or None.
    """

    __slots__ = (
        "_boosts",
        "_drawn",
        "_drawn_luck",
        "_fans",
        "_fans_draw",
        "_growth",
        "_last_level",
        "_level",
        "_quirks",
        "_recordings",
        "_virals",
        "_wander",
        "_waves",
        "discography",
        "index",
        "key",
        "merged_on",
        "removed_on",
    )

    def __init__(self, seed: int, index: int, *, quirks: bool) -> None:
        """Draw the artist's constants."""
        key = self.key = mix(seed, index)
        self.index = index
        self._quirks = quirks
        self.discography = Discography(key, index, quirks=quirks)
        self._level: float = 8.0 + 74.0 * unit(key, _LEVEL) ** 1.5
        self._waves = (
            (3.0 + 10.0 * unit(key, _SLOW), 420.0 + 900.0 * unit(key, _SLOW, 1), unit(key, _SLOW, 2)),
            (1.0 + 3.0 * unit(key, _FAST), 90.0 + 210.0 * unit(key, _FAST, 1), unit(key, _FAST, 2)),
        )
        self._fans = 10.0 ** (1.6 + self._level / 17.0 + 0.25 * bell(key, _FANS))
        self._growth = 0.02 + 0.5 * unit(key, _GROWTH) ** 2
        self._virals: list[Viral] = []
        self._drawn = 0
        self._boosts: dict[int, tuple[tuple[int, float], ...]] = {}
        self._last_level = (0, 0.0)
        self._drawn_luck = (0, 0)
        self._fans_draw = (-1, 0.0)
        self._wander = Wander(mix(key, _NOISE), 9)
        self._recordings: dict[Song, Recording] = {}
        self.merged_on: int | None = None
        self.removed_on: int | None = None
        if quirks:
            fate = unit(key, _MERGE)
            if fate < 0.008:
                self.merged_on = between(*_DECADE, key, _MERGE, 1)
            elif fate < 0.014:
                self.removed_on = between(*_DECADE, key, _REMOVE)

    def _draw_viral(self, window: int) -> Viral | None:
        """Return the viral jump that starts in a window of 90 days (counted from 2018), or None."""
        key = self.key
        if unit(key, _VIRAL, window) >= _VIRAL_SHARE:
            return None
        start = VIRAL_EPOCH + window * VIRAL_WINDOW + between(0, VIRAL_WINDOW - 1, key, _VIRAL, window, 1)
        lift = 14.0 + 20.0 * unit(key, _VIRAL, window, 2)
        half_life = 18.0 + 40.0 * unit(key, _VIRAL, window, 3)
        latest = self.discography.latest(start - 1)
        return Viral(start, lift, half_life, Song(latest.slot, 1) if latest else None)

    def virals(self, day: int) -> list[Viral]:
        """Return every viral jump that started by a day, oldest first."""
        window = (day - VIRAL_EPOCH) // VIRAL_WINDOW
        if self._drawn > window and not self._virals:
            return self._virals
        while self._drawn <= window:
            if (viral := self._draw_viral(self._drawn)) is not None:
                self._virals.append(viral)
            self._drawn += 1
        return [viral for viral in self._virals if viral.start <= day]

    def _release_boosts(self, slot: int) -> tuple[tuple[int, float], ...]:
        try:
            return self._boosts[slot]
        except KeyError:
            found = []
            for back in range(slot - 3, slot + 1):
                form = self.discography.form(back)
                if form is not None:
                    size = {"single": 3.0, "ep": 4.0, "album": 8.0, "compilation": 1.5}[form]
                    found.append((self.discography.day(back), size * (0.5 + unit(self.key, back))))
            boosts = self._boosts[slot] = tuple(found)
            return boosts

    def level(self, day: int) -> float:
        """Return the popularity before viral jumps, unrounded: trend, seasons and recent releases."""
        if self._last_level[0] == day:
            return self._last_level[1]
        value: float = self._level + 0.7 * self._wander.at(day)
        for size, period, phase in self._waves:
            value += size * wave(day, period, phase)
        for released, size in self._release_boosts(slot_of(day)):
            age = day - released
            if age >= 0:
                value += size * min(1.0, (age + 1) / 5.0) * exp(-age / 28.0)
        self._last_level = (day, value)
        return value

    def smooth(self, day: int) -> float:
        """Return the popularity without the service's errors, unrounded, from 0 to 100."""
        value = self.level(day)
        for viral in self.virals(day):
            value += viral.at(day) * (1.0 - value / 140.0)
        return min(100.0, max(0.0, value))

    def removed(self, day: int) -> bool:
        """Tell whether the artist is taken down by a day."""
        return self.removed_on is not None and day >= self.removed_on

    def dips(self, day: int) -> bool:
        """Tell whether the popularity is 0 on a day, and back on the next."""
        return self._quirks and self._luck(day) & 0xFFFFFFFF < _DIP_BELOW

    def _luck(self, day: int) -> int:
        """Return the day's 64 bits of bad luck; one draw serves several rare events."""
        if self._drawn_luck[0] != day:
            self._drawn_luck = (day, mix(self.key, _LUCK, day))
        return self._drawn_luck[1]

    def absent(self, day: int) -> bool:
        """Tell whether the service does not find the artist on a day."""
        return self._quirks and self._luck(day) >> 32 < _ABSENT_BELOW

    def popularity(self, day: int) -> int:
        """Return the popularity as served: an integer from 0 to 100."""
        if self.removed(day) or self.dips(day):
            return 0
        return round(self.smooth(day))

    def followers(self, day: int) -> int | None:
        """Return the number of followers as served: growing, for three days at a time 0 or null."""
        if self._quirks:
            spell = day // 3
            if self._fans_draw[0] != spell:
                self._fans_draw = (spell, unit(self.key, _FANS_NULL, spell))
            draw = self._fans_draw[1]
            if self.removed(day) or draw < 0.0008:
                return 0
            if draw < 0.0012:
                return None
        return self.fans(day)

    def fans(self, day: int) -> int:
        """Return how many people keep the artist in view: only growing, faster after a viral jump."""
        value = self._fans * exp(self._growth * (day - 738_886) / 365.25)
        for viral in self.virals(day):
            value *= 1.0 + viral.lift / 60.0 * (1.0 - exp((viral.start - day) / 15.0))
        return int(value)

    @property
    def usual(self) -> float:
        """The popularity the artist comes back to, from 8 to 82."""
        return self._level

    def area(self, day: int) -> float:
        """Return the popularity summed over the days since the first release; it only grows.

        In closed form, so that any day costs the same: the trend, the seasons (kept above zero) and the
        viral jumps; not the weekly wander.
        """
        start = self.discography.day(self.discography.debut)
        if day <= start:
            return 0.0
        total: float = self._level * (day - start)
        kept = min(1.0, 0.9 * self._level / sum(size for size, _, _ in self._waves))
        for size, period, phase in self._waves:
            turns = cos((day / period + phase) * tau) - cos((start / period + phase) * tau)
            total -= kept * size * period / tau * turns
        for viral in self.virals(day):
            total += (
                viral.lift
                * viral.half_life
                / log(2.0)
                * (1.0 - 0.5 ** ((day - viral.start) / viral.half_life))
            )
        return total

    def track_popularity(self, release: Release, song: Song, day: int) -> int:
        """Return a track's popularity as served: 0 on its first day, decaying with the recording's age."""
        draw = self.recording(song)
        if day <= release.day or (self._quirks and draw.luck(self._luck(day)) < _TRACK_DIP):
            return 0
        quality = draw.quality
        age = day - (release.day if song.slot == release.slot else self.discography.day(song.slot))
        value = self.level(day) * (0.66 + 0.26 * quality) + (4.0 + 10.0 * quality) * exp(-age / 45.0)
        value -= min(22.0, 5.0 * log1p(age / 200.0))
        for viral in self.virals(day):
            if viral.song == song:
                value += 1.3 * viral.at(day)
        value += 0.8 * draw.wander.at(day)
        since = day - release.day
        if since < 6:
            value *= (since + 0.5) / 6.0
        return 0 if value < 0 else 100 if value > 100 else round(value)

    def recording(self, song: Song) -> Recording:
        """Return what is drawn once for a recording."""
        found = self._recordings.get(song)
        if found is None:
            found = self._recordings[song] = Recording(song_key(self.key, song))
        return found
