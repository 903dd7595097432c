"""The default, with nothing set: run and embedded PostgreSQL are killed together, as by a power cut."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_assets.warehouse.embedded import cluster, shutdown_watcher
from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets_tests.faults.conftest import ARTISTS, BACKFILL, INGEST, Platform, alive, descendants
from spotify_assets_tests.support.command import contents, eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400, func_only=True)]


@pytest.fixture
def default(short_tmp: Path) -> Iterator[Platform]:
    """A platform on its own embedded server and its own simulated upstream."""
    made = Platform(short_tmp, {}, embedded.ensure_running(short_tmp))
    made.track()
    yield made
    embedded.release(short_tmp)
    socket = cluster.prepare(short_tmp.resolve()).socket_file
    assert eventually(lambda: not shutdown_watcher.is_listening(socket)), "the server outlived its last user"


def test_everything_is_killed_and_the_next_command_recovers(default: Platform) -> None:
    server = shutdown_watcher.server_pid(cluster.prepare(default.home.resolve()).data)
    assert server is not None
    output = default.home / "killed.log"
    with output.open("w") as log:
        process = default.start(*BACKFILL, *INGEST, output=log, SPOTIFY_REQUESTS_PER_SECOND="12")
    try:
        assert eventually(lambda: default.parts("top_tracks"), 120), output.read_text()
        children = descendants(process.pid)
        commands = [" ".join(child.cmdline()) for child in children if alive(child)]
        assert any("simulator_process" in command for command in commands), commands
    finally:
        process.send_signal(signal.SIGKILL)
        os.kill(server, signal.SIGKILL)
        process.wait(30)
    assert eventually(lambda: not any(map(alive, children)), 60), "the simulated upstream outlived its parent"

    default.run(*BACKFILL, *INGEST).succeeded()
    default.check_books()
    healed = contents(default.url)
    assert len(healed["snapshots.artist_snapshots"]) > 2.5 * ARTISTS
    default.run(*BACKFILL, *INGEST).succeeded()
    assert contents(default.url) == healed
