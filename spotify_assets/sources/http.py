"""The one polite HTTP client that every upstream is asked through.

Belongs here: sending a question within the limits (pace, concurrency, retries, deadlines, size, one
origin) and telling answers from faults. Does not belong here: what an answer means, which questions
to ask (each upstream's own package), or arithmetic on time (`pacing`).

Order of things for each response: it arrives completely, the observed day is checked, it is handed
to the sink, and only then is its status looked at and its body read.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any, NoReturn, Protocol
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from spotify_assets.sources.allowance import Allowance, LocalAllowance
from spotify_assets.sources.base import (
    BudgetSpent,
    CooldownRequired,
    NotAllowed,
    SignInRefused,
    UpstreamUnavailable,
)
from spotify_assets.sources.body import ACCEPT_ENCODING, Unreadable, read_body
from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.connections import Connections
from spotify_assets.sources.jsontext import NotJson, decode_json
from spotify_assets.sources.pacing import RetryBudget, Turns, backoff_seconds, parse_retry_after
from spotify_assets.sources.question import Answer, BodyFault, Limits, Question
from spotify_assets.sources.visit import ObservationStopped, Visit
from spotify_assets.sources.wording import quoted, said, summary, transport_fault


def user_agent(contact: str | None = None) -> str:
    """Say who asks, as MusicBrainz, ListenBrainz and Wikidata want it: name, version, whom to write to.

    Args:
        contact: E-mail address or URL; what cannot stand in a header is left out.
    """
    name = f"spotify-assets/{version('spotify-assets')}"
    printable = "".join(c for c in contact or "" if " " <= c <= "~" and c not in "()\\").strip()
    return f"{name} (+{printable})" if printable else name


ANONYMOUS = user_agent()


class Authorization(Protocol):
    """What gives the bearer token."""

    async def bearer(self, visit: Visit, stale: SecretStr | None) -> SecretStr:
        """Give a token that is not `stale`, the one that was just refused."""


class _Fault(Exception):
    """An attempt that may come right when repeated."""


class _Refused(Exception):
    """HTTP 401 for `token`."""

    def __init__(self, message: str, token: SecretStr) -> None:
        super().__init__(message)
        self.token = token


class PoliteClient:
    """Asks one origin, within limits. Give up its connections with `aclose`."""

    def __init__(
        self,
        base_url: str,
        *,
        concurrency: int = 8,
        requests_per_second: float | None = None,
        allowance: Allowance | None = None,
        authorization: Authorization | None = None,
        reads_fault: Callable[[Any], BodyFault | None] = lambda _: None,
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
            allowance: Leave to call, shared with whoever uses the same credential; it has a pace of its own.
                ``None`` for one of this client alone, at the pace of `requests_per_second`.
            authorization: Gives the bearer token; ``None`` for an upstream without sign-in.
            reads_fault: Finds the error in a body, for upstreams that send errors with HTTP 200.
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
        self._reads_fault = reads_fault
        self._user_agent = user_agent or ANONYMOUS
        self._allowance = allowance or LocalAllowance(
            requests_per_second, clock=clock, name=self.base_url.host
        )
        self._turns = Turns(self._allowance, clock)
        self._connections = Connections(self.base_url, concurrency)

    def budget(self) -> RetryBudget:
        """The retries of one observation: as many as are under way may need one at once."""
        return RetryBudget(self.limits.retry_share, self.limits.retry_allowance + self.concurrency)

    async def aclose(self) -> None:
        """Give up connections, and leave to call that was not used."""
        self._turns.release()
        self._allowance.close()
        await self._connections.aclose()

    def owns(self, url: str) -> bool:
        """Whether `url` is at the configured origin and below the configured path."""
        try:
            found = self.base_url.join(url)
        except (httpx.InvalidURL, ValueError):
            return False
        prefix = self.base_url.path.rstrip("/") + "/"
        return (
            (found.scheme, found.host, _port(found))
            == (self.base_url.scheme, self.base_url.host, _port(self.base_url))
            and not found.userinfo
            and found.path.startswith(prefix)
            and ".." not in found.path.split("/")
        )

    async def ask_all(
        self,
        questions: Iterable[Question],
        visit: Visit,
        handle: Callable[[Question, Answer], None] | None = None,
    ) -> None:
        """Ask many questions at once; one without an answer is noted and does not stop the others.

        Args:
            questions: Taken one by one as earlier ones are done, so they may be very many.
            visit: The observation they belong to.
            handle: Told each answer, for upstreams whose answers lead to more questions.

        Raises:
            BudgetSpent: The rest was not asked; requests under way were answered.
            SourceError: The rest was not asked; requests under way were given up.
        """
        todo = iter(questions)
        spent: list[BudgetSpent] = []

        async def work() -> None:
            for question in todo:
                try:
                    answer = await self.ask(question, visit)
                except ObservationStopped:
                    raise
                except BudgetSpent as error:
                    spent.append(error)
                    return
                except UpstreamUnavailable as error:
                    self._note_failure(visit, error)
                else:
                    visit.answers += 1
                    visit.failures_in_a_row = 0
                    if handle is not None:
                        handle(question, answer)

        tasks = [asyncio.create_task(work()) for _ in range(self.concurrency)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            self._turns.release()
        raised = [error for error in outcomes if isinstance(error, Exception)]
        raised.sort(key=lambda error: not isinstance(error, CooldownRequired))
        if raised or spent:
            raise (raised or spent)[0]

    def _note_failure(self, visit: Visit, error: UpstreamUnavailable) -> None:
        visit.fail(str(error))
        visit.failures_in_a_row += 1
        # As many as are under way may fail of one cause, such as a server that restarts.
        if visit.failures_in_a_row >= self.limits.failures_in_a_row + self.concurrency:
            raise ObservationStopped(
                f"{visit.source}: {visit.failures_in_a_row} questions in a row stayed without an answer, so "
                f"the rest was not asked; the last one: {error}"
            ) from None

    async def ask(self, question: Question, visit: Visit) -> Answer:
        """Ask one question, patiently.

        Raises:
            UpstreamUnavailable: No answer after the attempts allowed; says what came instead.
            SourceError: Nothing more can be asked for now.
        """
        url = self._url(question)
        came: list[str] = []
        stale: SecretStr | None = None
        replay = False
        for attempt in range(1, self.limits.attempts + 1):
            if attempt == 1:
                visit.budget.first()
            elif not replay and not visit.budget.spend():
                came.append("and no retries are left in this observation")
                break
            replay = False
            try:
                return await self._turn(question, url, stale, visit, again=attempt > 1)
            except _Refused as refusal:
                if stale is not None:
                    raise SignInRefused(
                        f"{visit.source} refused a token that it had just given ({refusal}) for "
                        f"{question.label}: check that the app still exists and its secret is current, "
                        "then run again"
                    ) from None
                stale, replay = refusal.token, True
                came.append(str(refusal))
            except _Fault as fault:
                came.append(str(fault))
                if attempt < self.limits.attempts:
                    # Runs beside a pause that the upstream asked for, which everyone keeps.
                    await self.clock.sleep(
                        backoff_seconds(
                            attempt,
                            base=self.limits.backoff_base,
                            cap=self.limits.backoff_cap,
                            rand=self._rand,
                        )
                    )
        raise UpstreamUnavailable(
            f"{question.label}: {visit.source} gave no usable answer ({summary(came)}); run again later, "
            "only what is missing is asked for again"
        )

    async def _turn(
        self, question: Question, url: httpx.URL, stale: SecretStr | None, visit: Visit, *, again: bool
    ) -> Answer:
        """Send once, when there is a free connection and leave to call."""
        async with self._connections.take() as client:
            token = None
            if self._authorization is not None:
                visit.check()
                self._turns.check()
                # Before the turn, or those that waited for one sign-in would all leave at once.
                token = await self._authorization.bearer(visit, stale)
            slot = await self._turns.turn(visit.check)
            try:
                visit.usage.calls += 1
                visit.usage.retries += again
                return await self._attempt(client, question, url, token, visit)
            finally:
                self._turns.settle(slot)

    def _url(self, question: Question) -> httpx.URL:
        if "://" not in question.path:
            query = "?" + urlencode(question.params, safe=",") if question.params else ""
            return httpx.URL(f"{self._base}{question.path}{query}")
        if not self.owns(question.path):
            raise UpstreamUnavailable(
                f"{question.label}: refused to ask another place than {self.base_url.host} "
                "(the upstream named one); nothing was sent there"
            )
        return self.base_url.join(question.path)

    async def _attempt(
        self,
        client: httpx.AsyncClient,
        question: Question,
        url: httpx.URL,
        token: SecretStr | None,
        visit: Visit,
    ) -> Answer:
        seconds = min(self.limits.request_seconds, visit.seconds_left())
        try:
            async with asyncio.timeout(seconds):
                request = self._build(question, url, token, visit)
                response = await client.send(request, stream=True)
                try:
                    body = await read_body(response, self.limits.body_bytes)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise _Fault(f"no complete answer within {seconds:.3g} s") from None
        except Unreadable as error:
            if error.worth_retrying:
                raise _Fault(str(error)) from None
            raise UpstreamUnavailable(f"{question.label}: {visit.source} sent {error}") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _Fault(transport_fault(error)) from None
        text = body.decode("utf-8", "surrogateescape")
        if question.landed:
            visit.land(question.method, url, question.request, response.status_code, text)
        self._heed(response)
        return self._judge(question, visit, response, text, token)

    def _build(
        self, question: Question, url: httpx.URL, token: SecretStr | None, visit: Visit
    ) -> httpx.Request:
        headers = httpx.Headers(
            {"accept": "application/json", "accept-encoding": ACCEPT_ENCODING, "user-agent": self._user_agent}
        )
        if question.landed:
            headers.update(visit.headers)
        for name, value in question.headers:
            headers[name] = value.get_secret_value()
        if token is not None:
            headers["authorization"] = f"Bearer {token.get_secret_value()}"
        content = None
        if question.form:
            headers["content-type"] = "application/x-www-form-urlencoded"
            content = urlencode(question.form).encode()
        if question.json is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(question.json, separators=(",", ":")).encode("ascii")
        for name, value in question.secret_params:
            url = url.copy_add_param(name, value.get_secret_value())
        return httpx.Request(question.method, url, headers=headers, content=content)

    def _heed(self, response: httpx.Response) -> None:
        """Obey what an upstream says about its limit beside an answer: nothing is left of it for now."""
        left = response.headers.get("x-ratelimit-remaining", "").strip()
        seconds = parse_retry_after(response.headers.get("x-ratelimit-reset-in"), self.clock.now())
        if left != "0" or not seconds or response.status_code == 429:
            return
        if seconds > self.limits.longest_wait:
            self._turns.cool_down(seconds, f"its limit is used up and renews in {seconds:,.0f} s")
        else:
            self._turns.pause(seconds)

    def _judge(
        self, question: Question, visit: Visit, response: httpx.Response, text: str, token: SecretStr | None
    ) -> Answer:
        status, data, unreadable = response.status_code, None, None
        try:
            data = decode_json(text)
        except NotJson as error:
            unreadable = error
        came = f"HTTP {status}{said(data)}"
        if (fault := self._reads_fault(data)) is not None:
            came, status = f"HTTP {status}{quoted(fault.words)}", fault.status
        if status in question.answers:  # whatever the body, the status is the answer
            return Answer(status, data)
        if 200 <= status < 300:
            if unreadable is not None:
                raise _Fault(f"HTTP {status} with {unreadable}")
            return Answer(status, data)
        if status in {408, 425, 429} or status >= 500:
            self._pause(visit, status, response, text)
        raise self._refusal(question, visit, status, came, token)

    def _refusal(
        self, question: Question, visit: Visit, status: int, came: str, token: SecretStr | None
    ) -> Exception:
        """What an answer that is neither usable nor worth repeating means."""
        if status == 401 and token is not None:
            return _Refused(came, token)
        if status == 401:
            return SignInRefused(f"{visit.source} wants a sign-in for {question.label} ({came})")
        if status == 403:
            return NotAllowed(
                f"{visit.source} does not allow this app to ask for {question.label} ({came}); "
                "asking again will not help: check the app's access mode and the terms it was granted"
            )
        if 300 <= status < 400:
            return UpstreamUnavailable(
                f"{question.label}: {visit.source} answered with a redirect (HTTP {status}), which is never "
                f"followed; check the base URL {self._base}"
            )
        return UpstreamUnavailable(f"{question.label}: {visit.source} answered {came}")

    def _pause(self, visit: Visit, status: int, response: httpx.Response, text: str) -> NoReturn:
        """Keep everyone from asking for as long as the upstream wants, however it said so."""
        if status == 429:
            visit.usage.throttled += 1
            if "QUOTA_EXCEEDED" in text:
                self._cool_down("the quota of this app's developer account is used up", None)
        headers = response.headers
        asked = parse_retry_after(headers.get("retry-after"), self.clock.now(), headers.get("date"))
        if asked is None and status == 429:
            asked = parse_retry_after(headers.get("x-ratelimit-reset-in"), self.clock.now())
        if asked is not None and asked > self.limits.longest_wait:
            self._cool_down(f"it asked for a pause of {asked:,.0f} s (HTTP {status})", asked)
        if asked is None and status == 429:
            asked = 1.0 + self._rand()
        if asked is None:
            raise _Fault(f"HTTP {status}")
        self._turns.pause(asked)
        raise _Fault(f"HTTP {status} with a pause of {asked:.3g} s")

    def _cool_down(self, why: str, seconds: float | None) -> NoReturn:
        self._turns.cool_down(seconds, why)
        self._allowance.check()
        raise _Fault(why)  # the time was over before we could ask


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)
