"""The database's address in every form that a program of ours needs: libpq, SQLAlchemy (Dagster), dbt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from spotify_assets.warehouse.errors import DatabaseUnavailable

APPLICATION_NAME = "spotify_assets"
BUILD_LOCK_SECONDS = 300
"""How long dbt waits for a lock, such as one of a reader who forgot to end a transaction."""
_MEANING = (
    "timezone=UTC",
    "datestyle=ISO",
    "intervalstyle=postgres",
    "bytea_output=hex",
    "extra_float_digits=1",
    "standard_conforming_strings=on",
    "quote_all_identifiers=off",
    "array_nulls=on",
    "transform_null_equals=off",
    "xmloption=content",
    r"default_transaction_isolation=read\ committed",
    "default_transaction_deferrable=off",
)
"""Settings that change what statements mean or how values are written, at their standard values: a role, a
database or a server may have others."""
_UNLESS_GIVEN = (
    "statement_timeout=0",
    "idle_in_transaction_session_timeout=0",
    "idle_session_timeout=0",
    "client_min_messages=notice",
    # A path that names pg_catalog after another schema (as for orafce) has that one's functions in the place
    # of PostgreSQL's.
    "search_path=public",
)
"""Settings that the address may give other values, but no role, database or server."""
MARKER = "spotify_assets.session"
"""A setting that nothing but our own options sets: where it is absent, something left our options out."""

# libpq's names in a URL's query, and the environment variables by which dbt's driver gets them.
_LIBPQ_ENVIRONMENT = {
    "hostaddr": "PGHOSTADDR", "passfile": "PGPASSFILE", "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "sslmode": "PGSSLMODE", "sslnegotiation": "PGSSLNEGOTIATION", "sslcompression": "PGSSLCOMPRESSION",
    "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
    "sslcertmode": "PGSSLCERTMODE", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "sslsni": "PGSSLSNI",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "min_protocol_version": "PGMINPROTOCOLVERSION", "max_protocol_version": "PGMAXPROTOCOLVERSION",
    "requirepeer": "PGREQUIREPEER", "require_auth": "PGREQUIREAUTH", "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME", "gsslib": "PGGSSLIB", "gssdelegation": "PGGSSDELEGATION",
    "target_session_attrs": "PGTARGETSESSIONATTRS", "load_balance_hosts": "PGLOADBALANCEHOSTS",
}  # fmt: skip
_LIBPQ_ADDRESS = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD",
}  # fmt: skip
_EXPECTED = "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"

Parameters = Mapping[str, str]


def libpq_url(url: str) -> str:
    """Return the URL as libpq spells it: ``postgresql://`` without the driver that SQLAlchemy names."""
    _scheme, _, rest = url.partition("://")
    return f"postgresql://{rest}"


def parse(url: str) -> dict[str, str]:
    """Split a libpq URL into its parameters; a message never repeats the URL, which may hold a password.

    Raises:
        DatabaseUnavailable: It cannot be read, or leaves open what our programs would fill in differently.
    """
    if urlsplit(url).netloc.count("@") > 1:
        raise DatabaseUnavailable(
            f"DATABASE_URL: {_EXPECTED}; write special characters in the password percent-encoded "
            "(@ as %40, / as %2F)"
        )
    try:
        if "," not in urlsplit(url).netloc:  # several hosts: libpq knows how to read them, urlsplit does not
            _ = urlsplit(url).port  # what stands there may be the rest of an unquoted password
        found = {name: str(value) for name, value in parse_dsn(url).items()}
    except (psycopg2.Error, ValueError):
        raise DatabaseUnavailable(
            f"DATABASE_URL cannot be read: {_EXPECTED}, special characters percent-encoded (@ as %40, / as "
            "%2F), and only parameters that libpq knows after the question mark"
        ) from None
    # What is left open, each of our programs would fill in in its own way, and they would part.
    if "service" in found or not (found.get("host") or found.get("hostaddr")):
        raise DatabaseUnavailable(f"DATABASE_URL names no host: {_EXPECTED}")
    if not found.get("user"):
        raise DatabaseUnavailable(f"DATABASE_URL names no user: {_EXPECTED}")
    if {"'", '"', "\\", "%"} & set(found.get("dbname", "")):
        raise DatabaseUnavailable(
            "DATABASE_URL names a database with a quotation mark, a backslash or a % in its name, which dbt "
            "cannot write: rename it (ALTER DATABASE … RENAME TO …), or name another"
        )
    return found


def hosts(parameters: Parameters) -> list[tuple[str, str]]:
    """Every (host, port) that the address names, in order; one port counts for all hosts."""
    named = (parameters.get("host") or parameters.get("hostaddr") or "localhost").split(",")
    ports = parameters.get("port", "").split(",")
    ports = ports if len(ports) == len(named) else ports[:1] * len(named)
    return [(host, port or "5432") for host, port in zip(named, ports, strict=True)]


def session_options(given: Parameters, *settings: str) -> str:
    """Startup options that every session of ours gets: standard meanings, and no time limit of the role's.

    Args:
        given: The address; options that stand in it are kept, and decide about what is in `_UNLESS_GIVEN`.
        *settings: More settings, as ``name=value``; these decide.
    """
    after = (*_MEANING, f"{MARKER}=1", *settings)
    before = (f"-c {one}" for one in _UNLESS_GIVEN)
    parts = (*before, given.get("options", ""), *(f"-c {one}" for one in after))
    return " ".join(part for part in parts if part)


def dsn(given: Parameters, lock_seconds: float) -> str:
    """What our own connections are opened with."""
    defaults: dict[str, Any] = {
        "application_name": APPLICATION_NAME,
        "connect_timeout": "10",
        "keepalives": "1",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "60000",
    }
    fixed = {
        "client_encoding": "UTF8",
        "options": session_options(given, f"lock_timeout={max(1, int(lock_seconds * 1000))}"),
    }
    return make_dsn("", **{**defaults, **given, **fixed})


def dagster_url(given: Parameters) -> str:
    """The SQLAlchemy URL by which Dagster keeps its own records in schema ``dagster``."""
    # The database stands in the query too: SQLAlchemy takes what stands in the path as it is, quoted or not.
    query = {name: value for name, value in given.items() if name not in {"user", "password"}}
    query.setdefault("application_name", "dagster")
    query["client_encoding"] = "UTF8"
    query["options"] = session_options(given, "search_path=dagster")
    user = ":".join(quote(given[name], safe="") for name in ("user", "password") if name in given)
    asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"postgresql+psycopg2://{user}@/?{asked}"


def dbt_environment(given: Parameters, host: str, port: str) -> dict[str, str]:
    """Environment variables that the dbt profile reads; the profile takes one host only.

    The password's name does not start with ``DBT_ENV_SECRET_``: dbt would put ``*****`` for it in all that it
    tells, names of models too, so that one such as ``spotify_assets`` would break every build. dbt itself
    never shows the password of a profile.
    """
    environment = _libpq(given, _LIBPQ_ENVIRONMENT)
    if "hostaddr" in given:
        addresses = dict(zip(hosts(given), given["hostaddr"].split(","), strict=False))
        environment["PGHOSTADDR"] = addresses.get((host, port), given["hostaddr"])
    return environment | {
        "SPOTIFY_ASSETS_PG_HOST": host,
        "SPOTIFY_ASSETS_PG_PORT": port,
        "SPOTIFY_ASSETS_PG_USER": given.get("user", "postgres"),
        "SPOTIFY_ASSETS_PG_DATABASE": given.get("dbname", ""),
        # dbt insists on one; a server that trusts the connection never asks for it.
        "SPOTIFY_ASSETS_PG_PASSWORD": given.get("password") or "not-asked-for",
        "PGOPTIONS": session_options(given, f"lock_timeout={BUILD_LOCK_SECONDS * 1000}"),
    }


def libpq_environment(given: Parameters) -> dict[str, str]:
    """Environment variables by which PostgreSQL's own programs find the database.

    So that no password stands in a list of processes.
    """
    return {
        **_libpq(given, {**_LIBPQ_ENVIRONMENT, **_LIBPQ_ADDRESS}),
        "PGOPTIONS": session_options(given),
    }


def _libpq(given: Parameters, names: Mapping[str, str]) -> dict[str, str]:
    found = {variable: given[name] for name, variable in names.items() if name in given}
    return {**found, "PGCLIENTENCODING": "UTF8"}
