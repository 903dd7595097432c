"""Starting and stopping: as a process for people, in a thread for tests."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import serve
from spotify_assets_tests.support.simulator_server import running

PROGRAM = """
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import serve
serve(SimulatorConfig(artists=3), ready=lambda url: print(url, flush=True))
"""


def test_serves_until_told_to_stop() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert httpx.get(f"{url}/").status_code == 200
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert (output, errors) == ("", "")


def test_several_at_once_and_all_gone_afterwards() -> None:
    before = threading.active_count()
    with running(SimulatorConfig(artists=3)) as one, running(SimulatorConfig(artists=3, seed=5)) as two:
        assert one != two
        assert httpx.get(one).text != httpx.get(two).text
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(one)


def test_a_taken_port_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            serve(port=taken.getsockname()[1])
