"""The one way to the database: where it is, how to connect, and what to say when that fails."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import adbc_driver_manager
import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class
from pydantic import SecretStr

from spotify_assets.process_environment import clean_environment, set_aside
from spotify_assets.settings import Settings
from spotify_assets.warehouse.embedded import server
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets.warehouse.errors import DatabaseUnavailable, without_secrets
from spotify_assets.warehouse.server import address
from spotify_assets.warehouse.server.refusals import advice, check_session, may_pass
from spotify_assets.warehouse.server.sqlstate import codes_of, refusals, said

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection as AdbcConnection

CONNECT_SECONDS = 30.0
"""How long to keep trying: services start in any order, and a crashed server takes time to recover."""

LOCK_SECONDS = 60.0
"""How long a statement waits for a lock before it gives up."""


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
        object.__setattr__(self, "_parameters", address.parse(self.url.get_secret_value()))

    @classmethod
    def reach_owner(cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS) -> Warehouse | None:
        """The same database as the user who owns its tables, if DATABASE_OWNER_URL names one."""
        return cls._named("DATABASE_OWNER_URL", settings.database_owner_url, connect_seconds)

    @classmethod
    def reach_reader(
        cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS
    ) -> Warehouse | None:
        """The same database as the user who may only read: DATABASE_READER_URL's or the embedded one's."""
        if settings.database_url is None and settings.database_reader_url is None:
            home = settings.spotify_assets_home.resolve()
            url = server.reader_url(server.ensure_running(home))
            return cls(SecretStr(url), home, connect_seconds)
        return cls._named("DATABASE_READER_URL", settings.database_reader_url, connect_seconds)

    @classmethod
    def reach_dagster(
        cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS
    ) -> Warehouse | None:
        """The same database as the user who keeps Dagster's records, if DATABASE_DAGSTER_URL names one."""
        return cls._named("DATABASE_DAGSTER_URL", settings.database_dagster_url, connect_seconds)

    @classmethod
    def reach_viewer(
        cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS
    ) -> Warehouse | None:
        """The same database as the user who only reads those records, if DATABASE_VIEWER_URL names one."""
        return cls._named("DATABASE_VIEWER_URL", settings.database_viewer_url, connect_seconds)

    @classmethod
    def _named(cls, setting: str, url: SecretStr | None, connect_seconds: float) -> Warehouse | None:
        if url is None:
            return None
        return cls(
            SecretStr(address.libpq_url(url.get_secret_value())), None, connect_seconds, setting=setting
        )

    @classmethod
    def reach(cls, settings: Settings, *, connect_seconds: float = CONNECT_SECONDS) -> Warehouse:
        """Start the embedded server, or use the one that DATABASE_URL names, whatever is in the database.

        Raises:
            DatabaseUnavailable: DATABASE_URL cannot be read.
            EmbeddedServerError: The embedded server cannot be started.
        """
        if settings.database_url is None:
            home = settings.spotify_assets_home.resolve()
            return cls(SecretStr(server.ensure_running(home)), home, connect_seconds)
        url = address.libpq_url(settings.database_url.get_secret_value())
        return cls(SecretStr(url), None, connect_seconds)

    @property
    def where(self) -> str:
        """Where the database is, in words that hold no secret."""
        if self.home is not None:
            return f"the embedded PostgreSQL under {cluster_folder(self.home.resolve())}"
        named = ",".join(f"{host}:{port}" for host, port in address.hosts(self._parameters))
        return f"database {self.database!r} at {named} ({self.setting})"

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
            connection = self._retrying(dsn, connect)
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
        """Return the environment variables that the dbt profile reads, with the host that answers.

        Raises:
            DatabaseUnavailable: Of several hosts none could be reached.
        """
        ((host, port), *others) = address.hosts(self._parameters)
        if others:
            with self.connect() as connection:
                host, port = connection.info.host, str(connection.info.port)
        return address.dbt_environment(self._parameters, host, port)

    def libpq_environment(self) -> dict[str, str]:
        """Return the environment variables by which PostgreSQL's own programs find the database."""
        return address.libpq_environment(self._parameters)

    def dagster_url(self) -> SecretStr:
        """Return the SQLAlchemy URL by which Dagster keeps its own records in schema ``dagster``."""
        return SecretStr(address.dagster_url(self._parameters))

    def _dsn(self, lock_seconds: float | None) -> str:
        return address.dsn(self._parameters, self.lock_seconds if lock_seconds is None else lock_seconds)

    def _retrying(self, dsn: str, connect: Callable[[], Any]) -> Any:
        """Connect, trying again while the server may only be starting; says what to do when it fails."""
        clean_environment()  # libpq looks there for whatever the URL leaves open
        deadline = time.monotonic() + self.connect_seconds
        pause = 0.05
        while True:
            connection = None
            try:
                connection = connect()
                check_session(connection, where=self.where, setting=self.setting, database=self.database)
                return connection
            except (psycopg2.Error, adbc_driver_manager.Error, UnicodeDecodeError) as error:
                if connection is not None:
                    connection.close()
                codes, text = codes_of(error), said(error)
                if not codes and (refused := refusals(dsn)):
                    codes, text = list(refused), "\n".join(refused.values())
                text = without_secrets(text, self._secrets()).strip()
                if not may_pass(text, codes) or time.monotonic() + pause > deadline:
                    raise self._unavailable(text, codes) from None
            except DatabaseUnavailable:
                if connection is not None:
                    connection.close()
                raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the retries, guards nothing
            pause = min(pause * 2, 2.0)
            if self.home is not None:
                server.ensure_running(self.home)

    def _unavailable(self, text: str, codes: list[str]) -> DatabaseUnavailable:
        what = advice(text, codes, setting=self.setting, user=self.user, database=self.database)
        if self.home is not None:
            what = f"See {cluster_folder(self.home.resolve()) / 'server.log'}."
        unused = [name for name in set_aside() if name.startswith("PG")] if self.home is None else []
        if unused:
            what += f" Not used: {', '.join(unused)}; all that a connection needs stands in {self.setting}."
        return DatabaseUnavailable(f"Cannot connect to {self.where}: {text}\n{what}")

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
