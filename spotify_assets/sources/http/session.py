"""One observation under way: its day, its deadline, what it cost, and where its responses go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Protocol

from pydantic import SecretStr

from spotify_assets.sources.clock import Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http.pacing import RetryBudget
from spotify_assets.sources.protocol import (
    CooldownRequired,
    DayClosed,
    NotAllowed,
    UpstreamUnavailable,
    Usage,
)

REFUSALS_IN_A_ROW = 3
"""Questions refused since the last answer after which the rest is not asked: then it is not about one."""


class ObservationStopped(UpstreamUnavailable):
    """The upstream does not answer at all, or not in time: the rest is not asked."""


class Url(Protocol):
    """The part of a URL that is kept."""

    @property
    def raw_path(self) -> bytes:
        """Path and query as sent."""


@dataclass(slots=True)
class ObservationSession:
    """One observation under way.

    Attributes:
        source: Value of the ``source`` column.
        entity: What is asked for.
        sink: Gets each response before it is read; ``None`` when nothing is observed (a search).
        clock: Time and waiting.
        budget: Retries still allowed.
        deadline: When to stop, on the clock's monotonic scale.
        day: UTC day observed; ``None`` when nothing is observed.
        past: The upstream's "now" was chosen to be `day`, so our own date does not matter and
            responses are dated noon of `day`: the same every time, so that a rerun is identical.
        headers: Sent with each question that is landed.
        usage: What it cost so far.
        run_id: Run that asks, kept with each response.
        answers: Questions answered so far.
        failures_in_a_row: Questions without an answer since the last answer.
        refusals_in_a_row: Questions refused since the last answer.
        failures: One line for each question that stayed without an answer.
    """

    source: str
    entity: str
    sink: Sink | None
    clock: Clock
    budget: RetryBudget
    deadline: float
    day: date | None = None
    past: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    run_id: str = ""
    answers: int = 0
    failures_in_a_row: int = 0
    refusals_in_a_row: int = 0
    failures: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Stop when the day or the time is over; called before each request leaves.

        Raises:
            DayClosed: It is another UTC day now.
            ObservationStopped: The deadline has passed.
        """
        self.seconds_left()
        if not self.past:
            self._check_day(self.clock.now())

    def seconds_left(self) -> float:
        """Seconds until the deadline.

        Raises:
            ObservationStopped: There are none.
        """
        left = self.deadline - self.clock.monotonic()
        if left <= 0:
            raise ObservationStopped(
                f"{self.source}: the time for observing {self.entity} is over; what was received is kept, "
                "run again for the rest"
            )
        return left

    def fail(self, line: str) -> None:
        """Note a question that stayed without an answer."""
        self.failures.append(line)

    def refused(self, error: NotAllowed) -> None:
        """Note a question that was refused.

        Raises:
            NotAllowed: It was one of too many in a row.
        """
        self.fail(str(error))
        self.refusals_in_a_row += 1
        if self.refusals_in_a_row >= REFUSALS_IN_A_ROW:
            raise error

    def unanswered(self, error: UpstreamUnavailable, most: int) -> None:
        """Note a question without an answer; as many as are under way may fail of one cause.

        Raises:
            ObservationStopped: It was the one in a row, of `most`, after which the rest is not asked.
        """
        self.fail(str(error))
        self.failures_in_a_row += 1
        if self.failures_in_a_row >= most:
            raise ObservationStopped(
                f"{self.source}: {self.failures_in_a_row} questions in a row stayed without an answer, "
                f"so the rest was not asked; the last one: {error}"
            ) from None

    def land(
        self,
        method: str,
        url: Url,
        request: Mapping[str, object],
        status: int,
        body: str,
        sent_at: datetime | None = None,
    ) -> None:
        """Hand a response to the sink, as it came; `sent_at` is the time where it was sent.

        Raises:
            DayClosed: It arrived on another day than the one observed and belongs to neither.
        """
        now = self.clock.now()
        if self.past and self.day is not None:
            now = datetime.combine(self.day, time(12), UTC)
        else:
            self._check_day(now)
        if self.sink is not None:
            self.sink(
                Exchange(
                    source=self.source,
                    entity=self.entity,
                    method=method,
                    url=url.raw_path.decode("ascii"),
                    status=status,
                    observed_at=now,
                    run_id=self.run_id,
                    body=body,
                    request=request,
                    sent_at=sent_at,
                )
            )

    def _check_day(self, now: datetime) -> None:
        today = now.astimezone(UTC).date()
        if self.day is not None and today != self.day:
            raise DayClosed(
                f"{self.source} knows only now, and now it is {today} (UTC), not {self.day}: nothing more "
                f"can be observed for {self.day}. What was received on that day is kept; observe {today} "
                f"instead, or import {self.day} with `spotify-assets import`"
            )


class Authorization(Protocol):
    """What gives the bearer token."""

    async def bearer(self, session: ObservationSession, stale: SecretStr | None) -> SecretStr:
        """Give a token that is not `stale`, the one that was just refused."""


def worst_first(outcomes: Iterable[object]) -> list[BaseException]:
    """The errors among what tasks ended with: what interrupts the program, then cooldowns, then the rest."""
    # Whoever interrupts the program may strike within a task, with what is no `Exception`.
    raised = [
        error
        for error in outcomes
        if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError)
    ]
    raised.sort(key=lambda error: (isinstance(error, Exception), not isinstance(error, CooldownRequired)))
    return raised
