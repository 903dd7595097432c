"""The one way to the database: where it is, how to connect, and what to say when that fails.

Belongs here: opening the warehouse, connections and the forms of its address that others need (dbt,
Dagster). Does not belong here: any statement about the platform's tables.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import adbc_driver_manager
import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from psycopg2.extensions import make_dsn, parse_dsn
from pydantic import SecretStr

from spotify_assets.process_environment import clean_environment, set_aside
from spotify_assets.settings import Settings
from spotify_assets.warehouse import embedded
from spotify_assets.warehouse.cluster_place import cluster_folder
from spotify_assets.warehouse.errors import DatabaseUnavailable, without_secrets
from spotify_assets.warehouse.migrate import is_current, migrate

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection as AdbcConnection

APPLICATION_NAME = "spotify_assets"
CONNECT_SECONDS = 30.0
"""How long to keep trying: services start in any order, and a crashed server takes time to recover."""

LOCK_SECONDS = 60.0
"""How long a statement waits for a lock before it gives up."""

# What the server or the network says when trying again may help. Everything else is final at once.
_PASSING = (
    "connection refused", "no such file or directory", "starting up", "shutting down", "in recovery mode",
    "not yet accepting connections", "too many clients", "remaining connection slots", "too many connections",
    "timeout expired", "timed out", "could not translate host name", "network is unreachable",
    "no route to host", "connection reset", "server closed the connection", "could not receive data",
    "could not send",
)  # fmt: skip
_FULL = ("too many clients", "remaining connection slots", "too many connections")

# libpq's names in a URL's query, and the environment variables by which dbt's driver gets them.
_LIBPQ_ENVIRONMENT = {
    "hostaddr": "PGHOSTADDR", "passfile": "PGPASSFILE", "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT", "client_encoding": "PGCLIENTENCODING", "options": "PGOPTIONS",
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


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A PostgreSQL database with this version's schema: the embedded one, or one on a server.

    Attributes:
        url: libpq URL; secret, because it may hold a password.
        home: Where the embedded server lives; None when the database is on a server.
        connect_seconds: How long `connect` keeps trying when the server cannot be reached.
        lock_seconds: How long a statement waits for a lock.
        setting: The setting that names the server.
    """

    url: SecretStr
    home: Path | None = None
    connect_seconds: float = CONNECT_SECONDS
    lock_seconds: float = LOCK_SECONDS
    setting: str = "DATABASE_URL"
    _kept: dict[tuple[str, str], list[Any]] | None = field(default=None, repr=False, compare=False)
    _parameters: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parameters", _parse(self.url.get_secret_value()))

    @classmethod
    def open(cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS) -> Warehouse:
        """Start the embedded server, or use the one that DATABASE_URL names, and bring the schema up to date.

        Raises:
            DatabaseUnavailable: The server cannot be reached or refuses us.
            EmbeddedServerError: The embedded server cannot be started.
            MigrationError: The schema cannot be brought up to date.
        """
        warehouse = cls.reach(settings, connect_seconds=connect_seconds)
        owner = cls.reach_owner(settings, connect_seconds=connect_seconds)
        with warehouse.connect() as connection:
            if owner is None:
                migrate(connection)
                return warehouse
            current = is_current(connection)
        if not current:
            from spotify_assets.warehouse.roles import grant  # noqa: PLC0415 - it needs this module

            with owner.connect() as connection:
                migrate(connection)
            grant(owner, warehouse, cls.reach_reader(settings))
        return warehouse

    @classmethod
    def reach_owner(cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS) -> Warehouse | None:
        """The same database as the user who owns its tables, if DATABASE_OWNER_URL names one."""
        return cls._named("DATABASE_OWNER_URL", settings.database_owner_url, connect_seconds)

    @classmethod
    def reach_reader(
        cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS
    ) -> Warehouse | None:
        """The same database as the user who may only read, if DATABASE_READER_URL names one."""
        return cls._named("DATABASE_READER_URL", settings.database_reader_url, connect_seconds)

    @classmethod
    def _named(cls, setting: str, url: SecretStr | None, connect_seconds: float) -> Warehouse | None:
        if url is None:
            return None
        return cls(SecretStr(_libpq_url(url.get_secret_value())), None, connect_seconds, setting=setting)

    @classmethod
    def reach(cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS) -> Warehouse:
        """Start the embedded server, or use the one that DATABASE_URL names, whatever is in the database.

        Raises:
            DatabaseUnavailable: DATABASE_URL cannot be read.
            EmbeddedServerError: The embedded server cannot be started.
        """
        if settings.database_url is None:
            home = settings.spotify_assets_home.resolve()
            return cls(SecretStr(embedded.ensure_running(home)), home, connect_seconds)
        url = _libpq_url(settings.database_url.get_secret_value())
        return cls(SecretStr(url), None, connect_seconds)

    @property
    def where(self) -> str:
        """Where the database is, in words that hold no secret."""
        if self.home is not None:
            return f"the embedded PostgreSQL under {cluster_folder(self.home.resolve())}"
        host = self._parameters.get("host", "localhost")
        port = self._parameters.get("port", "5432")
        return f"database {self._parameters.get('dbname', '')!r} at {host}:{port} ({self.setting})"

    @property
    def user(self) -> str:
        """Who we are there."""
        return self._parameters.get("user", "")

    @property
    def password(self) -> SecretStr | None:
        """Our password, where the URL has one."""
        found = self._parameters.get("password")
        return SecretStr(found) if found else None

    @property
    def database(self) -> str:
        """The database's name."""
        return self._parameters.get("dbname", "")

    @contextmanager
    def connect(self, *, lock_seconds: float | None = None) -> Iterator[PgConnection]:
        """Give a psycopg2 connection (UTC); what is left uncommitted at the end is rolled back.

        Raises:
            DatabaseUnavailable: The server could not be reached in time, or refuses us.
        """
        dsn = self._dsn(lock_seconds)
        with self._lent("psycopg2", dsn, lambda: psycopg2.connect(dsn)) as connection:
            yield connection

    @contextmanager
    def adbc(self, *, lock_seconds: float | None = None) -> Iterator[AdbcConnection]:
        """Give an ADBC connection (UTC, not autocommitting), for moving Arrow tables.

        Raises:
            DatabaseUnavailable: The server could not be reached in time, or refuses us.
        """
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - heavy, and many users never move a table

        dsn = self._dsn(lock_seconds)
        with self._lent("adbc", dsn, lambda: dbapi.connect(dsn)) as connection:
            yield connection

    @contextmanager
    def holding(self) -> Iterator[Warehouse]:
        """Give this warehouse with connections that are kept from one use to the next.

        For many small loads in a row: opening an ADBC connection costs more than loading a hundred rows
        (it reads the server's types). Within one thread only.
        """
        kept: dict[tuple[str, str], list[Any]] = {}
        try:
            yield replace(self, _kept=kept)
        finally:
            for connections in kept.values():
                for connection in connections:
                    connection.close()

    @contextmanager
    def _lent(self, kind: str, dsn: str, connect: Callable[[], Any]) -> Iterator[Any]:
        idle = [] if self._kept is None else self._kept.setdefault((kind, dsn), [])
        connection = idle.pop() if idle else None
        if connection is not None and not _answers(connection):
            connection.close()
            connection = None
        if connection is None:
            connection = self._retrying(connect)
        keep = False
        try:
            yield connection
            if self._kept is not None:
                connection.rollback()
                idle.append(connection)
                keep = True
        finally:
            if not keep:
                connection.close()

    def ping(self) -> str:
        """Connect once and return the server's version, such as ``18.4``.

        Raises:
            DatabaseUnavailable: The server could not be reached in time, or refuses us.
        """
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("show server_version")
            row = cursor.fetchone()
        return str(row[0]).split(" ", 1)[0] if row is not None else ""

    def dbt_environment(self) -> dict[str, str]:
        """Return the environment variables that the dbt profile reads.

        The password's name starts with ``DBT_ENV_SECRET_``, so that dbt keeps it out of its logs.
        """
        found = self._parameters
        environment = {
            "SPOTIFY_ASSETS_PG_HOST": found.get("host", "localhost"),
            "SPOTIFY_ASSETS_PG_PORT": found.get("port", "5432"),
            "SPOTIFY_ASSETS_PG_USER": found.get("user", "postgres"),
            "SPOTIFY_ASSETS_PG_DATABASE": found.get("dbname", ""),
            # dbt insists on one; a server that trusts the connection never asks for it.
            "DBT_ENV_SECRET_PG_PASSWORD": found.get("password") or "not-asked-for",
        }
        environment |= {
            variable: found[name] for name, variable in _LIBPQ_ENVIRONMENT.items() if name in found
        }
        return environment

    def libpq_environment(self) -> dict[str, str]:
        """Return the environment variables by which PostgreSQL's own programs find the database.

        So that no password stands in a list of processes.
        """
        names = {**_LIBPQ_ENVIRONMENT, **_LIBPQ_ADDRESS}
        return {
            variable: self._parameters[name] for name, variable in names.items() if name in self._parameters
        }

    def dagster_url(self) -> SecretStr:
        """Return the SQLAlchemy URL by which Dagster keeps its own records in schema ``dagster``."""
        parts = urlsplit(self.url.get_secret_value())
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        query["options"] = f"{query.get('options', '')} -csearch_path=dagster".strip()
        query.setdefault("application_name", "dagster")
        return SecretStr(
            urlunsplit(
                ("postgresql+psycopg2", parts.netloc, parts.path, urlencode(query, quote_via=quote), "")
            )
        )

    def _dsn(self, lock_seconds: float | None) -> str:
        seconds = self.lock_seconds if lock_seconds is None else lock_seconds
        given = self._parameters
        options = f"{given.get('options', '')} -c timezone=UTC -c lock_timeout={max(1, int(seconds * 1000))}"
        defaults: dict[str, Any] = {
            "application_name": APPLICATION_NAME,
            "connect_timeout": "10",
            "keepalives": "1",
            "keepalives_idle": "30",
            "keepalives_interval": "10",
            "keepalives_count": "3",
            "tcp_user_timeout": "60000",
            "client_encoding": "UTF8",
        }
        return make_dsn("", **{**defaults, **given, "options": options.strip()})

    def _retrying(self, connect: Any) -> Any:
        """Connect, trying again while the server may only be starting; says what to do when it fails."""
        clean_environment()  # libpq looks there for whatever the URL leaves open
        deadline = time.monotonic() + self.connect_seconds
        pause = 0.05
        while True:
            try:
                return connect()
            except (psycopg2.Error, adbc_driver_manager.Error) as error:
                text = without_secrets(str(error), self._secrets()).strip()
                passing = any(sign in text.lower() for sign in _PASSING)
                if not passing or time.monotonic() + pause > deadline:
                    raise self._unavailable(text) from None
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the retries, guards nothing
            pause = min(pause * 2, 2.0)
            if self.home is not None:
                embedded.ensure_running(self.home)

    def _unavailable(self, text: str) -> DatabaseUnavailable:
        lowered = text.lower()
        if any(sign in lowered for sign in _FULL):
            advice = (
                "All its connections are in use: end other programs that use it, raise the server's "
                "max_connections, or run fewer jobs at once."
            )
        elif self.home is not None:
            advice = f"See {cluster_folder(self.home.resolve()) / 'server.log'}."
        elif "password" in lowered or "authentication" in lowered or "role" in lowered:
            advice = f"Check user and password in {self.setting}."
        elif "database" in lowered and "does not exist" in lowered:
            advice = "Create it (createdb), or correct the name in DATABASE_URL."
        else:
            advice = (
                "Check host and port in DATABASE_URL and that the server runs; or unset DATABASE_URL to "
                "use the embedded PostgreSQL."
            )
        unused = [name for name in set_aside() if name.startswith("PG")] if self.home is None else []
        if unused:
            advice += f" Not used: {', '.join(unused)}; all that a connection needs stands in {self.setting}."
        return DatabaseUnavailable(f"Cannot connect to {self.where}: {text}\n{advice}")

    def _secrets(self) -> list[str]:
        password = self._parameters.get("password", "")
        return [password, quote(password, safe="")]


def _answers(connection: Any) -> bool:
    """Whether a kept connection still reaches a server; one that was restarted ended it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
            cursor.fetchall()
        connection.rollback()
    except Exception:  # noqa: BLE001 - whatever it is, another connection is opened
        return False
    return True


def _libpq_url(url: str) -> str:
    """Return the URL as libpq spells it: ``postgresql://`` without the driver that SQLAlchemy names."""
    _scheme, _, rest = url.partition("://")
    return f"postgresql://{rest}"


def _parse(url: str) -> dict[str, str]:
    """Split a libpq URL into its parameters; a message never repeats the URL, which may hold a password."""
    expected = "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    if urlsplit(url).netloc.count("@") > 1:
        raise DatabaseUnavailable(
            f"DATABASE_URL: {expected}; write special characters in the password percent-encoded "
            "(@ as %40, / as %2F)"
        )
    try:
        if "," not in urlsplit(url).netloc:  # several hosts: libpq knows how to read them, urlsplit does not
            _ = urlsplit(url).port  # what stands there may be the rest of an unquoted password
        found = {name: str(value) for name, value in parse_dsn(url).items()}
    except (psycopg2.Error, ValueError):
        raise DatabaseUnavailable(
            f"DATABASE_URL cannot be read: {expected}, special characters percent-encoded (@ as %40, / as "
            "%2F), and only parameters that libpq knows after the question mark"
        ) from None
    # What is left open, each of our programs would fill in in its own way, and they would part.
    if "service" in found or not (found.get("host") or found.get("hostaddr")):
        raise DatabaseUnavailable(f"DATABASE_URL names no host: {expected}")
    if not found.get("user"):
        raise DatabaseUnavailable(f"DATABASE_URL names no user: {expected}")
    return found
