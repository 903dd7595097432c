"""Keys: how plans, notes and the ledger name what is asked of an artist.

====================  ============================================================
``ID``                the artist
``ID/market``         their top tracks
``artist:ID``         their releases
``artist:ID/album``   their releases of one kind
``spotify:ID``        the artist as watched elsewhere, whose id here is not known
====================  ============================================================
"""

from __future__ import annotations

from spotify_assets.artists.matching import namespace_of
from spotify_assets.settings import LIVE_SOURCES, SIMULATED_SOURCES

PREFIXES = frozenset({"artist", *map(namespace_of, (*LIVE_SOURCES, *SIMULATED_SOURCES))})
"""What may stand before an id: the kind of thing, or the namespace that the id is of."""


def ids_in(key: str) -> tuple[str, ...]:
    """The ids that a key may be about: one of them is, if any artist's is."""
    prefix, colon, rest = key.partition(":")
    bare = rest if colon and prefix in PREFIXES else key
    return (key, bare, bare.rpartition("/")[0])
