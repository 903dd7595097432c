"""Who may ask, and how often: tokens, the pace limit, the quota.

Everything about the catalogue is stateless and lives elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import math
import secrets
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from spotify_assets.simulator.faults.rules import quota_exceeded
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.replies import Reply, TokenRefusal, error
from spotify_assets.simulator.spotify.sign_in import SignIn


class Session(NamedTuple):
    """What an access token stands for.

    Attributes:
        until: When it expires, on the monotonic clock.
        client_id: The app it was given to.
        user: Who signed in, or None for an app by itself.
        scopes: What the person agreed to.
    """

    until: float
    client_id: str
    user: str | None = None
    scopes: frozenset[str] = frozenset()


class Tokens:
    """Access tokens of an app by itself and of people who signed in; they really expire."""

    def __init__(self, config: SimulatorConfig, sign_in: SignIn) -> None:
        """Start without any token."""
        self._config = config
        self._sign_in = sign_in
        self._sessions: dict[str, Session] = {}

    def issue(self, authorization: str | None, body: bytes, moment: float) -> Reply:
        """Answer ``POST /api/token``.

        Args:
            authorization: The request's ``Authorization`` header.
            body: Form with ``grant_type``, what the grant needs, and the credentials where the header does
                not carry them.
            moment: Now, in seconds since 1970.
        """
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        try:
            return Reply.json(200, self._grant(form, *_credentials(authorization, form), moment))
        except TokenRefusal as refused:
            return refused.reply

    def _grant(self, form: Mapping[str, str], client_id: str, secret: str, moment: float) -> dict[str, Any]:
        if not client_id or self._config.client_id not in {None, client_id}:
            raise TokenRefusal("invalid_client", "Invalid client")
        grant = form.get("grant_type")
        personal = grant in {"authorization_code", "refresh_token"}
        # An app that runs on a person's machine has no secret to keep; PKCE stands in for it.
        if (not secret and not personal) or (secret and self._config.client_secret not in {None, secret}):
            raise TokenRefusal("invalid_client", "Invalid client secret")
        if grant is None:
            raise TokenRefusal("unsupported_grant_type", "grant_type parameter is missing")
        if grant == "client_credentials":
            return self._token(client_id)
        refresh: str | None
        if grant == "authorization_code":
            granted, refresh = self._sign_in.redeem(form, client_id, secret=bool(secret))
        elif grant == "refresh_token":
            granted, refresh = self._sign_in.renew(form, client_id, moment)
        else:
            expected = "client_credentials, authorization_code or refresh_token"
            raise TokenRefusal("unsupported_grant_type", f"grant_type must be {expected}")
        answer = self._token(client_id, granted.user, granted.scopes)
        answer["scope"] = " ".join(sorted(granted.scopes))
        return answer if refresh is None else {**answer, "refresh_token": refresh}

    def _token(
        self, client_id: str, user: str | None = None, scopes: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        now = time.monotonic()
        self._sessions = {token: one for token, one in self._sessions.items() if one.until > now - 3600}
        token = f"simulated-{secrets.token_urlsafe(24)}"
        self._sessions[token] = Session(now + self._config.token_seconds, client_id, user, scopes)
        lifetime = max(1, math.floor(self._config.token_seconds))
        return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}

    def session(self, authorization: str | None) -> Session | Reply:
        """Return what the token of a Web API call stands for, or the refusal where it is no good."""
        if not authorization:
            return error(401, "No token provided", {"WWW-Authenticate": 'Bearer realm="spotify"'})
        if authorization[:7].lower() != "bearer ":
            return error(400, "Only valid bearer authentication supported")
        session = self._sessions.get(authorization[7:])
        if session is None:
            return _unauthorized("Invalid access token")
        return _unauthorized("The access token expired") if time.monotonic() >= session.until else session

    def revoke(self, authorization: str | None) -> Reply:
        """End the token of a request, or all of them, and return the refusal that follows."""
        ended = self._sessions if authorization is None else {authorization[7:]} & self._sessions.keys()
        for token in ended:
            self._sessions[token] = self._sessions[token]._replace(until=-math.inf)
        return _unauthorized("The access token expired")

    def sign_out(self) -> None:
        """End everything that people agreed to: codes, refresh tokens and their access tokens."""
        self._sign_in.forget()
        self._sessions = {token: one for token, one in self._sessions.items() if one.user is None}


def _credentials(authorization: str | None, form: Mapping[str, str]) -> tuple[str, str]:
    """Return client id and secret, from the header where there is one."""
    if authorization and authorization[:6].lower() == "basic ":
        try:
            pair = base64.b64decode(authorization[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        client_id, _, secret = pair.partition(":")
        return client_id, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _unauthorized(message: str) -> Reply:
    challenge = f'Bearer realm="spotify", error="invalid_token", error_description="{message}"'
    return error(401, message, {"WWW-Authenticate": challenge})


class Limits:
    """The pace limit of each app over a rolling window, and the quota of each developer account."""

    def __init__(self, config: SimulatorConfig) -> None:
        """Start with nothing used."""
        self._window = config.window_seconds
        pace = config.requests_per_second
        self._most = None if pace is None else int(pace * config.window_seconds)
        self._quota = config.quota
        self._accounts = config.accounts
        self._seen: dict[str, deque[float]] = {}
        self._used: Counter[str] = Counter()

    def refuse(self, client_id: str) -> Reply | None:
        """Count a call of an app; return the 429 that it gets, or None."""
        if self._most is not None:
            now = time.monotonic()
            seen = self._seen.setdefault(client_id, deque())
            while seen and seen[0] <= now - self._window:
                seen.popleft()
            if len(seen) >= self._most:
                wait = max(1, math.ceil(seen[0] + self._window - now))
                return error(429, "API rate limit exceeded", {"Retry-After": str(wait)})
            seen.append(now)
        if self._quota is None:
            return None
        account = self._accounts.get(client_id, "")
        if self._used[account] >= self._quota:
            return quota_exceeded()
        self._used[account] += 1
        return None
