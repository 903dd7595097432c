"""How fast and how often to ask: pace, shared pauses, back-off, and the retry budget.

Belongs here: arithmetic on time and counts. Does not belong here: HTTP.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from spotify_assets.sources.clock import Clock

CATCH_UP_SECONDS = 0.05
"""How far a late event loop may catch up; below 20 requests a second this allows no burst at all."""


def parse_retry_after(value: str | None, now: datetime, server_date: str | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, section 10.2.3).

    Args:
        value: The header: seconds, or an HTTP date.
        now: Our time, used for a date when the server does not tell its own.
        server_date: The ``Date`` header; a date is measured against it, so that a wrong clock here
            or there does not matter.

    Returns:
        Seconds from now, never negative; ``None`` when absent or unreadable.
    """
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return float(text)
    then = _http_date(text)
    if then is None:
        return None
    return max(0.0, (then - (_http_date(server_date) or now)).total_seconds())


def _http_date(text: str | None) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text or "")
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def backoff_seconds(attempt: int, *, base: float, cap: float, rand: Callable[[], float]) -> float:
    """Full jitter: anything from 0 to ``base * 2**(attempt - 1)``, at most `cap`."""
    return rand() * min(cap, base * math.pow(2, min(attempt - 1, 32)))


POLL_SECONDS = 0.02
"""How often those held back look whether the one sent ahead was answered."""


class RetryBudget:
    """Retries allowed in one observation: a share of the first attempts, plus a small allowance."""

    def __init__(self, share: float, allowance: int) -> None:
        """Start with nothing asked and nothing retried."""
        self._share = share
        self._allowance = allowance
        self._first = 0
        self._spent = 0

    def first(self) -> None:
        """Note a request that leaves for the first time."""
        self._first += 1

    def spend(self) -> bool:
        """Take one retry, if one is left."""
        if self._spent >= self._allowance + int(self._share * self._first):
            return False
        self._spent += 1
        return True


class Pace:
    """When the next request may leave: evenly spaced, and never during a pause the upstream asked for.

    One slot after another is handed out, so the pace holds over any span and not only on average.
    After a pause one request goes alone; the others follow once it was answered (`settle`), so that
    a limit which still stands is met by one request and not by all of them.
    """

    def __init__(self, per_second: float | None, clock: Clock) -> None:
        """Set the pace; ``None`` means as fast as the concurrency allows."""
        self._gap = 0.0 if per_second is None else 1.0 / per_second
        self._clock = clock
        self._next = -math.inf
        self._not_before = -math.inf
        self._held = False
        self._scout_is_out = False

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds`; a longer pause already running stays."""
        self._not_before = max(self._not_before, self._clock.monotonic() + seconds)
        self._held = True
        self._scout_is_out = False

    async def turn(self, check: Callable[[], None]) -> float:
        """Wait for a slot.

        Args:
            check: Called before and after each wait; raises to give up.

        Returns:
            The slot, to be handed to `settle` when the request that used it has ended.
        """
        while True:
            check()
            if self._held and self._scout_is_out:
                await self._clock.sleep(POLL_SECONDS)
                continue
            now = self._clock.monotonic()
            slot = max(now - CATCH_UP_SECONDS, self._next, self._not_before)
            self._next = slot + self._gap
            if slot > now:
                await self._clock.sleep(slot - now)
                check()
            if self._not_before > slot or (self._held and self._scout_is_out):
                continue
            self._scout_is_out = self._held
            return slot

    def settle(self, slot: float) -> None:
        """Note that the request of `slot` ended; call `pause` first if it was told to wait."""
        if slot >= self._not_before:
            self._held = False
            self._scout_is_out = False
