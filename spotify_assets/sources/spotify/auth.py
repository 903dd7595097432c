"""Signing in as an app: the client-credentials token.

Token responses never reach a sink.

Protocol: https://developer.spotify.com/documentation/web-api/tutorials/client-credentials-flow
"""

from __future__ import annotations

import asyncio
from base64 import b64encode

from pydantic import SecretStr

from spotify_assets.sources.clock import Clock
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.request import Request
from spotify_assets.sources.http.session import ObservationSession, ObservationStopped
from spotify_assets.sources.protocol import SignInRefused, SourceError, UpstreamUnavailable

RENEW_SECONDS = 60.0
"""A token is renewed this long before it expires, so that none expires on its way."""


class ClientCredentials:
    """Gives the app's token: asked for when needed, kept until shortly before its end.

    Whoever needs a token while one is being asked for waits for that one answer, good or bad.
    """

    def __init__(
        self, accounts: PoliteClient, client_id: SecretStr, client_secret: SecretStr, clock: Clock
    ) -> None:
        """Keep what is needed to ask.

        Args:
            accounts: Client of the accounts service.
            client_id: Id of the app.
            client_secret: Secret of the app.
            clock: Tells when the token ends.
        """
        self._accounts = accounts
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._token: SecretStr | None = None
        self._renew_at = 0.0
        self._answered = 0
        self._error: SourceError | None = None
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def bearer(self, session: ObservationSession, stale: SecretStr | None) -> SecretStr:
        """Give a token that is not `stale`.

        Raises:
            SignInRefused: The credentials are not accepted; asked once, then remembered.
            SourceError: The accounts service cannot be reached or asks for a pause.
        """
        if (token := self._usable(stale)) is not None:
            return token
        answered = self._answered
        async with self._loop_lock():
            if self._answered != answered and self._error is not None:
                raise self._error
            if (token := self._usable(stale)) is not None:
                return token
            if isinstance(self._error, SignInRefused):
                raise self._error
            # A cancelled asker has learnt nothing, so the next one asks: `_answered` stays as it is.
            try:
                token, lifetime = await self._ask(session)
            except SourceError as error:
                self._error = error
                self._answered += 1
                raise
            self._token, self._error = token, None
            self._answered += 1
            self._renew_at = self._clock.monotonic() + max(lifetime - RENEW_SECONDS, lifetime / 2)
            return token

    def _usable(self, stale: SecretStr | None) -> SecretStr | None:
        token = self._token
        fresh = token is not None and token is not stale and self._clock.monotonic() < self._renew_at
        return token if fresh else None

    def _loop_lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = (loop, asyncio.Lock())
        return self._lock[1]

    def _basic(self) -> SecretStr:
        pair = f"{self._client_id.get_secret_value()}:{self._client_secret.get_secret_value()}"
        return SecretStr("Basic " + b64encode(pair.encode()).decode("ascii"))

    async def _ask(self, session: ObservationSession) -> tuple[SecretStr, float]:
        request = Request(
            label="an access token",
            path="/api/token",
            method="POST",
            form=(("grant_type", "client_credentials"),),
            headers=(("authorization", self._basic()),),
            landed=False,
            answers=frozenset({400, 401}),
        )
        try:
            answer = await self._accounts.send(request, session)
        except UpstreamUnavailable as error:
            # Without a token nothing at all can be asked, so this is no matter of one question.
            raise ObservationStopped(f"Signing in did not work: {error}") from None
        data = answer.data if isinstance(answer.data, dict) else {}
        if answer.status in {400, 401}:
            code = data.get("error")
            raise SignInRefused(
                f"{session.source} refused the app's credentials (HTTP {answer.status}"
                + (f", {code[:40]}" if isinstance(code, str) and code[:40].isprintable() else "")
                + "): check SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET against the app's page at "
                "https://developer.spotify.com/dashboard, and that the secret was not rotated; then run again"
            )
        value, lifetime = data.get("access_token"), data.get("expires_in")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
            raise ObservationStopped(
                f"Signing in did not work: {session.source} sent a token response without a usable token; "
                "check SPOTIFY_ACCOUNTS_URL, or run again later"
            )
        if not isinstance(lifetime, int | float) or not 1 < lifetime < 1e9:
            lifetime = 3600
        return SecretStr(value), float(lifetime)
