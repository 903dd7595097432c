"""Whether all clocks agree which day it is, before anything is landed under that day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from spotify_assets.sources.clock import Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.protocol import SourceError

MOST_APART = timedelta(minutes=5)
"""How far clocks may be apart."""
MEASURED_SECONDS = 60.0
"""How long the database's time is reckoned from when it was last asked for."""
MACHINE, DATABASE = "this machine", "the database"
# Answers that are not read, so that a proxy's page of errors ends nothing because its clock is out.
_UNREAD = frozenset({401, 403, 407, 408, 425, 429})


class ClocksDiffer(SourceError):
    """The clocks do not agree which day it is; the message says which one is out."""


class Clocks:
    """The clocks that have to agree on one day of one source."""

    def __init__(
        self, source: str, day: date, clock: Clock, database_time: Callable[[], datetime] | None = None
    ) -> None:
        """Nothing is compared yet.

        Args:
            source: Who answers.
            day: The UTC day that is observed.
            clock: This machine's.
            database_time: Asks the database for its time; ``None`` where there is no database.
        """
        self.day = day
        self._source = source
        self._clock = clock
        self._database_time = database_time
        self._measured: tuple[datetime, float] | None = None
        self.problem: ClocksDiffer | None = None
        """What was found when the clocks were last compared."""

    def check(self, now: datetime | None = None, sent_at: datetime | None = None) -> None:
        """Compare all clocks; to be called before anything is kept.

        Args:
            now: This machine's time when something arrived; now if absent.
            sent_at: The time where it was sent, if it says.

        Raises:
            ClocksDiffer: They are more than `MOST_APART` apart, or not all on the day.
            WarehouseError: The database cannot be asked.
        """
        times = {MACHINE: (now or self._clock.now()).astimezone(UTC)}
        if sent_at is not None:
            times[self._source] = sent_at
        if not self._agree(self._with_database(times)):
            self._measured = None  # this machine may have slept, or its clock was set: ask the database anew
            times = self._with_database(times)
            if not self._agree(times):
                self.problem = ClocksDiffer(_words(self._source, self.day, times))
                raise self.problem
        self.problem = None

    def contradicted(self, *, over: bool) -> None:
        """Make sure that the day is `over`, or has not come, by the database's clock as well.

        Raises:
            ClocksDiffer: It is not.
            WarehouseError: The database cannot be asked.
        """
        times = self._with_database({MACHINE: self._clock.now()})
        there = times.get(DATABASE)
        if there is not None and (there.date() <= self.day if over else there.date() >= self.day):
            raise ClocksDiffer(_words(self._source, self.day, times))

    def _agree(self, times: Mapping[str, datetime]) -> bool:
        apart = max(times.values()) - min(times.values())
        return apart <= MOST_APART and all(time.date() == self.day for time in times.values())

    def _with_database(self, times: Mapping[str, datetime]) -> dict[str, datetime]:
        if self._database_time is None:
            return dict(times)
        passed = self._clock.monotonic() - (self._measured[1] if self._measured else 0.0)
        if self._measured is None or passed > MEASURED_SECONDS:
            self._measured, passed = (self._database_time().astimezone(UTC), self._clock.monotonic()), 0.0
        return {**times, DATABASE: self._measured[0] + timedelta(seconds=passed)}


class CheckedSink:
    """A sink that keeps an answer only if the clocks agree, and the notes that go before the first one."""

    def __init__(self, sink: Sink, clocks: Clocks | None, notes: list[Exchange] | None = None) -> None:
        """Keep nothing yet.

        Args:
            sink: Where answers go.
            clocks: What has to agree; ``None`` where the day was chosen.
            notes: What is kept before the first answer.
        """
        self._sink = sink
        self._clocks = clocks
        self._notes = notes or []

    def __call__(self, exchange: Exchange) -> None:
        """Keep an answer.

        Raises:
            ClocksDiffer: The clocks do not agree; nothing was kept.
        """
        try:
            if self._clocks is not None:
                self._clocks.check(exchange.observed_at, exchange.sent_at)
        except ClocksDiffer:
            if self._clocks is None or not (exchange.status >= 500 or exchange.status in _UNREAD):
                raise
            if (
                not self._notes
            ):  # answers have shown that it is the day: an error page says nothing against it
                self._clocks.problem = None
            return
        self._begin()
        self._sink(exchange)

    def finish(self) -> ClocksDiffer | None:
        """Keep the notes that no answer has let through; if the clocks differ, none, and return that."""
        if self._clocks is not None and self._clocks.problem is None and self._notes:
            with suppress(ClocksDiffer):
                self._clocks.check()
        problem = self._clocks.problem if self._clocks is not None else None
        if problem is None:
            self._begin()
        return problem

    def _begin(self) -> None:
        for note in self._notes:
            self._sink(note)
        self._notes = []


def _words(source: str, day: date, times: Mapping[str, datetime]) -> str:
    """Which clock is out, and what to do."""
    said = ", ".join(f"{name} {time:%Y-%m-%d %H:%M:%S}" for name, time in times.items())
    start = f"{source} was not observed for {day}, and what was landed before is kept: "
    if max(times.values()) - min(times.values()) <= MOST_APART:
        return (
            f"{start}it is about midnight (UTC), and not all clocks are on that day ({said}). Run again in a "
            "few minutes"
        )
    todo = "Set the clock that is out (timedatectl), then run again"
    out = _odd_one(times)
    if out == MACHINE:
        what = "the clock of this machine is out"
        todo = "Set it (timedatectl set-ntp true), then run again"
    elif out == DATABASE:
        what = "the clock of the database is out"
        todo = "Set the clock of its machine, then run again"
    elif out == source:
        what = f"the answer of {source} bears another time"
        todo = (
            "If the database runs on this machine, check their clock (timedatectl). If that is right, a "
            "proxy or cache on the way sends a wrong Date or an old answer"
        )
    else:
        what = "the clocks differ"
    return f"{start}{what} (UTC: {said}). {todo}"


def _odd_one(times: Mapping[str, datetime]) -> str | None:
    """Whose clock stands alone, where two others agree."""
    for name, time in times.items():
        others = [other for who, other in times.items() if who != name]
        agree = len(others) > 1 and max(others) - min(others) <= MOST_APART
        if agree and all(abs(time - other) > MOST_APART for other in others):
            return name
    return None
