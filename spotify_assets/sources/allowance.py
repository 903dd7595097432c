"""Leave to call an upstream: one pace, one daily budget and one cooldown for all processes that share a credential.

Belongs here: the seam between the polite client, which asks for leave, and whatever keeps the books, and the books
of a single process. The shared ones stand in `warehouse`.
"""

from __future__ import annotations

from typing import Protocol


class Allowance(Protocol):
    """Leave to call one upstream with one credential."""

    def limit(self, per_second: float | None, per_day: int | None) -> None:
        """Set the pace and the calls of a UTC day; ``None`` for no limit. May change as more becomes known."""

    def take(self, most: int) -> list[float]:
        """Reserve up to `most` calls.

        Returns:
            For each call granted, the seconds from now after which it may leave, ascending; at least one.

        Raises:
            CooldownRequired: The upstream has to be left alone; says until when.
            BudgetSpent: The day's calls are used up.
        """

    def give_back(self, calls: int) -> None:
        """Return reserved calls that did not leave."""

    def pause(self, seconds: float) -> None:
        """Let nothing leave, in any process, for `seconds`."""

    def cool_down(self, seconds: float | None, reason: str) -> None:
        """Remember that the upstream has to be left alone; ``None`` where it promised no time."""
