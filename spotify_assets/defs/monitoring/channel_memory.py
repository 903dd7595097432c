"""What one channel of alerts has been told, and when it may be told more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

LONGEST_PAUSE = timedelta(hours=6)
"""Between attempts to reach a channel that takes nothing."""


@dataclass(slots=True)
class ChannelMemory:
    """What one channel has been told.

    Attributes:
        runs: The last failed run that was told, by number of its event.
        checks: The last evaluation of a check that was looked at.
        warned: Checks that were told, and when, in seconds: the same check of a day is told once a day.
        news: News that were told.
        day: The last day whose news were told.
        sent: When it last took a message.
        failures: How often in a row it has taken none.
        tried: When that was last.
    """

    runs: int = 0
    checks: int = 0
    warned: dict[str, float] = field(default_factory=dict)
    news: list[str] = field(default_factory=list)
    day: str = ""
    sent: float = 0.0
    failures: int = 0
    tried: float = 0.0

    def may_try(self, now: float, window: float) -> bool:
        """Whether the window since the last message, or the pause since the last failures, is over."""
        pause = min(window * 2 ** min(self.failures, 10), LONGEST_PAUSE.total_seconds())
        return now >= self.sent + window and (not self.failures or now >= self.tried + pause)
