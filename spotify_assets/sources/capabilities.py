"""What an upstream lets us see, as far as it has been found out.

Where they are kept between runs is for `warehouse` to say.

A capability is a call (``artists in batches``) or a field (``artist popularity``). It is unknown until asked
for: the first real question is the probe, so finding out costs nothing that would not have been asked anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Capability:
    """What was found out about one call or field.

    Attributes:
        name: What it is, in words, such as ``artist popularity``.
        allowed: Whether the upstream grants it.
        reason: What it said or did, for people.
        since: When it was first found to be so.
        checked_at: When it was last found to be so.
    """

    name: str
    allowed: bool
    reason: str
    since: datetime
    checked_at: datetime


class Capabilities(Protocol):
    """The memory of one upstream's capabilities for one credential."""

    def known(self) -> Mapping[str, Capability]:
        """All that is remembered, by name."""

    def note(self, name: str, *, allowed: bool, reason: str, at: datetime) -> None:
        """Remember what was found out now; what it contradicts is replaced."""


class NullCapabilities:
    """Capabilities that are remembered as long as the process lives."""

    def __init__(self) -> None:
        """Know nothing."""
        self._known: dict[str, Capability] = {}

    def known(self) -> Mapping[str, Capability]:
        """All that is remembered, by name."""
        return self._known

    def note(self, name: str, *, allowed: bool, reason: str, at: datetime) -> None:
        """Remember what was found out now; what it contradicts is replaced."""
        before = self._known.get(name)
        since = before.since if before is not None and before.allowed == allowed else at
        self._known[name] = Capability(name, allowed, reason, since, at)
