"""Deterministic chance: numbers that depend on their keys alone.

Python's own `hash` and `random` are left alone: the first differs between processes, the second has state.
"""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1
_SCALE = 1.0 / (1 << 53)


def mix(*keys: int) -> int:
    """Hash integers to 64 bits (splitmix64, one round a key), the same in every process."""
    state = 0x9E3779B97F4A7C15
    for key in keys:
        state = (state ^ key) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


def unit(*keys: int) -> float:
    """Return a number in [0, 1) for these keys."""
    return (mix(*keys) >> 11) * _SCALE


def share(bits: int, place: int) -> float:
    """Return one of the four numbers in [0, 1) that 64 drawn bits hold; `place` is 0 to 3."""
    return (bits >> place * 16 & 0xFFFF) / 65536.0


def between(low: int, high: int, *keys: int) -> int:
    """Return an integer from `low` to `high`, both included, for these keys."""
    return low + mix(*keys) % (high - low + 1)


def bell(*keys: int) -> float:
    """Return a number around 0 with a spread of about 1, never beyond ±3 (sum of three uniforms)."""
    bits = mix(*keys)
    total = (bits & 0x1FFFFF) + (bits >> 21 & 0x1FFFFF) + (bits >> 42 & 0x1FFFFF)
    return total / 0x1FFFFF * 2.0 - 3.0


def wave(day: int, period: float, phase: float) -> float:
    """Return a sine of `day` with a period in days and a phase in turns."""
    return math.sin((day / period + phase) * math.tau)
