"""Who may ask, and how often: tokens, the pace limit, the quota.

Belongs here: the parts of the protocol that have state and know the clock. Everything about the
catalogue is stateless and lives elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import math
import secrets
import time
from collections import deque
from urllib.parse import parse_qs

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.faults import quota_exceeded
from spotify_assets.simulator.replies import Reply, error, token_error


class Tokens:
    """Access tokens of the client-credentials grant; they really expire."""

    def __init__(self, config: SimulatorConfig) -> None:
        """Start without any token."""
        self._config = config
        self._expires: dict[str, float] = {}

    def issue(self, authorization: str | None, body: bytes) -> Reply:
        """Answer ``POST /api/token``.

        Args:
            authorization: The request's ``Authorization`` header.
            body: Form with ``grant_type``, and the credentials where the header does not carry them.
        """
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization and authorization[:6].lower() == "basic ":
            try:
                pair = base64.b64decode(authorization[6:], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                pair = ""
            client_id, _, secret = pair.partition(":")
        if not client_id or self._config.client_id not in {None, client_id}:
            return token_error(400, "invalid_client", "Invalid client")
        if not secret or self._config.client_secret not in {None, secret}:
            return token_error(400, "invalid_client", "Invalid client secret")
        grant = form.get("grant_type")
        if grant is None:
            return token_error(400, "unsupported_grant_type", "grant_type parameter is missing")
        if grant != "client_credentials":
            return token_error(400, "unsupported_grant_type", "grant_type must be client_credentials")
        now = time.monotonic()
        self._expires = {token: until for token, until in self._expires.items() if until > now - 3600}
        token = f"simulated-{secrets.token_urlsafe(24)}"
        self._expires[token] = now + self._config.token_seconds
        lifetime = max(1, math.floor(self._config.token_seconds))
        return Reply.json(200, {"access_token": token, "token_type": "Bearer", "expires_in": lifetime})

    def refuse(self, authorization: str | None) -> Reply | None:
        """Return the refusal of a Web API call, or None where its token is good."""
        if not authorization:
            return error(401, "No token provided", {"WWW-Authenticate": 'Bearer realm="spotify"'})
        if authorization[:7].lower() != "bearer ":
            return error(400, "Only valid bearer authentication supported")
        until = self._expires.get(authorization[7:])
        if until is None:
            return _unauthorized("Invalid access token")
        return _unauthorized("The access token expired") if time.monotonic() >= until else None

    def revoke(self, authorization: str | None) -> Reply:
        """End the token of a request, or all of them, and return the refusal that follows."""
        if authorization is None:
            self._expires = dict.fromkeys(self._expires, -math.inf)
        else:
            self._expires[authorization[7:]] = -math.inf
        return _unauthorized("The access token expired")


def _unauthorized(message: str) -> Reply:
    challenge = f'Bearer realm="spotify", error="invalid_token", error_description="{message}"'
    return error(401, message, {"WWW-Authenticate": challenge})


class Limits:
    """The pace limit over a rolling window, and the quota."""

    def __init__(self, config: SimulatorConfig) -> None:
        """Start with nothing used."""
        self._window = config.window_seconds
        pace = config.requests_per_second
        self._most = None if pace is None else int(pace * config.window_seconds)
        self._quota = config.quota
        self._seen: deque[float] = deque()
        self.used = 0

    def refuse(self) -> Reply | None:
        """Count a call; return the 429 that it gets, or None."""
        if self._most is not None:
            now = time.monotonic()
            seen = self._seen
            while seen and seen[0] <= now - self._window:
                seen.popleft()
            if len(seen) >= self._most:
                wait = max(1, math.ceil(seen[0] + self._window - now))
                return error(429, "API rate limit exceeded", {"Retry-After": str(wait)})
            seen.append(now)
        if self._quota is not None and self.used >= self._quota:
            return quota_exceeded()
        self.used += 1
        return None
