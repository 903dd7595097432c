"""The vocabulary of asking: a question, its answer, and how much patience there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from spotify_assets.sources.http.body import ACCEPT_ENCODING


def user_agent(contact: str | None = None) -> str:
    """Say who asks, as open services want it: name, version, and whom to write to (e-mail address or URL)."""
    name = f"spotify-assets/{version('spotify-assets')}"
    printable = "".join(c for c in contact or "" if " " <= c <= "~" and c not in "()\\").strip()
    return f"{name} (+{printable})" if printable else name


ANONYMOUS = user_agent()


def build_request(
    request: Request,
    url: httpx.URL,
    token: SecretStr | None,
    agent: str,
    headers_if_landed: Mapping[str, str],
) -> httpx.Request:
    """The request that asks a question.

    Args:
        request: What is asked.
        url: Where, without the secret part of the query.
        token: Bearer token, if the upstream wants one.
        agent: User-Agent.
        headers_if_landed: Sent with a question whose answer is landed.
    """
    headers = httpx.Headers(
        {"accept": "application/json", "accept-encoding": ACCEPT_ENCODING, "user-agent": agent}
    )
    if request.landed:
        headers.update(headers_if_landed)
    for name, value in request.headers:
        headers[name] = value.get_secret_value()
    if token is not None:
        headers["authorization"] = f"Bearer {token.get_secret_value()}"
    content = None
    if request.form:
        headers["content-type"] = "application/x-www-form-urlencoded"
        content = urlencode(request.form).encode()
    if request.json is not None:
        headers["content-type"] = "application/json"
        content = json.dumps(request.json, separators=(",", ":")).encode("ascii")
    for name, value in request.secret_params:
        url = url.copy_add_param(name, value.get_secret_value())
    return httpx.Request(request.method, url, headers=headers, content=content)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much patience and politeness there is.

    Attributes:
        attempts: Most times one question is sent.
        retry_share: Most retries in an observation, as a share of its questions …
        retry_allowance: … plus this many and the concurrency, so that a short observation may retry.
        longest_wait: Longest ``Retry-After`` that is waited out, in seconds.
        request_seconds: Wall-clock time for one attempt, from connecting to the last byte.
        observation_seconds: Wall-clock time for a whole observation beyond what its pace takes.
        body_bytes: Largest body taken, decompressed.
        failures_in_a_row: Questions without an answer, beyond the concurrency, after which the rest is
            not asked any more.
        backoff_base: First upper bound of the random pause before a retry, in seconds.
        backoff_cap: Last upper bound.
        busy_attempts: Most times a question is sent to an upstream that sheds load, answering 503 to a share
            of all calls; those answers use up no retry. 0 where a 503 is a fault like others.
        busy_backoff_base: As `backoff_base`, after such an answer.
        busy_backoff_cap: As `backoff_cap`, after such an answer.
    """

    attempts: int = 3
    retry_share: float = 0.1
    retry_allowance: int = 10
    longest_wait: float = 60.0
    request_seconds: float = 30.0
    observation_seconds: float = 3600.0
    body_bytes: int = 32 * 2**20
    failures_in_a_row: int = 10
    backoff_base: float = 0.5
    backoff_cap: float = 8.0
    busy_attempts: int = 0
    busy_backoff_base: float = 2.0
    busy_backoff_cap: float = 20.0


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask.

    Attributes:
        label: What a person calls it, for messages; without ids and names, since Dagster keeps messages.
        path: Path below the base URL, or a complete URL that the upstream named.
        params: Query, in order.
        context: Kept beside the response for whoever parses it.
        method: HTTP method.
        form: Form fields of a POST.
        json: Body of a POST, sent as JSON.
        secret_params: Query that is sent and never kept: neither landed nor in a message.
        headers: Headers of this question alone.
        landed: Whether responses go to the sink; false only for token calls.
        answers: Statuses besides 2xx that answer the question: 404 where "there is none" is one, 403 where
            the question is whether we may ask at all.
        own_404: Whether a 404 is believed only in the upstream's own words, because it is remembered for
            long: a gateway or a page for maintenance says it of everything.
        is_answer: Whether a body with status 2xx has the form of an answer. Another one is a fault, so that
            nothing is concluded from it; one that tells an ``error`` is taken for a 503.
    """

    label: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    context: Mapping[str, object] = field(default_factory=dict)
    method: str = "GET"
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    json: Mapping[str, object] | None = None
    secret_params: tuple[tuple[str, SecretStr], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, SecretStr], ...] = field(default=(), repr=False)
    landed: bool = True
    answers: frozenset[int] = frozenset({404})
    own_404: bool = False
    is_response: Callable[[Any], bool] = field(default=lambda _: True, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A response that answers a question.

    Attributes:
        status: HTTP status.
        data: Body as JSON; ``None`` where it is none.
        location: Where a redirect leads that is an answer.
    """

    status: int
    data: Any
    location: str = ""


@dataclass(frozen=True, slots=True)
class BodyFault:
    """An error that an upstream puts into the body of a response, often with HTTP 200.

    It is treated as the status that an upstream with better manners would have sent.

    Attributes:
        kind: ``throttled`` (429), ``not_allowed`` (403), ``refused`` (401: the credentials), ``unavailable``
            (503: may come right when repeated) or ``absent`` (404).
        words: The upstream's own words, for messages.
    """

    kind: Literal["throttled", "not_allowed", "refused", "unavailable", "absent"]
    words: str

    @property
    def status(self) -> int:
        """The HTTP status that says the same."""
        return _STATUSES[self.kind]


_STATUSES = {"throttled": 429, "not_allowed": 403, "refused": 401, "unavailable": 503, "absent": 404}
