"""Ids of 22 base-62 characters, as Spotify's, that carry what they stand for.

Nothing is stored: an id is a seeded bijection of 128 bits, so any id can be looked up without a table, and
a foreign id is told from the 48 bits that must agree.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_MASK = (1 << 128) - 1
_SHAPE = re.compile(r"[0-9A-Za-z]{22}")

ARTIST, ALBUM, TRACK, PLAYLIST = 1, 2, 3, 4


class Parts(NamedTuple):
    """What an id stands for.

    Attributes:
        artist: Index of the artist in the catalogue (of the chart, for a playlist).
        slot: Release slot, see `timeline`.
        copy: 0 for the first upload, 1 for the same release uploaded again.
        position: Track number within the release, from 1.
    """

    artist: int
    slot: int = 0
    copy: int = 0
    position: int = 0


def is_id(text: str) -> bool:
    """Tell whether `text` has the shape of an id."""
    return _SHAPE.fullmatch(text) is not None


class IdCodec:
    """Ids of one seed."""

    def __init__(self, seed: int) -> None:
        """Derive the bijection from `seed`."""
        digest = hashlib.blake2b(str(seed).encode(), digest_size=54, person=b"simulated-ids").digest()
        self._first = int.from_bytes(digest[:16], "big") | 1
        self._second = int.from_bytes(digest[16:32], "big") | 1
        self._add = int.from_bytes(digest[32:48], "big")
        self._magic = int.from_bytes(digest[48:54], "big")
        self._first_back = pow(self._first, -1, 1 << 128)
        self._second_back = pow(self._second, -1, 1 << 128)

    def encode(self, kind: int, artist: int, slot: int = 0, copy: int = 0, position: int = 0) -> str:
        """Return the id of a thing."""
        plain = (self._magic << 8 | kind) << 32 | artist
        plain = ((plain << 16 | slot) << 8 | copy) << 16 | position
        value = (plain * self._first + self._add) & _MASK
        value ^= value >> 64
        value = value * self._second & _MASK
        value ^= value >> 64
        pairs = []
        for _ in range(11):
            value, pair = divmod(value, 3844)
            pairs.append(_PAIRS[pair])
        pairs.reverse()
        return "".join(pairs)

    def decode(self, kind: int, text: str) -> Parts | None:
        """Return what an id stands for, or None where it is no id of this kind and seed."""
        if not is_id(text):
            return None
        value = 0
        for char in text:
            value = value * 62 + _VALUES[char]
        if value > _MASK:
            return None
        value ^= value >> 64
        value = value * self._second_back & _MASK
        value ^= value >> 64
        plain = (value - self._add) * self._first_back & _MASK
        if plain >> 72 != (self._magic << 8 | kind):
            return None
        return Parts(plain >> 40 & 0xFFFFFFFF, plain >> 24 & 0xFFFF, plain >> 16 & 0xFF, plain & 0xFFFF)
