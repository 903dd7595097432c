"""Fixtures that every room's tests share: settings without the developer's environment, and a database.

The database is a real PostgreSQL: the embedded one, started once per test session and shared by all
workers, or the server that TEST_DATABASE_URL names (its user must be allowed to create databases). Each
test that asks for `warehouse` gets a database of its own, copied from a migrated template.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from pydantic import SecretStr

from spotify_assets.settings import Settings, load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets.warehouse.migrate import migrate
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.support import own_settings
from spotify_assets_tests.support.servers.embedded_server import administrator_url
from spotify_assets_tests.support.shared import SHARED

own_settings.forget()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what compares with ../shared where that folder is absent."""
    if not SHARED.is_dir():
        skip = pytest.mark.skip(reason=f"../shared is absent beside the checkout ({SHARED})")
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's settings, from the environment and from `.env`."""
    for name in filter(own_settings.is_chosen, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SPOTIFY_ASSETS_HOME of the test's own (also in the environment, for subprocesses)."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(folder))
    return folder


@dataclass(frozen=True)
class DatabaseServer:
    """A PostgreSQL server on which tests create databases of their own."""

    kind: str
    admin_url: str
    template: str

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        parts = urlsplit(self.admin_url)
        return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))

    def execute(self, statement: str) -> None:
        """Run one statement on the administrative database, outside a transaction."""
        connection = psycopg2.connect(self.admin_url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """Create a database and drop it afterwards; gives its URL."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        copied = f' template "{template}"' if template else ""
        self.execute(f'create database "{name}"{copied}')
        try:
            yield self.url(name)
        finally:
            self.execute(f'drop database if exists "{name}" with (force)')


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test session share.

    Not inside pytest's own folder: another session closes that one to the user the server runs as.
    """
    base = tmp_path_factory.getbasetemp()
    session = str(base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base)
    name = f"spotify-assets-{uuid.uuid5(uuid.NAMESPACE_URL, session).hex[:12]}"
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def database_server(session_folder: Path) -> Iterator[DatabaseServer]:
    """The session's server, with a migrated template database on it."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        admin_url = "postgresql://" + given.partition("://")[2]
        kind = "server"
    else:
        admin_url = administrator_url(session_folder)
        kind = "embedded"
    # One per session, so that a session with changed migrations never meets an old one.
    template = f"spotify_template_{uuid.uuid5(uuid.NAMESPACE_URL, str(session_folder)).hex[:12]}"
    server = DatabaseServer(kind, admin_url, template)
    with (session_folder / "template.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        users = int(lock.read() or 0)
        if users == 0:
            if kind == "embedded":  # nothing here outlives the session, so nothing needs to reach the disk
                server.execute("alter system set fsync = off")
                server.execute("alter system set full_page_writes = off")
                server.execute("select pg_reload_conf()")
            server.execute(f'drop database if exists "{template}"')
            server.execute(f'create database "{template}"')
            connection = psycopg2.connect(server.url(template))
            try:
                migrate(connection)
            finally:
                connection.close()
        lock.truncate(0)
        lock.write(str(users + 1))
    yield server
    with (session_folder / "template.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = int(lock.read()) - 1
        lock.seek(0)
        lock.truncate()
        lock.write(str(users))
        lock.flush()
        if users == 0 and kind == "server":
            server.execute(f'drop database if exists "{template}"')
    if kind == "embedded":
        embedded.release(session_folder)
    if users == 0:
        remove_home(session_folder)


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    with database_server.database(database_server.template) as url:
        yield url


@pytest.fixture
def empty_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with database_server.database() as url:
        yield url


@pytest.fixture
def settings(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the test's own: a fresh home, a fresh database, the simulated upstream.

    DATABASE_URL is set too, so that subprocesses and `load_settings()` see the same.
    """
    monkeypatch.setenv("DATABASE_URL", database_url)
    return load_settings(spotify_assets_home=home, database_url=SecretStr(database_url))


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    """A migrated, empty database of the test's own."""
    return open_warehouse(settings, connect_seconds=10)


def remove_home(home: Path) -> None:
    """Remove a home and, as root, the files of its embedded server, which lie elsewhere."""
    cluster = cluster_folder(home.resolve())
    shutil.rmtree(cluster, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A temporary folder with a short path, for unix sockets; it may be a home."""
    with tempfile.TemporaryDirectory(prefix="sa-") as folder:
        yield Path(folder)
        remove_home(Path(folder))
        Path(folder).mkdir(exist_ok=True)
