"""Leave to call an upstream: one pace, one daily budget and one cooldown for all that share a credential.

The books of all stand in `warehouse`.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.protocol import BudgetSpent, CooldownRequired

USED_SHARE = 0.97
"""How much of a limit is used. Requests leave evenly but arrive unevenly: of a window of 30 seconds this
leaves 0.9 seconds by which they may move together before the window holds more than it allows."""

CATCH_UP_SECONDS = 0.05
"""How far a late event loop may catch up; below 20 requests a second this allows no burst at all."""

LONGEST_COOLDOWN_SECONDS = 86_400.0
"""Whatever a header says, an upstream is asked once a day: each day not observed is lost."""


class Quota(Protocol):
    """Leave to call one upstream with one credential."""

    def limit(self, per_second: float | None, per_day: int | None) -> None:
        """Set the pace and the calls of a UTC day; ``None`` for no limit. May change at any time."""

    def take(self, most: int) -> list[float]:
        """Reserve up to `most` calls, fewer where others wait for theirs too.

        Returns:
            For each call granted, the seconds from now after which it may leave, ascending; at least one.
            What may leave at once may count a little less than 0.

        Raises:
            CooldownRequired: The upstream has to be left alone; says until when.
            BudgetSpent: The day's calls are used up.
        """

    def check(self) -> float:
        """Return the seconds that a pause still lasts, 0 if there is none; reserves nothing.

        Raises:
            CooldownRequired: As `take`.
        """

    def give_back(self, calls: int) -> None:
        """Return calls of the last `take` that did not leave, to the day that they were taken on."""

    def pause(self, seconds: float) -> None:
        """Let nothing leave, in any process, for `seconds`; a longer pause already running stays."""

    def cool_down(self, seconds: float | None, reason: str) -> None:
        """Remember that the upstream has to be left alone, beyond this process.

        Args:
            seconds: For how long; ``None`` where it promised no time: until the next UTC midnight, and for an
                hour at least.
            reason: What the upstream said or did, as the end of a sentence.
        """

    def close(self) -> None:
        """Give up connections; they are opened again when needed."""


def renewal(now: datetime) -> datetime:
    """When the calls of the UTC day of `now` renew."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def in_minutes(until: datetime) -> str:
    """A time rounded up to the minute: whoever runs again at the time given finds it over."""
    return f"{until.astimezone(UTC) + timedelta(seconds=59, microseconds=999_999):%Y-%m-%d %H:%M UTC}"


def cooldown_required(name: str, reason: str, until: datetime, seconds: float | None) -> CooldownRequired:
    """Say that `name` has to be left alone; `seconds` is what is left of a promised time, else ``None``."""
    promise = "" if seconds is not None else " It promised no time, so that is when it is tried again."
    return CooldownRequired(
        f"{name} has to be left alone until {in_minutes(until)}: {reason}.{promise} "
        "What was received is kept; run again when it is over, only what is missing is asked for again",
        seconds,
    )


def budget_spent(name: str, per_day: int, now: datetime) -> BudgetSpent:
    """Say that the calls to `name` of the day of `now` are used up."""
    return BudgetSpent(
        f"{name}: all {per_day:,} calls allowed for {now.astimezone(UTC).date()} are used; they renew at "
        f"{renewal(now):%Y-%m-%d %H:%M UTC}. What was received is kept, what was not asked for is missing "
        "for this day. So that a day's run fits: track fewer artists or markets, or raise the budget if the "
        "upstream grants more"
    )


def believed(seconds: float | None, reason: str) -> tuple[float | None, str]:
    """How long a pause is kept of what was asked for, and the reason for it."""
    if seconds is None or seconds <= LONGEST_COOLDOWN_SECONDS:
        return seconds, reason
    return LONGEST_COOLDOWN_SECONDS, f"{reason}; it is asked once after a day all the same"


class LocalQuota:
    """The books of one process, kept as long as it lives."""

    def __init__(
        self,
        per_second: float | None = None,
        per_day: int | None = None,
        clock: Clock = SYSTEM_CLOCK,
        name: str = "the upstream",
    ) -> None:
        """Start with nothing used.

        Args:
            per_second: Calls a second; ``None`` for no limit.
            per_day: Calls on a UTC day; ``None`` for no limit.
            clock: Tells the time.
            name: What messages call the upstream.
        """
        self._clock = clock
        self._name = name
        self._next = self._not_before = -math.inf
        self._used: tuple[date | None, int] = (None, 0)
        self._cooldown: tuple[float, datetime, bool, str] | None = None
        self.limit(per_second, per_day)

    def limit(self, per_second: float | None, per_day: int | None) -> None:
        """Set the pace and the calls of a UTC day; ``None`` for no limit."""
        self._gap = 0.0 if per_second is None else 1.0 / (per_second * USED_SHARE)
        self._per_day = per_day

    def take(self, most: int) -> list[float]:  # noqa: ARG002 - asking again costs nothing here
        """Reserve one call; returns the seconds until it may leave.

        Raises:
            CooldownRequired: The upstream has to be left alone.
            BudgetSpent: The day's calls are used up.
        """
        self.check()
        today = self._clock.now()
        used = self._used[1] if self._used[0] == today.date() else 0
        if self._per_day is not None and used >= self._per_day:
            raise budget_spent(self._name, self._per_day, today)
        self._used = (today.date(), used + 1)
        now = self._clock.monotonic()
        slot = max(now - CATCH_UP_SECONDS, self._next, self._not_before)
        self._next = slot + self._gap
        return [slot - now]

    def check(self) -> float:
        """Return the seconds that a pause still lasts.

        Raises:
            CooldownRequired: The upstream has to be left alone.
        """
        now = self._clock.monotonic()
        if self._cooldown is not None:
            over, until, promised, reason = self._cooldown
            if now < over:
                raise cooldown_required(self._name, reason, until, over - now if promised else None)
            self._cooldown = None
        return max(0.0, self._not_before - now)

    def give_back(self, calls: int) -> None:
        """Return reserved calls that did not leave."""
        self._used = (self._used[0], max(0, self._used[1] - calls))

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds`."""
        self._not_before = max(self._not_before, self._clock.monotonic() + seconds)

    def cool_down(self, seconds: float | None, reason: str) -> None:
        """Remember that the upstream has to be left alone; a cooldown that lasts longer stays."""
        now = self._clock.now()
        seconds, reason = believed(seconds, reason)
        wait = seconds if seconds is not None else max(3600.0, (renewal(now) - now).total_seconds())
        over = self._clock.monotonic() + wait
        if self._cooldown is None or over > self._cooldown[0]:
            self._cooldown = (over, now + timedelta(seconds=wait), seconds is not None, reason)

    def close(self) -> None:
        """Nothing to give up."""


class UncountedQuota:
    """The pauses and cooldowns of another allowance without its pace and budget, for signing in."""

    def __init__(self, counted: Quota) -> None:
        """Heed and feed `counted`."""
        self._counted = counted

    def limit(self, per_second: float | None, per_day: int | None) -> None:
        """Nothing is counted, so nothing is limited."""

    def take(self, most: int) -> list[float]:
        """Reserve `most` calls after the pause, if there is one.

        Raises:
            CooldownRequired: The upstream has to be left alone.
        """
        return [self.check()] * most

    def check(self) -> float:
        """Return the seconds that a pause still lasts.

        Raises:
            CooldownRequired: The upstream has to be left alone.
        """
        return self._counted.check()

    def give_back(self, calls: int) -> None:
        """Nothing is counted."""

    def pause(self, seconds: float) -> None:
        """Let nothing leave for `seconds`."""
        self._counted.pause(seconds)

    def cool_down(self, seconds: float | None, reason: str) -> None:
        """Remember that the upstream has to be left alone."""
        self._counted.cool_down(seconds, reason)

    def close(self) -> None:
        """Whoever counts gives up the connection."""
