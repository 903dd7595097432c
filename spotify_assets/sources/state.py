"""What sources remember between runs, behind one seam: leave to call, and what they may see."""

from __future__ import annotations

import hashlib
from typing import Protocol

from pydantic import SecretStr

from spotify_assets.sources.capabilities import Capabilities, NullCapabilities
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.http.quota import LocalQuota, Quota

PER_ADDRESS = "none"
"""The credential of an allowance that every caller from one address shares, whatever it signs in with."""


class State(Protocol):
    """Remembers, per upstream and credential.

    `upstream` is a source's name; `credential` tells apps apart without being a secret (a short digest of
    the client id, or ``none``).
    """

    def quota(self, upstream: str, credential: str) -> Quota:
        """The books of calls."""

    def capabilities(self, upstream: str, credential: str) -> Capabilities:
        """What may be seen."""


class InMemoryState:
    """Remembers as long as the process lives."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        """Know nothing."""
        self._clock = clock
        self._quotas: dict[tuple[str, str], LocalQuota] = {}
        self._capabilities: dict[tuple[str, str], NullCapabilities] = {}

    def quota(self, upstream: str, credential: str) -> Quota:
        """The books of calls."""
        made = LocalQuota(clock=self._clock, name=upstream)
        return self._quotas.setdefault((upstream, credential), made)

    def capabilities(self, upstream: str, credential: str) -> Capabilities:
        """What may be seen."""
        return self._capabilities.setdefault((upstream, credential), NullCapabilities())


def credential_digest(secret: SecretStr | None) -> str:
    """Tell credentials apart without keeping one: the start of a client id's or key's SHA-256."""
    if secret is None:
        return "none"
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()[:12]
