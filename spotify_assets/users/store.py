"""Who has signed in: ``ops.users``, with refresh tokens encrypted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from pydantic import SecretStr

from spotify_assets.sources.protocol import SignInRefused
from spotify_assets.users.token_encryption import TokenEncryption
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import WarehouseError
from spotify_assets.warehouse.fetch import execute, fetch_all

NOTICE = timedelta(days=14)
"""How long before its end a sign-in is announced to end."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One user who signed in; nothing of the token.

    Attributes:
        source: Upstream that knows the user.
        user_id: Their id there.
        display_name: As shown there, if they chose one.
        scopes: What they granted.
        authorised_at: When they signed in.
        expires_at: When the sign-in ends, whatever is done.
        ended_at: When the upstream stopped taking it, if it did.
        ended_reason: What it said then.
    """

    source: str
    user_id: str
    display_name: str | None
    scopes: tuple[str, ...]
    authorised_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_reason: str | None

    @property
    def called(self) -> str:
        """The user's name, or id where there is none."""
        return self.display_name or self.user_id

    def has_ended(self, now: datetime) -> bool:
        """Whether the sign-in does not work any more."""
        return self.ended_at is not None or now >= self.expires_at

    def ends_soon(self, now: datetime) -> bool:
        """Whether the sign-in still works and ends within `NOTICE`."""
        return not self.has_ended(now) and now >= self.expires_at - NOTICE


_COLUMNS = "source, user_id, display_name, scopes, authorised_at, expires_at, ended_at, ended_reason"


def users(warehouse: Warehouse, source: str | None = None) -> list[SignedIn]:
    """Return who has signed in, in order of source and id.

    Args:
        warehouse: The database.
        source: Only users of this upstream.
    """
    return [
        replace(SignedIn(*row), scopes=tuple(row[3]))
        for row in fetch_all(
            warehouse,
            f"select {_COLUMNS} from ops.users where %(source)s::text is null or source = %(source)s "  # noqa: S608
            "order by source, user_id",
            {"source": source},
        )
    ]


def sign_in(
    warehouse: Warehouse,
    vault: TokenEncryption,
    *,
    source: str,
    user_id: str,
    display_name: str | None,
    scopes: Sequence[str],
    authorised_at: datetime,
    expires_at: datetime,
    refresh_token: SecretStr,
) -> None:
    """Keep a sign-in; it replaces an earlier one of the same user.

    Raises:
        KeyProblem: The key of the sign-ins cannot be used; nothing was kept.
    """
    encrypted = vault.encrypt(refresh_token)
    execute(
        warehouse,
        "insert into ops.users (source, user_id, display_name, scopes, authorised_at, expires_at, "
        "refresh_token) "
        "values (%s, %s, %s, %s, %s, %s, %s) on conflict (source, user_id) do update set "
        "display_name = excluded.display_name, scopes = excluded.scopes, "
        "authorised_at = excluded.authorised_at, expires_at = excluded.expires_at, "
        "refresh_token = excluded.refresh_token, refreshed_at = now(), ended_at = null, ended_reason = "
        "null",
        (
            source,
            user_id,
            display_name,
            list(scopes),
            authorised_at,
            expires_at,
            psycopg2.Binary(encrypted),
        ),
    )


class HeldToken:
    """A user's refresh token, while no other process may use it."""

    def __init__(
        self, connection: PgConnection, vault: TokenEncryption, key: tuple[str, str], refresh_token: SecretStr
    ) -> None:
        """Keep what is needed to change the row, which the connection's transaction has locked."""
        self._connection = connection
        self._vault = vault
        self._key = key
        self.refresh_token = refresh_token

    def replace(self, refresh_token: SecretStr) -> None:
        """Keep a new token, committed before anything else happens: the old one may not work any more."""
        encrypted = self._vault.encrypt(refresh_token)
        self._change("refresh_token = %s, refreshed_at = now()", psycopg2.Binary(encrypted))
        self.refresh_token = refresh_token

    def end(self, reason: str) -> None:
        """Note that the upstream does not take the token any more."""
        self._change("ended_at = now(), ended_reason = %s", reason)

    def _change(self, what: str, value: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"update ops.users set {what} where source = %s and user_id = %s",  # noqa: S608 - constants
                (value, *self._key),
            )
        self._connection.commit()


class UserTokens:
    """Refresh tokens of one upstream's users, for `sources.spotify.user.UserAuthorization`."""

    def __init__(self, warehouse: Warehouse, vault: TokenEncryption, source: str) -> None:
        """Name where they are kept."""
        self._warehouse = warehouse
        self._vault = vault
        self._source = source

    @contextmanager
    def hold(self, user_id: str) -> Iterator[HeldToken]:
        """Be the only one, of all processes, who uses the user's token.

        Raises:
            SignInRefused: Nobody of this id is signed in, or the sign-in has ended.
            WarehouseError: Another process held it all the time that the warehouse waits for a lock.
        """
        with self._warehouse.connect() as connection, connection.cursor() as cursor:
            try:
                cursor.execute(
                    "select refresh_token, ended_reason from ops.users where source = %s and user_id = %s "
                    "for update",
                    (self._source, user_id),
                )
            except psycopg2.errors.LockNotAvailable:
                raise WarehouseError(
                    f"The sign-in of user {user_id} is in use by another process, which did not finish in "
                    f"{self._warehouse.lock_seconds:.0f} seconds. Try again later."
                ) from None
            row = cursor.fetchone()
            if row is None:
                raise SignInRefused(
                    f"User {user_id} is not signed in ({self._source}). Run: spotify-assets login"
                )
            if row[1] is not None:
                raise SignInRefused(row[1])
            yield HeldToken(
                connection, self._vault, (self._source, user_id), self._vault.decrypt(bytes(row[0]))
            )
