"""How often one question has been sent, and whether and when it may be sent again."""

from __future__ import annotations

from collections.abc import Callable

from spotify_assets.sources.http.pacing import RetryBudget, backoff_seconds
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.http.response_classifier import Busy, Fault


class Attempts:
    """The attempts at one question.

    An upstream that sheds load answers a share of all calls with "busy", whatever is asked and how slowly:
    such answers have attempts and a back-off of their own and use up no retry of the observation.

    Attributes:
        made: How many were made.
        came: What came of each, for messages.
    """

    def __init__(self, limits: Limits, budget: RetryBudget, rand: Callable[[], float]) -> None:
        """Note that the question leaves for the first time."""
        self.made = 1
        self.came: list[str] = []
        self._faults = self._busy = 0
        self._limits = limits
        self._budget = budget
        self._rand = rand
        budget.first()

    def refused(self, what: str) -> bool:
        """Note a refused token; returns whether the question may be sent again with another one."""
        self.came.append(what)
        self._faults += 1
        return self._again(self._limits.attempts > self._faults)

    def failed(self, fault: Fault) -> float | None:
        """Note a fault; returns the seconds after which the question may be sent again, if it may."""
        limits = self._limits
        self.came.append(str(fault))
        if isinstance(fault, Busy):
            self._busy += 1
            number, base, cap = self._busy, limits.busy_backoff_base, limits.busy_backoff_cap
            again = self._again(self.made < limits.busy_attempts)
        else:
            self._faults += 1
            number, base, cap = self._faults, limits.backoff_base, limits.backoff_cap
            again = self._faults < limits.attempts and self.made < max(limits.attempts, limits.busy_attempts)
            if again and not self._budget.spend():
                self.came.append("and no retries are left in this observation")
                return None
            again = self._again(again)
        return backoff_seconds(number, base=base, cap=cap, rand=self._rand) if again else None

    def _again(self, again: bool) -> bool:
        self.made += again
        return again
