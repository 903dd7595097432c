"""The token calls of a user's sign-in: code for tokens, and refreshing (Authorization Code with PKCE).

Token responses never reach a sink, and no message repeats one.

Facts: https://developer.spotify.com/documentation/web-api/tutorials/refreshing-tokens. With PKCE the app's
id is enough. A reply to a refresh may bring a new refresh token, which replaces the old one, or none, and
the old one stays. Refresh tokens live six months from the authorisation (since 2026-06-18); refreshing does
not lengthen that. An ended or revoked one is answered 400 ``invalid_grant``.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.request import Request
from spotify_assets.sources.http.session import ObservationSession, ObservationStopped
from spotify_assets.sources.protocol import SignInRefused, SourceError, UpstreamUnavailable
from spotify_assets.users.pkce import AuthorizationRequest

REFRESH_TOKEN_MONTHS = 6
_SECRET = {"code", "code_verifier", "refresh_token"}
SIGN_IN_SECONDS = 120.0
"""Wall-clock time for the calls of a sign-in."""


class SignInEnded(SignInRefused):
    """The user's leave has ended, by time or because they took it back."""


def ends_at(authorised_at: datetime) -> datetime:
    """When a refresh token ends: six calendar months after the authorisation."""
    months = authorised_at.month - 1 + REFRESH_TOKEN_MONTHS
    year, month = authorised_at.year + months // 12, months % 12 + 1
    day = min(authorised_at.day, monthrange(year, month)[1])
    return authorised_at.replace(year=year, month=month, day=day)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token call answered.

    Attributes:
        access: The bearer token.
        seconds: How long it lives.
        refresh: The refresh token; ``None`` where the reply brought none and the old one stays.
        scopes: What the user granted; empty where the reply does not say.
    """

    access: SecretStr
    seconds: float
    refresh: SecretStr | None
    scopes: tuple[str, ...]


class TokenCalls:
    """The token calls of one app, for users."""

    def __init__(
        self, accounts: PoliteClient, client_id: SecretStr, clock: Clock = SYSTEM_CLOCK, name: str = "spotify"
    ) -> None:
        """Keep what is needed to ask.

        Args:
            accounts: Client of the accounts service.
            client_id: Id of the app.
            clock: Bounds the time of a sign-in.
            name: What the upstream is called in messages.
        """
        self._accounts = accounts
        self._client_id = client_id
        self._clock = clock
        self._name = name

    def session(self) -> ObservationSession:
        """A visit for calls that observe nothing."""
        return ObservationSession(
            source=self._name,
            entity="sign-in",
            sink=None,
            clock=self._clock,
            budget=self._accounts.budget(),
            deadline=self._clock.monotonic() + SIGN_IN_SECONDS,
        )

    async def exchange(
        self, request: AuthorizationRequest, code: SecretStr, session: ObservationSession
    ) -> Tokens:
        """Turn the code of an answer into tokens.

        Raises:
            SignInRefused: Spotify does not take the code, or gives no refresh token.
            SourceError: The accounts service cannot be asked.
        """
        tokens = await self._ask(
            "the user's tokens",
            (
                ("grant_type", "authorization_code"),
                ("code", code.get_secret_value()),
                ("redirect_uri", request.redirect.url),
                ("client_id", self._client_id.get_secret_value()),
                ("code_verifier", request.verifier.get_secret_value()),
            ),
            session,
        )
        if tokens.refresh is None:
            raise SignInRefused(
                f"Signing in did not work: {self._name} gave no refresh token. Run `spotify-assets login` "
                "to try again."
            )
        return tokens

    async def refresh(self, refresh_token: SecretStr, session: ObservationSession) -> Tokens:
        """Get a new bearer token.

        Raises:
            SignInEnded: The refresh token has ended or was revoked.
            SourceError: The accounts service cannot be asked.
        """
        return await self._ask(
            "a new token of the user",
            (
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token.get_secret_value()),
                ("client_id", self._client_id.get_secret_value()),
            ),
            session,
        )

    async def _ask(
        self, label: str, form: tuple[tuple[str, str], ...], session: ObservationSession
    ) -> Tokens:
        request = Request(
            label=label,
            path="/api/token",
            method="POST",
            form=form,
            landed=False,
            answers=frozenset({400, 401}),
        )
        try:
            answer = await self._accounts.send(request, session)
        except SourceError as error:
            conceal(error, [value for name, value in form if name in _SECRET])
            if isinstance(error, UpstreamUnavailable) and not isinstance(error, ObservationStopped):
                raise ObservationStopped(f"Signing in did not work: {error}") from None
            raise
        data = answer.data if isinstance(answer.data, dict) else {}
        if answer.status in {400, 401}:
            raise self._refusal(answer.status, data)
        return self._tokens(data)

    def _refusal(self, status: int, data: dict[str, Any]) -> SignInRefused:
        # Only the error's code is repeated: a description may echo what was sent.
        code = data.get("error")
        if code == "invalid_grant":
            return SignInEnded(
                f"{self._name} does not take this sign-in any more (invalid_grant): it was revoked, is "
                f"older than {REFRESH_TOKEN_MONTHS} months, or took too long. Run `spotify-assets login`."
            )
        known = code in {"invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type"}
        word = f", {code}" if known else ""
        return SignInRefused(
            f"{self._name} refused to sign a user in (HTTP {status}{word}): check SPOTIFY_CLIENT_ID, and "
            "that SPOTIFY_REDIRECT_URL is listed at https://developer.spotify.com/dashboard; then run "
            "`spotify-assets login` again"
        )

    def _tokens(self, data: dict[str, Any]) -> Tokens:
        access, seconds, scope = data.get("access_token"), data.get("expires_in"), data.get("scope")
        if not _usable(access):
            raise ObservationStopped(
                f"Signing in did not work: {self._name} sent a token response without a usable token; check "
                "SPOTIFY_ACCOUNTS_URL, or try again later"
            )
        plausible = isinstance(seconds, int | float) and 1 < seconds < 1e9
        refresh = data.get("refresh_token")
        return Tokens(
            access=SecretStr(str(access)),
            seconds=float(seconds) if isinstance(seconds, int | float) and plausible else 3600.0,
            refresh=SecretStr(str(refresh)) if _usable(refresh) else None,
            scopes=tuple(scope.split()) if isinstance(scope, str) else (),
        )


def conceal(error: SourceError, secrets: Iterable[str]) -> None:
    """Take secrets out of an error's message: an upstream's own words may echo what was sent."""
    if error.args and isinstance(message := error.args[0], str):
        for secret in secrets:
            message = message.replace(secret, "***")
        error.args = (message, *error.args[1:])


def _usable(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()
