"""What moves an artist through time: viral jumps, slow wanders, the luck of a recording."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

from spotify_assets.simulator.world.chance import share, unit
from spotify_assets.simulator.world.releases import Song


class Viral(NamedTuple):
    """A viral jump.

    Attributes:
        start: Ordinal of the first day above trend.
        lift: Points of popularity at the peak, reached within a week.
        half_life: Days until half of the lift is gone.
        song: Recording that carries it, or None where nothing is released yet.
    """

    start: int
    lift: float
    half_life: float
    song: Song | None

    def at(self, day: int) -> float:
        """Return the points added on a day."""
        age = day - self.start
        if age < 0:
            return 0.0
        rise = min(1.0, (age + 1) / 6.0)
        return self.lift * rise * exp(-0.6931471805599453 * age / self.half_life)


class Wander:
    """A slow wander in [-1, 1]: values drawn at fixed steps, smoothly joined.

    It keeps the two values that the last day asked for is between.
    """

    __slots__ = ("_key", "_knot", "_left", "_right", "_step")

    def __init__(self, key: int, step: int) -> None:
        """Wander with a drawn value every `step` days."""
        self._key, self._step = key, step
        self._knot, self._left, self._right = -1, 0.0, 0.0

    def at(self, day: int) -> float:
        """Return the value on a day."""
        knot, within = divmod(day, self._step)
        if self._knot != knot:
            self._knot = knot
            self._left, self._right = unit(self._key, knot), unit(self._key, knot + 1)
        share = within / self._step
        share = share * share * (3.0 - 2.0 * share)
        return (self._left + (self._right - self._left) * share) * 2.0 - 1.0


class Recording:
    """What is drawn once for a recording.

    Attributes:
        key: The recording's own seed.
        quality: How well it does against the artist's others, in [0, 1).
        wander: Its slow ups and downs.
    """

    __slots__ = ("key", "quality", "wander")

    def __init__(self, key: int) -> None:
        """Draw from the recording's seed."""
        self.key = key
        self.quality = share(key, 3)
        self.wander = Wander(key, 11)

    def luck(self, bits: int) -> float:
        """Return a number in [0, 1) for this recording and 64 bits that are drawn for all of them."""
        return ((bits | 1) * (self.key | 1) & 0xFFFFFFFFFFFFFFFF) / 2**64
