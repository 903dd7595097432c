"""Telling answers from faults, and how long to leave an upstream alone for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import httpx
from pydantic import SecretStr

from spotify_assets.sources.clock import Clock
from spotify_assets.sources.http.pacing import RateGate, parse_retry_after
from spotify_assets.sources.http.refusals import OwnError
from spotify_assets.sources.http.request import BodyFault, Limits, Request, Response
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.jsontext import NotJson, decode_json, error_in, one_line
from spotify_assets.sources.protocol import NotAllowed, SignInRefused, UpstreamUnavailable


def summary(came: list[str]) -> str:
    """What came, attempt by attempt."""
    if len(came) > 3 and len(set(came)) == 1:
        return f"{len(came)} times {came[0]}"
    return "; ".join(f"{n}: {what}" if len(came) > 1 else what for n, what in enumerate(came, 1))


def transport_fault(error: Exception) -> str:
    """What happened to a connection, without addresses or headers."""
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, httpx.RemoteProtocolError):
        return "the connection ended before the answer was complete"
    return f"the connection failed ({type(error).__name__})"


def said(data: Any) -> str:
    """The upstream's own words about an error in a body read as JSON, cut short and on one line."""
    code, words = error_in(data) or (None, "")
    if isinstance(data, dict) and isinstance(data.get("error_description"), str):
        words = data["error_description"]
    return quoted(words or (code if isinstance(code, str) else ""))


def first_line(response: httpx.Response, text: str) -> str:
    """The first line of a body that is plain text, as proxies and gateways answer."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return quoted(text.strip().partition("\n")[0]) if kind == "text/plain" else ""


def quoted(words: str) -> str:
    """Somebody else's words, cut short and on one line."""
    line = one_line(words)
    return f': "{line}"' if line else ""


class Fault(Exception):
    """An attempt that may come right when repeated."""


class Busy(Fault):
    """The upstream sheds load: it answers 503 to a share of all calls, whoever asks what."""


class Refused(Exception):
    """HTTP 401 for `token`."""

    def __init__(self, message: str, token: SecretStr) -> None:
        """Keep the token beside the message."""
        super().__init__(message)
        self.token = token


class ResponseClassifier:
    """Reads responses for one client, and passes on to its turns what they say about asking again."""

    def __init__(
        self,
        gate: RateGate,
        reads_fault: Callable[[Any], BodyFault | None],
        own_error: OwnError,
        limits: Limits,
        clock: Clock,
        rand: Callable[[], float],
    ) -> None:
        """See `PoliteClient` for the arguments."""
        self._gate = gate
        self._reads_fault = reads_fault
        self._own_error = own_error
        self._limits = limits
        self._clock = clock
        self._rand = rand

    def answer(
        self,
        request: Request,
        session: ObservationSession,
        response: httpx.Response,
        text: str,
        token: SecretStr | None,
    ) -> Response:
        """Read a response that was landed.

        Raises:
            Fault: It may come right when repeated, after the pause that everyone keeps.
            Refused: `token` is not accepted.
            SourceError: Repeating is of no use.
        """
        self._heed(response)
        status, data, unreadable = response.status_code, None, None
        try:
            data = decode_json(text)
        except NotJson as error:
            unreadable = error
        came = f"HTTP {status}{said(data) or first_line(response, text)}"
        if (fault := self._reads_fault(data)) is not None:
            came, status = f"HTTP {status}{quoted(fault.words)}", fault.status
        doubtful = {401, 403, 404} if request.own_404 else {401, 403}
        if status in doubtful and not self._own_error(status, data, text):
            # A proxy, a firewall or the front end speaks, not the service: it knows nothing of this app.
            raise Fault(f"{came} that is not {session.source}'s own answer")
        if status in request.answers:  # whatever the body, the status is the answer
            return Response(status, data, response.headers.get("location", ""))
        if 200 <= status < 300:
            if unreadable is not None:
                raise Fault(f"HTTP {status} with {unreadable}")
            if request.is_response(data):
                return Response(status, data)
            if not said(data):
                raise Fault(f"HTTP {status} without what was asked for")
            status = 503  # an error with the status of an answer
        if status in {408, 425, 429} or status >= 500:
            self._pause(session, status, came, response, text)
        raise self._refusal(request, session, status, came, token)

    def _heed(self, response: httpx.Response) -> None:
        """Obey what an upstream says about its limit beside an answer: nothing is left of it for now."""
        left = response.headers.get("x-ratelimit-remaining", "").strip()
        seconds = parse_retry_after(response.headers.get("x-ratelimit-reset-in"), self._clock.now())
        if left != "0" or not seconds or response.status_code == 429:
            return
        if seconds > self._limits.longest_wait:
            self._gate.cool_down(seconds, f"its limit is used up and renews in {seconds:,.0f} s")
        else:
            self._gate.pause(seconds)

    def _refusal(
        self, request: Request, session: ObservationSession, status: int, came: str, token: SecretStr | None
    ) -> Exception:
        """What an answer that is neither usable nor worth repeating means."""
        if status == 401 and token is not None:
            return Refused(came, token)
        if status == 401:
            return SignInRefused(f"{session.source} wants a sign-in for {request.label} ({came})")
        if status == 403 and token is None and not request.headers and not request.secret_params:
            return NotAllowed(
                f"{session.source} refuses to answer {request.label} ({came}); asking again will not help. "
                "It knows us by the User-Agent alone: see that SPOTIFY_ASSETS_CONTACT says whom to write to",
                came=came,
            )
        if status == 403:
            return NotAllowed(
                f"{session.source} does not allow this app to ask for {request.label} ({came}); "
                "asking again will not help: check the app's access mode and the terms it was granted",
                came=came,
            )
        if 300 <= status < 400:
            return UpstreamUnavailable(
                f"{request.label}: {session.source} answered with a redirect (HTTP {status}), which is never "
                "followed: sign in to this network if it wants that, or check the base URL in the settings"
            )
        return UpstreamUnavailable(f"{request.label}: {session.source} answered {came}")

    def _pause(
        self, session: ObservationSession, status: int, came: str, response: httpx.Response, text: str
    ) -> NoReturn:
        """Keep everyone from asking for as long as the upstream wants, however it said so."""
        if status == 429:
            session.usage.throttled += 1
            if "QUOTA_EXCEEDED" in text:
                self._cool_down("the quota of this app's developer account is used up", None)
        headers = response.headers
        asked = parse_retry_after(headers.get("retry-after"), self._clock.now(), headers.get("date"))
        if asked is None and status == 429:
            asked = parse_retry_after(headers.get("x-ratelimit-reset-in"), self._clock.now())
        if asked is not None and asked > self._limits.longest_wait:
            self._cool_down(f"it asked for a pause of {asked:,.0f} s (HTTP {response.status_code})", asked)
        if asked is None and status == 429:
            asked = 1.0 + self._rand()
        fault = Busy if status == 503 and self._limits.busy_attempts else Fault
        if not asked:
            raise fault(came)
        self._gate.pause(asked)
        raise fault(f"{came}, with a pause of {asked:.3g} s")

    def _cool_down(self, why: str, seconds: float | None) -> NoReturn:
        self._gate.cool_down(seconds, why)
        self._gate.check()
        raise Fault(why)  # the time was over before we could ask
