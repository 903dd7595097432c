"""What sources remember between runs, behind one seam: leave to call, and what they may see.

Belongs here: the seam and the memory of a single process, which tests and one-off look-ups use.
"""

from __future__ import annotations

from typing import Protocol

from spotify_assets.sources.allowance import Allowance
from spotify_assets.sources.capabilities import Capabilities


class Memory(Protocol):
    """Remembers, per upstream and credential.

    `upstream` is a source's name; `credential` tells apps apart without being a secret (a short digest of
    the client id, or ``none``).
    """

    def allowance(self, upstream: str, credential: str) -> Allowance:
        """The books of calls."""

    def capabilities(self, upstream: str, credential: str) -> Capabilities:
        """What may be seen."""
