"""The database fails under a run: restarted, out of connections, in a deadlock, out of disk.

Each time the run says so in words, what was committed stands, and the same command again leaves the tables
of a run that nothing disturbed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest

from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets.warehouse.embedded import shutdown_watcher
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.faults.conftest import BACKFILL, INGEST, RUN, WAIT_SECONDS, Platform, heals
from spotify_assets_tests.support.command import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400, func_only=True)]


@pytest.fixture
def on_a_server_of_its_own(short_tmp: Path, simulator: str) -> Iterator[Callable[[], Platform]]:
    """A platform on the embedded server, which a test may do to as it likes."""

    def begin() -> Platform:
        url = embedded.ensure_running(short_tmp)
        made = Platform(short_tmp, {"SIMULATOR_URL": simulator}, url)
        made.track()
        return made

    try:
        yield begin
    finally:
        embedded.release(short_tmp)


@contextmanager
def running(platform: Platform, *arguments: str, **variables: str) -> Iterator[Callable[[], str]]:
    """A command under way; gives what waits for its end and returns what it said."""
    log = platform.home / "disturbed.log"
    with log.open("w") as output:
        process = platform.start(*arguments, output=output, **variables)

    def ended() -> str:
        process.wait(WAIT_SECONDS)
        return log.read_text()

    try:
        yield ended
    finally:
        process.kill()
        process.wait(30)


def test_a_restart_while_a_run_loads(
    on_a_server_of_its_own: Callable[[], Platform], undisturbed: dict[str, list[str]]
) -> None:
    platform = on_a_server_of_its_own()
    with (
        platform.locked("lock table ops.partition_loads in exclusive mode"),
        running(platform, *BACKFILL, *INGEST) as ended,
    ):
        assert eventually(lambda: platform.waits_for_a_lock(RUN), WAIT_SECONDS), ended()
        server = shutdown_watcher.server_pid(cluster_folder(platform.home.resolve()) / "data")
        assert server is not None
        os.kill(server, signal.SIGKILL)
        said = ended()
    embedded.ensure_running(platform.home)
    assert "Traceback" not in said, said
    assert "run again" in said.lower(), said
    heals(platform, undisturbed, *INGEST)


def test_no_connection_is_left(
    platform: Platform, database_server: DatabaseServer, undisturbed: dict[str, list[str]]
) -> None:
    name = f"few_{os.urandom(6).hex()}"
    database_server.execute(f"create role \"{name}\" login connection limit 1 password 'x'")
    parts = urlsplit(platform.url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    few = urlunsplit(("postgresql", f"{name}:x@{host}", parts.path, parts.query, ""))
    with ExitStack() as stack:
        stack.callback(database_server.execute, f'drop role "{name}"')
        held = psycopg2.connect(few)
        stack.callback(held.close)
        done = platform.run(*BACKFILL, *INGEST, DATABASE_URL=few)
    assert done.code == 1
    assert "All its connections are in use" in done.text, done.text
    assert "Traceback" not in done.text
    assert platform.loads() == 0
    heals(platform, undisturbed, *INGEST)


def test_a_deadlock(platform: Platform, undisturbed: dict[str, list[str]]) -> None:
    with ExitStack() as stack:
        other = psycopg2.connect(platform.url)
        stack.callback(other.close)
        cursor = stack.enter_context(other.cursor())
        # A load writes rows, then its row of the ledger. This session goes the other way round, and is the
        # more patient of the two: PostgreSQL ends the one that notices.
        cursor.execute("set deadlock_timeout = '1min'")
        cursor.execute("lock table ops.partition_loads in exclusive mode")
        ended = stack.enter_context(running(platform, *BACKFILL, *INGEST))
        assert eventually(lambda: platform.waits_for_a_lock(RUN), WAIT_SECONDS), ended()
        cursor.execute("lock table snapshots.artist_snapshots in access exclusive mode")
        other.rollback()
        said = ended()
    assert "deadlock" in said, said
    assert "Traceback" not in said, said
    heals(platform, undisturbed, *INGEST)


@pytest.fixture
def small_disk(short_tmp: Path) -> Iterator[Path]:
    """A file system of its own, with room for an empty cluster and little more."""
    short_tmp.chmod(0o711)  # root's server runs as another account, which has to reach the disk
    disk = short_tmp / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(disk)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        embedded.release(disk)
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_the_disk_is_full(small_disk: Path, simulator: str, undisturbed: dict[str, list[str]]) -> None:
    url = embedded.ensure_running(small_disk)
    platform = Platform(small_disk, {"SIMULATOR_URL": simulator}, url)
    platform.track()
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    with ballast.open("wb") as file:
        for _ in range(max(0, free // 2**20 - 1)):
            file.write(b"\0" * 2**20)
    done = platform.run(*BACKFILL, *INGEST)
    ballast.unlink()
    assert done.code == 1
    assert "Traceback" not in done.text, done.text
    assert "space" in done.text, done.text
    embedded.ensure_running(small_disk)
    heals(platform, undisturbed, *INGEST)
