"""When to ask and how often: turns, pauses, back-off, and the retry budget."""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from spotify_assets.sources.clock import Clock
from spotify_assets.sources.http.quota import Quota

_AGE = re.compile(r"\s*([0-9]{1,9})\s*(?:,|$)")


def http_date(text: str | None) -> datetime | None:
    """Read an HTTP date in UTC; ``None`` when absent or unreadable."""
    try:
        parsed = parsedate_to_datetime(text or "")
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def sent_at(headers: httpx.Headers, now: datetime) -> datetime | None:
    """What time it was where a response was sent: ``Date``, plus ``Age`` where a cache sent it.

    Args:
        headers: Of the response.
        now: Our time.

    Returns:
        ``None`` where it does not tell. Of an answer that a cache had from the day before, the time that is
        further from ours: it tells of that day.
    """
    date = next(filter(None, map(http_date, headers.get_list("date"))), None)
    age = _AGE.match(headers.get("age", ""))
    if date is None or age is None:
        return date
    try:
        sent = date + timedelta(seconds=int(age[1]))
    except OverflowError:
        return None
    return sent if sent.date() == date.date() else max(date, sent, key=lambda time: abs(time - now))


LATE_SECONDS = 0.1
"""How late a reserved call may leave; longer ago, it is given back and another one is reserved."""

FRESH_SECONDS = 0.25
"""How long to rely on what the books said; within this time every process heeds a pause or cooldown."""

MOST_RESERVED = 200
"""Most calls reserved at once; each reservation is at most twice what the one before was used for."""

SHORTEST_WAIT = 1e-6
"""Shorter waits are the rounding of those that are over."""


def parse_retry_after(value: str | None, now: datetime, server_date: str | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, section 10.2.3).

    Args:
        value: The header: seconds, or an HTTP date. Of several numbers, as from two servers on the way, the
            largest counts.
        now: Our time, used for a date when the server does not tell its own.
        server_date: The ``Date`` header; a date is measured against it, so that a wrong clock here
            or there does not matter.

    Returns:
        Seconds from now, never negative; ``None`` when absent or unreadable.
    """
    if value is None:
        return None
    numbers = [found[1] for part in value.split(",") if (found := _SECONDS.fullmatch(part)) is not None]
    if numbers:
        return min(max(float(number[:400]) for number in numbers), _NO_TIME_ANY_MORE)
    then = http_date(value.strip())
    if then is None:
        return None
    return max(0.0, (then - (http_date(server_date) or now)).total_seconds())


def backoff_seconds(attempt: int, *, base: float, cap: float, rand: Callable[[], float]) -> float:
    """Full jitter: anything from 0 to ``base * 2**(attempt - 1)``, at most `cap`."""
    return rand() * min(cap, base * math.pow(2, min(attempt - 1, 32)))


_NO_TIME_ANY_MORE = 1e12
_SECONDS = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:s|sec|seconds)?\s*")
POLL_SECONDS = 0.02
"""How often those held back look whether the one sent ahead was answered."""


class RetryBudget:
    """Retries allowed in one observation: a share of the first attempts, plus a small allowance."""

    def __init__(self, share: float, quota: int) -> None:
        """Start with nothing asked and nothing retried."""
        self._share = share
        self._quota = quota
        self._first = 0
        self._spent = 0

    def first(self) -> None:
        """Note a request that leaves for the first time."""
        self._first += 1

    def spend(self) -> bool:
        """Take one retry, if one is left."""
        if self._spent >= self._quota + int(self._share * self._first):
            return False
        self._spent += 1
        return True


class RateGate:
    """Who may send next: one call after another, each when its reserved time has come.

    Time is reserved a little ahead, so that the books are not opened for every call. What was reserved and
    then not used in time is given back rather than sent late, because late calls come in a burst.
    After a pause that the upstream asked for one request goes alone; the others follow once it was answered
    (`settle`), so that a limit which still stands is met by one request and not by all of them.
    """

    def __init__(self, quota: Quota, clock: Clock) -> None:
        """Ask `quota` for leave."""
        self._quota = quota
        self._clock = clock
        self._reserved: deque[float] = deque()
        self._heard = -math.inf
        self._most = 1
        self._used = 0
        self._not_before = -math.inf
        self._held = False
        self._scout_is_out = False
        self._queue: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def check(self) -> None:
        """Return if nothing speaks against a call that needs no turn, such as a sign-in.

        Raises:
            CooldownRequired: The upstream has to be left alone.
        """
        if self._clock.monotonic() - self._heard > FRESH_SECONDS:
            self._ask_again()

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds`; a longer pause already running stays."""
        self._quota.pause(seconds)
        self._hold(seconds)

    def cool_down(self, seconds: float | None, reason: str) -> None:
        """Remember that the upstream has to be left alone."""
        self.release()
        self._quota.cool_down(seconds, reason)
        self._heard = -math.inf

    async def turn(self, check: Callable[[], None]) -> float:
        """Wait for leave to send one request.

        Args:
            check: Called before and after each wait; raises to give up.

        Returns:
            The time reserved, to be handed to `settle` when the request has ended.

        Raises:
            CooldownRequired: The upstream has to be left alone.
            BudgetSpent: The day's calls are used up.
        """
        async with self._lock():
            awaited: float | None = None
            while True:
                check()
                if self._held and self._scout_is_out:
                    await self._clock.sleep(POLL_SECONDS)
                    continue
                reserved = self._next(awaited)
                slot = max(reserved, self._not_before)
                wait = slot - self._clock.monotonic()
                if wait > SHORTEST_WAIT:
                    awaited = reserved
                    await self._clock.sleep(wait)
                    continue
                if self._clock.monotonic() - self._heard > FRESH_SECONDS and self._ask_again():
                    continue
                self._reserved.popleft()
                self._used += 1
                self._scout_is_out = self._held
                return slot

    def settle(self, slot: float) -> None:
        """Note that the request of `slot` ended; call `pause` first if it was told to wait."""
        if slot >= self._not_before:
            self._held = False
            self._scout_is_out = False

    def release(self) -> None:
        """Give back what is reserved."""
        if unused := len(self._reserved):
            self._reserved.clear()
            self._most = max(1, self._used)
            self._quota.give_back(unused)

    def _next(self, awaited: float | None) -> float:
        """The next reserved time, not yet used up; the one `awaited` is good however late it has become."""
        late = self._clock.monotonic() - LATE_SECONDS
        if self._reserved:
            first = self._reserved[0]
            spaced = self._reserved[-1] > first  # what may leave all at once, without a pace, is never late
            if spaced and first < late and first != awaited:
                self.release()
        if not self._reserved:
            if self._used >= self._most:
                self._most = min(2 * self._most, MOST_RESERVED)
            granted = self._quota.take(self._most)
            self._heard = self._clock.monotonic()
            self._reserved.extend(self._heard + seconds for seconds in granted)
            self._used = 0
        return self._reserved[0]

    def _ask_again(self) -> bool:
        """Ask whether there is a pause or cooldown since; returns whether there is a pause."""
        left = self._quota.check()
        self._heard = self._clock.monotonic()
        if left <= 0:
            return False
        self._hold(left)
        return True

    def _hold(self, seconds: float) -> None:
        self.release()
        self._not_before = max(self._not_before, self._clock.monotonic() + seconds)
        self._held = True
        self._scout_is_out = False

    def _lock(self) -> asyncio.Lock:
        """The queue of those who wait, in the event loop that runs now."""
        loop = asyncio.get_running_loop()
        if self._queue is None or self._queue[0] is not loop:
            self._queue = (loop, asyncio.Lock())
        return self._queue[1]
