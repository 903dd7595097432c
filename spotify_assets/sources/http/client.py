"""The one polite HTTP client that every upstream is asked through.

Each response arrives completely, the observed day is checked, it is handed to the sink, and only then read.
It is landed unchanged, except that a secret sent with that request becomes ``***`` (`redaction`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.http.attempts import Attempts
from spotify_assets.sources.http.body import Unreadable, read_body
from spotify_assets.sources.http.connections import Connections, is_below
from spotify_assets.sources.http.pacing import RateGate, RetryBudget, sent_at
from spotify_assets.sources.http.quota import LocalQuota, Quota
from spotify_assets.sources.http.redaction import conceal, secrets_sent
from spotify_assets.sources.http.refusals import OwnError, any_form
from spotify_assets.sources.http.request import (
    ANONYMOUS,
    BodyFault,
    Limits,
    Request,
    Response,
    build_request,
)
from spotify_assets.sources.http.response_classifier import (
    Fault,
    Refused,
    ResponseClassifier,
    summary,
    transport_fault,
)
from spotify_assets.sources.http.session import (
    Authorization,
    ObservationSession,
    ObservationStopped,
    worst_first,
)
from spotify_assets.sources.http.transports import proxy_variable
from spotify_assets.sources.protocol import (
    BudgetSpent,
    NotAllowed,
    SignInRefused,
    UpstreamUnavailable,
)


class PoliteClient:
    """Asks one origin, within limits. Give up its connections with `aclose`."""

    def __init__(
        self,
        base_url: str,
        *,
        concurrency: int = 8,
        requests_per_second: float | None = None,
        quota: Quota | None = None,
        authorization: Authorization | None = None,
        reads_fault: Callable[[Any], BodyFault | None] = lambda _: None,
        own_error: OwnError = any_form,
        user_agent: str | None = None,
        limits: Limits | None = None,
        clock: Clock = SYSTEM_CLOCK,
        rand: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing is opened before the first question.

        Args:
            base_url: The only place that is ever asked, without a slash at the end.
            concurrency: Requests under way at once.
            requests_per_second: Pace; ``None`` for as fast as the concurrency allows.
            quota: Leave to call, shared with whoever uses the same credential; it has a pace of its own.
                ``None`` for one of this client alone, at the pace of `requests_per_second`.
            authorization: Gives the bearer token; ``None`` for an upstream without sign-in.
            reads_fault: Finds the error in a body, for upstreams that send errors with HTTP 200.
            own_error: Tells the upstream's own refusals (401, 403) from those of others on the way.
            user_agent: Who we say we are; see `user_agent`.
            limits: Patience; see `Limits`.
            clock: Time and waiting.
            rand: Random numbers from 0 to 1, for jitter.
        """
        self.base_url = httpx.URL(base_url)
        self.concurrency = concurrency
        self.requests_per_second = requests_per_second
        self.limits = limits or Limits()
        self.clock = clock
        self._base = base_url.rstrip("/")
        self._authorization = authorization
        self._rand = rand
        self._user_agent = user_agent or ANONYMOUS
        self._quota = quota or LocalQuota(requests_per_second, clock=clock, name=self.base_url.host)
        self._gate = RateGate(self._quota, clock)
        self._judge = ResponseClassifier(self._gate, reads_fault, own_error, self.limits, clock, rand)
        self._connections = Connections(self.base_url, concurrency)

    def budget(self) -> RetryBudget:
        """The retries of one observation: as many as are under way may need one."""
        return RetryBudget(self.limits.retry_share, self.limits.retry_allowance + self.concurrency)

    async def aclose(self) -> None:
        """Give up connections, and leave to call that was not used."""
        self._gate.release()
        self._quota.close()
        await self._connections.aclose()

    def owns(self, url: str) -> bool:
        """Whether `url` is at the configured origin and below the configured path."""
        return is_below(self.base_url, url)

    async def send_all(
        self,
        requests: Iterable[Request],
        session: ObservationSession,
        handle: Callable[[Request, Response], None] | None = None,
    ) -> None:
        """Ask many questions at once; one without an answer is noted and does not stop the others.

        Nor does one that is refused, as long as others are answered.

        Args:
            requests: Taken one by one as earlier ones are done, so they may be very many.
            session: The observation they belong to.
            handle: Told each answer, for upstreams whose answers lead to more questions.

        Raises:
            BudgetSpent: The rest was not asked; requests under way were answered.
            SourceError: The rest was not asked; requests under way were given up.
        """
        todo = iter(requests)
        tell = handle or (lambda _, __: None)
        spent: list[BudgetSpent] = []
        refused: list[NotAllowed] = []
        before = session.answers

        async def work() -> None:
            for request in todo:
                try:
                    answer = await self.send(request, session)
                except ObservationStopped:
                    raise
                except BudgetSpent as error:
                    spent.append(error)
                    return
                except UpstreamUnavailable as error:
                    session.unanswered(error, self.limits.failures_in_a_row + self.concurrency)
                except NotAllowed as error:
                    refused.append(error)
                    session.refused(error)
                else:
                    session.answers += 1
                    session.failures_in_a_row = session.refusals_in_a_row = 0
                    tell(request, answer)

        tasks = [asyncio.create_task(work()) for _ in range(self.concurrency)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            self._gate.release()
        # Who is refused while others are answered is refused for itself.
        problems = [*spent, *(refused if session.answers == before else [])]
        if raised := [*worst_first(outcomes), *problems]:
            raise raised[0]

    async def send(self, request: Request, session: ObservationSession) -> Response:
        """Ask one question, patiently.

        Raises:
            UpstreamUnavailable: No answer after the attempts allowed; says what came instead.
            SourceError: Nothing more can be asked for now.
        """
        url = self._url(request)
        stale: SecretStr | None = None
        attempts = Attempts(self.limits, session.budget, self._rand)
        while True:
            try:
                return await self._turn(request, url, stale, session, again=attempts.made > 1)
            except Refused as refusal:
                if stale is not None:
                    raise SignInRefused(
                        f"{session.source} refused a token that it had just given ({refusal}) for "
                        f"{request.label}: check that the app still exists and its secret is current, "
                        "then run again"
                    ) from None
                stale = refusal.token
                if not attempts.refused(str(refusal)):
                    break
            except Fault as fault:
                wait = attempts.failed(fault)
                if wait is None:
                    break
                # Runs beside a pause that the upstream asked for, which everyone keeps.
                await self.clock.sleep(min(wait, session.seconds_left()))
        raise UpstreamUnavailable(
            f"{request.label}: {session.source} gave no usable answer ({summary(attempts.came)}); run again "
            "later, only what is missing is asked for again"
        )

    async def is_about_the_call(self, session: ObservationSession, control: Request) -> bool:
        """Whether a refusal that just came is about its call alone: a call that anybody may make is answered.

        Args:
            session: The observation under way.
            control: Such a call.

        Raises:
            SourceError: It got no answer at all, so that this cannot be found out now.
        """
        try:
            await self.send(control, session)
        except (NotAllowed, SignInRefused):
            return False
        return True

    async def _turn(
        self,
        request: Request,
        url: httpx.URL,
        stale: SecretStr | None,
        session: ObservationSession,
        *,
        again: bool,
    ) -> Response:
        """Send once, when there is a free connection and leave to call."""
        async with self._connections.take() as client:
            token = None
            if self._authorization is not None:
                session.check()
                self._gate.check()
                # Before the turn, or those that waited for one sign-in would all leave at once.
                token = await self._authorization.bearer(session, stale)
            slot = await self._gate.turn(session.check)
            try:
                session.usage.calls += 1
                session.usage.retries += again
                return await self._attempt(client, request, url, token, session)
            finally:
                self._gate.settle(slot)

    def _url(self, request: Request) -> httpx.URL:
        if "://" not in request.path:
            query = "?" + urlencode(request.params, safe=",") if request.params else ""
            return httpx.URL(f"{self._base}{request.path}{query}")
        if not self.owns(request.path):
            raise UpstreamUnavailable(
                f"{request.label}: refused to ask another place than {self.base_url.host} "
                "(the upstream named one); nothing was sent there"
            )
        return self.base_url.join(request.path)

    async def _attempt(
        self,
        client: httpx.AsyncClient,
        request: Request,
        url: httpx.URL,
        token: SecretStr | None,
        session: ObservationSession,
    ) -> Response:
        seconds = min(self.limits.request_seconds, session.seconds_left())
        secrets = secrets_sent(request, token)
        try:
            async with asyncio.timeout(seconds):
                sent = build_request(request, url, token, self._user_agent, session.headers)
                response = await client.send(sent, stream=True)
                try:
                    body = await read_body(response, self.limits.body_bytes)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise Fault(f"no complete answer within {seconds:.3g} s") from None
        except Unreadable as error:
            came = conceal(str(error), secrets)
            if error.worth_retrying:
                raise Fault(came) from None
            raise UpstreamUnavailable(f"{request.label}: {session.source} sent {came}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            proxy = proxy_variable(url)
            raise Fault(
                transport_fault(error) + (f", through the proxy of {proxy}" if proxy else "")
            ) from None
        text = body.decode("utf-8", "surrogateescape")
        if request.landed or not response.is_success:  # a new token may well contain what was sent for it
            text = conceal(text, secrets)
        if request.landed:
            told = sent_at(response.headers, self.clock.now())
            session.land(request.method, url, request.context, response.status_code, text, told)
        return self._judge.answer(request, session, response, text, token)
