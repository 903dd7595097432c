"""What sources remember between runs, behind one seam: leave to call, and what they may see."""

from __future__ import annotations

import hashlib
from typing import Protocol

from pydantic import SecretStr

from spotify_assets.sources.capabilities import Capabilities, Forgetful
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.http.quota import Allowance, LocalAllowance

PER_ADDRESS = "none"
"""The credential of an allowance that every caller from one address shares, whatever it signs in with."""


class Memory(Protocol):
    """Remembers, per upstream and credential.

    `upstream` is a source's name; `credential` tells apps apart without being a secret (a short digest of
    the client id, or ``none``).
    """

    def allowance(self, upstream: str, credential: str) -> Allowance:
        """The books of calls."""

    def capabilities(self, upstream: str, credential: str) -> Capabilities:
        """What may be seen."""


class ShortMemory:
    """Remembers as long as the process lives."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        """Know nothing."""
        self._clock = clock
        self._allowances: dict[tuple[str, str], LocalAllowance] = {}
        self._capabilities: dict[tuple[str, str], Forgetful] = {}

    def allowance(self, upstream: str, credential: str) -> Allowance:
        """The books of calls."""
        made = LocalAllowance(clock=self._clock, name=upstream)
        return self._allowances.setdefault((upstream, credential), made)

    def capabilities(self, upstream: str, credential: str) -> Capabilities:
        """What may be seen."""
        return self._capabilities.setdefault((upstream, credential), Forgetful())


def credential_digest(secret: SecretStr | None) -> str:
    """Tell credentials apart without keeping one: the start of a client id's or key's SHA-256."""
    if secret is None:
        return "none"
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()[:12]
