"""What every protocol beside Spotify's has in common: a call, its parameters, and a limit."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from spotify_assets.simulator.server.replies import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a protocol.

    Attributes:
        method: HTTP method.
        path: Path below the protocol's prefix, with a slash in front.
        query: Parameters; of a repeated one, the last.
        headers: Headers, names in lower case.
        body: Body as sent.
        day: Day the answer is "as of".
        base: Address of the protocol's root, without a slash at the end.
        values: Parameters with all their values, as in the query.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    day: date
    base: str
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def ordinal(self) -> int:
        """The day as a number."""
        return self.day.toordinal()

    @property
    def agent(self) -> str:
        """What the caller calls itself."""
        return self.headers.get("user-agent", "")

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole-number parameter, brought into its range; the default where it is no number."""
        text = self.query.get(name, "")
        return min(high, max(low, int(text))) if text.isascii() and text.isdigit() else default


class Service(Protocol):
    """One protocol."""

    def answer(self, asked: Asked) -> Reply:
        """Answer a call."""


class Rolling:
    """At most so many calls in any window of so many seconds.

    Attributes:
        most: Calls that a window takes; None counts nothing.
    """

    def __init__(self, most: int | None, seconds: float) -> None:
        """Start with nothing used."""
        self.most = most
        self._seconds = seconds
        self._seen: deque[float] = deque()

    def wait(self) -> float:
        """Count a call and return 0, or return the seconds until one fits, counting nothing."""
        if self.most is None:
            return 0.0
        now, seen = time.monotonic(), self._seen
        while seen and seen[0] <= now - self._seconds:
            seen.popleft()
        if len(seen) >= self.most:
            return seen[0] + self._seconds - now
        seen.append(now)
        return 0.0


class Stepped:
    """At most so many calls in each window of so many seconds, one window after the other.

    Attributes:
        most: Calls that a window takes.
    """

    def __init__(self, most: int, seconds: float) -> None:
        """Start with nothing used."""
        self.most = most
        self._seconds = seconds
        self._window = -1
        self._used = 0

    def take(self) -> tuple[bool, int, int]:
        """Count a call; return whether it fits, how many are left, and whole seconds to the next window."""
        now = time.time()
        window = math.floor(now / self._seconds)
        if window != self._window:
            self._window, self._used = window, 0
        fits = self._used < self.most
        self._used += fits
        return fits, self.most - self._used, math.ceil((window + 1) * self._seconds - now)


def contact_given(agent: str) -> bool:
    """Tell whether a User-Agent says whom to write to: an address of mail or of a page, in brackets."""
    _, bracket, rest = agent.partition("(")
    return bool(bracket) and ("@" in rest or "://" in rest)
