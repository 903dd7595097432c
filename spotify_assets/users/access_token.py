"""A signed-in user: who it is, and the bearer token for what only they may see."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from spotify_assets.sources.clock import SYSTEM_CLOCK, Clock
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.request import Request
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.protocol import NotAllowed, SignInRefused
from spotify_assets.sources.spotify.auth import RENEW_SECONDS
from spotify_assets.users.grants import SignInEnded, TokenCalls, Tokens


@dataclass(frozen=True, slots=True)
class Person:
    """Who signed in."""

    user_id: str
    display_name: str | None


class Held(Protocol):
    """A user's refresh token while nobody else may use it."""

    @property
    def refresh_token(self) -> SecretStr:
        """The token as it is now."""

    def replace(self, refresh_token: SecretStr) -> None:
        """Keep a new one, at once and for good: the old one may not work any more."""

    def end(self, reason: str) -> None:
        """Note that it does not work any more."""


class RefreshTokens(Protocol):
    """Where refresh tokens are kept."""

    def hold(self, user_id: str) -> AbstractContextManager[Held]:
        """Be the only one, of all processes, who uses the user's token.

        Raises:
            SignInRefused: Nobody of this id is signed in.
        """


class OneToken:
    """A bearer token that is known already: for the calls right after a sign-in."""

    def __init__(self, token: SecretStr) -> None:
        """Keep it."""
        self._token = token

    async def bearer(self, session: ObservationSession, stale: SecretStr | None) -> SecretStr:
        """Give the token.

        Raises:
            SignInRefused: It was refused.
        """
        if stale is not None:
            raise SignInRefused(
                f"{session.source} refused the token it had just given. Run `spotify-assets login` again."
            )
        return self._token


async def who(api: PoliteClient, session: ObservationSession) -> Person:
    """Ask whose token it is that `api` sends.

    Raises:
        SignInRefused: The answer names nobody, or this app may not ask for this user.
        SourceError: The upstream cannot be asked.
    """
    try:
        answer = await api.send(Request("who signed in", "/me", landed=False), session)
    except NotAllowed as error:
        raise SignInRefused(
            f"{error}. An app in Development Mode serves only users who are listed at "
            "https://developer.spotify.com/dashboard, under User Management: add this one, then run "
            "`spotify-assets login` again"
        ) from None
    data = answer.data if isinstance(answer.data, dict) else {}
    user_id, name = data.get("id"), data.get("display_name")
    if not isinstance(user_id, str) or not user_id:
        raise SignInRefused(f"{session.source} does not say who signed in; run `spotify-assets login` again")
    return Person(user_id, name if isinstance(name, str) else None)


class UserAuthorization:
    """Gives a signed-in user's bearer token: refreshed when needed, kept until shortly before its end.

    Whoever needs a token while one is being asked for waits for that one answer, good or bad. Of several
    processes, one at a time refreshes, each with the token that the one before has left: a refresh token may
    work only once.
    """

    def __init__(
        self, calls: TokenCalls, tokens: RefreshTokens, user_id: str, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Keep what is needed to ask.

        Args:
            calls: The token calls.
            tokens: Where the refresh token is kept.
            user_id: Whose.
            clock: Tells when the bearer token ends.
        """
        self._calls = calls
        self._tokens = tokens
        self._user_id = user_id
        self._clock = clock
        self._token: SecretStr | None = None
        self._renew_at = 0.0
        self._answered = 0
        self._error: SignInRefused | None = None
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def bearer(self, session: ObservationSession, stale: SecretStr | None) -> SecretStr:
        """Give a token that is not `stale`.

        Raises:
            SignInRefused: Nobody of this id is signed in, or the sign-in has ended; asked once, then
            remembered. SourceError: The accounts service cannot be asked.
        """
        if (token := self._usable(stale)) is not None:
            return token
        async with self._loop_lock():
            if (token := self._usable(stale)) is not None:
                return token
            if self._error is not None:
                raise self._error
            try:
                tokens = await self._refresh(session)
            except SignInRefused as error:
                self._error = error
                raise
            self._token = tokens.access
            self._renew_at = self._clock.monotonic() + max(tokens.seconds - RENEW_SECONDS, tokens.seconds / 2)
            return tokens.access

    async def _refresh(self, session: ObservationSession) -> Tokens:
        # Waiting for another process must not hold up this one's other tasks, so it happens beside them.
        holding = self._tokens.hold(self._user_id)
        entering = asyncio.ensure_future(asyncio.to_thread(holding.__enter__))
        try:
            held = await asyncio.shield(entering)
        except asyncio.CancelledError:  # the thread goes on; what it gets is given back
            entering.add_done_callback(lambda done: done.exception() or holding.__exit__(None, None, None))
            raise
        try:
            tokens = await self._calls.refresh(held.refresh_token, session)
            if tokens.refresh is not None:
                held.replace(tokens.refresh)
        except SignInEnded as error:
            held.end(str(error))
            raise
        finally:
            holding.__exit__(None, None, None)
        return tokens

    def _usable(self, stale: SecretStr | None) -> SecretStr | None:
        token = self._token
        fresh = token is not None and token is not stale and self._clock.monotonic() < self._renew_at
        return token if fresh else None

    def _loop_lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = (loop, asyncio.Lock())
        return self._lock[1]
