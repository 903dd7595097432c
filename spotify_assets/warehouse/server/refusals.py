"""What a refused connection means and what to do, by SQLSTATE, whatever the server's language."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.warehouse.errors import DatabaseUnavailable
from spotify_assets.warehouse.server.address import MARKER

# Classes and codes that may pass: connection, resources, and a server that starts, stops or recovers.
_PASSING = ("08", "53", "57P")
_FINAL = ("08P01",)
# What libpq itself says, in English in psycopg2's and ADBC's own builds, that trying again will not mend.
_FINAL_WORDS = (
    "password", "does not support ssl", "ssl error", "certificate", "authentication", "channel binding",
    "gssapi", "invalid", "private key", "permission denied",
)  # fmt: skip
_FULL_WORDS = ("too many clients", "remaining connection slots", "too many connections")
_POOLER_WORDS = ("unsupported startup parameter", "unsupported options startup parameter")
_POOLER = (
    "A connection pooler (such as PgBouncer) stands in between, which does not pass session settings on. "
    "Name the server's own address in {setting}."
)


def may_pass(text: str, codes: list[str]) -> bool:
    """Whether trying again may help.

    Args:
        text: What was said.
        codes: SQLSTATEs, of each server that refused; where there is none, nothing but the text is known.
    """
    if codes:
        return any(code.startswith(_PASSING) and code not in _FINAL for code in codes)
    return not any(word in text.lower() for word in (*_FINAL_WORDS, *_POOLER_WORDS))


def advice(text: str, codes: list[str], *, setting: str, user: str, database: str) -> str:
    """What to do about a refusal of a server."""
    lowered = text.lower()
    if any(word in lowered for word in _POOLER_WORDS):
        return _POOLER.format(setting=setting)
    for code in codes:
        for beginning, what in _ADVICE.items():
            if code.startswith(beginning):
                return what.format(setting=setting, user=user, database=database)
    if any(word in lowered for word in _FULL_WORDS):
        return _ADVICE["53300"]
    if any(word in lowered for word in ("password", "authentication")):
        return _ADVICE["28"].format(setting=setting)
    return (
        f"Check host and port in {setting} and that the server runs; or unset DATABASE_URL to use the "
        "embedded PostgreSQL."
    )


_ADVICE = {
    "53300": "All its connections are in use: end other programs that use it, raise the server's "
    "max_connections, or run fewer jobs at once.",
    "53": "The server has run out of memory or disk. See its log.",
    "57P": "The server is starting, stopping or recovering. Try again when it runs.",
    "28": "Check user and password in {setting}, and that the server's pg_hba.conf lets this user in.",
    "3D": "Create it (createdb --encoding=UTF8 --template=template0 …), or correct the name in {setting}.",
    "42501": 'As the owner of the database, run: GRANT CONNECT ON DATABASE "{database}" TO "{user}".',
    "55": "This database takes no connections. Name another in {setting}.",
    "08P01": "What stands at this address is no PostgreSQL server, or a connection pooler that does not pass "
    "session settings on. Name the server's own address in {setting}.",
    "22": "Check what stands after the question mark in {setting}.",
    "42": "Check what stands after the question mark in {setting}.",
}


def check_session(connection: Any, *, where: str, setting: str, database: str) -> None:
    """After connecting: make sure that our session settings are in force, and that the database is in UTF-8.

    Raises:
        DatabaseUnavailable: They are not, or it is not.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"select current_setting('{MARKER}', true), current_setting('TimeZone'), "
            "current_setting('server_encoding'), coalesce(current_setting('transaction_timeout', true), '0')"
        )
        (marker, zone, encoding, limit), *_ = cursor.fetchall()
        if limit != "0":  # of the role; servers before 17 do not know it, so it is no startup option
            cursor.execute("set transaction_timeout = 0")
    connection.commit()
    if marker != "1" or zone != "UTC":
        raise DatabaseUnavailable(
            f"Cannot use {where}: the session's settings (time zone, time limits) did not take effect. "
            + _POOLER.format(setting=setting)
        )
    if encoding != "UTF8":
        raise DatabaseUnavailable(
            f"Cannot use {where}: the database is in {encoding}, which cannot hold every artist's name. "
            f"Make another: createdb --encoding=UTF8 --template=template0 --locale=C.UTF-8 {database}_utf8, "
            f"and name it in {setting}."
        )


def check_writable(connection: PgConnection, *, where: str, setting: str, user: str) -> None:
    """Make sure that the database takes writes.

    Raises:
        DatabaseUnavailable: It does not; says whether it is a standby or a setting.
    """
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('transaction_read_only') = 'on', pg_is_in_recovery()")
        read_only, standby = cursor.fetchone() or (False, False)
    connection.rollback()
    if standby:
        raise DatabaseUnavailable(
            f"{where} is a standby, which cannot be written to. Name the primary in {setting}, or all hosts "
            "with ?target_session_attrs=read-write."
        )
    if read_only:
        raise DatabaseUnavailable(
            f"{where} is read-only: default_transaction_read_only is on. Switch it off for the user "
            f'(ALTER ROLE "{user}" SET default_transaction_read_only = off), or name another in {setting}.'
        )
