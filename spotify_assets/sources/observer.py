"""What every observation has in common, whichever upstream is observed."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from spotify_assets.settings import Settings, SettingsError
from spotify_assets.sources.clock import Clock
from spotify_assets.sources.exchange import Exchange, Sink
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.refusals import refused_altogether
from spotify_assets.sources.http.request import Request, Response
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.protocol import NotAllowed, SourceError, UpstreamUnavailable, Usage
from spotify_assets.sources.reasons.reason import Reason

UNASKED = "UNASKED"
"""`Exchange.method` of a note that keys were not asked for, and why; landed, so that a replay knows it."""


def simulated_url(settings: Settings, path: str) -> str:
    """The address of one of the protocols that the simulated upstream speaks.

    Raises:
        SettingsError: None is running.
    """
    if settings.simulator_url is None:
        raise SettingsError(
            "SIMULATOR_URL is not set, so there is nothing to observe: start a simulated upstream with "
            "`spotify-assets simulate` and set SIMULATOR_URL to the address it prints, or choose live "
            "sources with SOURCES"
        )
    return f"{settings.simulator_url}{path}"


def contact(settings: Settings) -> str | None:
    """Whom upstreams can write to; a simulated one is as strict, but needs no real address."""
    return settings.spotify_assets_contact or ("nobody@localhost" if settings.simulated else None)


class Observer:
    """Keeps the books of one source's observations."""

    def __init__(
        self,
        name: str,
        api: PoliteClient,
        *,
        clock: Clock,
        run_id: str = "",
        can_observe_past: bool = False,
        control: Request | None = None,
    ) -> None:
        """Say who observes whom.

        Args:
            name: Value of the ``source`` column.
            api: Client of the upstream.
            clock: Time.
            run_id: Kept with each response.
            can_observe_past: The upstream's "now" follows the header ``X-Simulated-Date``.
            control: A call that anybody may make; a refusal is believed only while it is answered.
        """
        self.name = name
        self.api = api
        self._clock = clock
        self._run_id = run_id
        self._past = can_observe_past
        self._control = control

    async def observe(
        self, entity: str, day: date, sink: Sink, requests: Sequence[Request], odd: Sequence[str] = ()
    ) -> Usage:
        """Ask all `requests`; one without an answer does not stop the others.

        Args:
            entity: What is asked for.
            day: UTC day being observed.
            sink: Gets each response before it is read.
            requests: What to ask.
            odd: A line for each key that cannot be asked for.

        Raises:
            SourceError: The rest was not asked, or nothing was answered at all.
        """

        async def send(session: ObservationSession) -> None:
            await self.send_all(requests, session)

        return await self.session(entity, day, sink, len(requests), send, odd)

    async def send_all(
        self,
        requests: Sequence[Request],
        session: ObservationSession,
        handle: Callable[[Request, Response], None] | None = None,
    ) -> None:
        """Ask many questions within a visit.

        Raises:
            UpstreamUnavailable: Nothing was answered in the whole visit.
            SourceError: The rest was not asked.
        """
        failures = len(session.failures)
        await self.api.send_all(requests, session, handle)
        # Of further questions none may be answered: what came before them still stands.
        if session.answers == 0 and len(session.failures) - failures >= len(requests) > 0:
            raise UpstreamUnavailable(
                f"{self.name}: none of {len(requests)} questions about {session.entity} was answered; "
                f"the last one: {session.failures[-1]}"
            )

    async def look_up(
        self, request: Request, what: str, sink: Sink | None = None, until: float = math.inf
    ) -> Response:
        """Ask one question outside any day.

        Args:
            request: What to ask.
            what: What it is about, for messages and as the entity of what lands.
            sink: Gets the response, if given.
            until: When to give up, on the clock's monotonic scale.

        Raises:
            SourceError: There is no answer.
        """
        found: list[Response] = []

        async def send(session: ObservationSession) -> None:
            session.deadline = min(session.deadline, until)
            found.append(await self.api.send(request, session))

        await self.session(what, self._clock.now().date(), sink, 1, send)
        return found[0]

    async def session(
        self,
        entity: str,
        day: date,
        sink: Sink | None,
        requests: int,
        send: Callable[[ObservationSession], Awaitable[Any]],
        odd: Sequence[str] = (),
        per_second: float | None = None,
    ) -> Usage:
        """Run `send` as one observation and account for it.

        Args:
            entity: What is asked for.
            day: UTC day being observed; of no meaning without a sink.
            sink: Gets each response before it is read.
            requests: About how many there will be, for the deadline.
            send: Does the asking.
            odd: A line for each key that cannot be asked for.
            per_second: Pace, for the deadline; the client's own if absent.

        Raises:
            SourceError: Whatever `send` raises; its `usage` says what was spent.
        """
        pace = per_second or self.api.requests_per_second or math.inf
        started = self._clock.monotonic()
        session = ObservationSession(
            source=self.name,
            entity=entity,
            sink=sink,
            clock=self._clock,
            budget=self.api.budget(),
            deadline=started + self.api.limits.observation_seconds + 2 * requests / pace,
            day=None if sink is None else day,
            past=self._past,
            headers={"x-simulated-date": day.isoformat()} if self._past else {},
            run_id=self._run_id,
            failures=list(odd),
        )
        try:
            await self._believing(send, session)
        except SourceError as error:
            error.usage = session.usage
            raise
        finally:
            session.usage.seconds = self._clock.monotonic() - started
            session.usage.failures = tuple(session.failures)
        return session.usage

    async def _believing(
        self, send: Callable[[ObservationSession], Awaitable[Any]], session: ObservationSession
    ) -> None:
        """Run `send`; a refusal that it ends with stands only if other calls are answered.

        Raises:
            RefusedAltogether: They are refused too.
            SourceError: Whatever `send` raises.
        """
        try:
            await send(session)
        except NotAllowed as error:
            if self._control is None or error.checked:
                raise
            if not await self.api.is_about_the_call(session, self._control):
                raise refused_altogether(self.name, error.came) from None
            raise

    def unasked(self, entity: str, day: date, keys: Sequence[str], reason: Reason) -> Exchange:
        """A note that `keys` were not asked for, in the form in which everything lands."""
        return Exchange(
            source=self.name,
            entity=entity,
            method=UNASKED,
            url="",
            status=0,
            observed_at=datetime.combine(day, time(12), UTC) if self._past else self._clock.now(),
            run_id=self._run_id,
            body="",
            request={"keys": list(keys), "reason": reason.as_json()},
        )
