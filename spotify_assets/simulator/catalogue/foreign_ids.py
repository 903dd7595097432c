"""Ids as other services give them: MusicBrainz's UUIDs, Deezer's and Wikidata's numbers."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import NamedTuple

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

ARTIST, RECORDING, RELEASE, RELEASE_GROUP, URL = 1, 2, 3, 4, 5


class Thing(NamedTuple):
    """What a foreign id stands for.

    Attributes:
        artist: Index of the artist in the catalogue.
        slot: Release slot; of an artist's id, 1 for the second entry some artists have.
        position: Track number, or the song's number within its slot.
    """

    artist: int
    slot: int = 0
    position: int = 0


class Scramble:
    """A seeded bijection of numbers of so many bits."""

    def __init__(self, seed: int, name: str, bits: int) -> None:
        """Derive the bijection from seed and name."""
        digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=32, person=b"foreign-ids").digest()
        self._mask = (1 << bits) - 1
        self._shift = (bits + 1) // 2
        self._factor = int.from_bytes(digest[:16], "big") & self._mask | 1
        self._back = pow(self._factor, -1, 1 << bits)
        self._add = int.from_bytes(digest[16:], "big") & self._mask

    def encode(self, plain: int) -> int:
        """Return the number that stands for another."""
        value = (plain * self._factor + self._add) & self._mask
        value ^= value >> self._shift
        value = value * self._factor & self._mask
        return value ^ value >> self._shift

    def decode(self, value: int) -> int:
        """Return the number that `value` stands for."""
        value ^= value >> self._shift
        value = value * self._back & self._mask
        value ^= value >> self._shift
        return (value - self._add) * self._back & self._mask


class Mbids:
    """MusicBrainz ids of one seed: random-looking UUIDs (version 4)."""

    def __init__(self, seed: int) -> None:
        """Derive the bijection of the 122 bits that a UUID leaves free."""
        self._scramble = Scramble(seed, "mbid", 122)
        self._magic = 0x5ACED << 20 | seed & 0xFFFFF

    def encode(self, kind: int, artist: int, slot: int = 0, position: int = 0) -> str:
        """Return the id of a thing."""
        plain = (((self._magic << 4 | kind) << 32 | artist) << 16 | slot) << 16 | position
        value = self._scramble.encode(plain)
        low, middle, high = value & (1 << 62) - 1, value >> 62 & 0xFFF, value >> 74
        return str(uuid.UUID(int=high << 80 | 4 << 76 | middle << 64 | 2 << 62 | low))

    def decode(self, kind: int, text: str) -> Thing | None:
        """Return what an id stands for, or None where it is none of this kind and seed."""
        if not is_mbid(text):
            return None
        value = uuid.UUID(text).int
        bits = value >> 80 << 74 | (value >> 64 & 0xFFF) << 62 | value & (1 << 62) - 1
        plain = self._scramble.decode(bits)
        if value >> 76 & 0xF != 4 or plain >> 64 != (self._magic << 4 | kind):
            return None
        return Thing(plain >> 32 & 0xFFFFFFFF, plain >> 16 & 0xFFFF, plain & 0xFFFF)


def is_mbid(text: str) -> bool:
    """Tell whether `text` has the shape of a UUID."""
    return _UUID.fullmatch(text) is not None


class Numbers:
    """Whole numbers as ids of one kind of thing: 10 bits tell a foreign number from one of ours."""

    def __init__(self, seed: int, name: str, bits: int) -> None:
        """Derive the bijection; `bits` in all, of which 10 are for checking, 10 for slot, 5 for position."""
        self._scramble = Scramble(seed, name, bits)
        self._room = bits - 10

    def encode(self, artist: int, slot: int = 0, position: int = 0) -> int:
        """Return the number of a thing."""
        return self._scramble.encode((0x2A5 << self._room) | (artist << 15) | (slot << 5) | position)

    def decode(self, text: str) -> Thing | None:
        """Return what a number stands for, or None where it is none of this kind and seed."""
        if not (text.isascii() and text.isdigit()) or len(text) > 16:
            return None
        value = int(text)
        plain = self._scramble.decode(value)
        if value >> (self._room + 10) or plain >> self._room != 0x2A5:
            return None
        return Thing((plain & (1 << self._room) - 1) >> 15, plain >> 5 & 0x3FF, plain & 0x1F)
