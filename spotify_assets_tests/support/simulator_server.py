"""The simulator in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from spotify_assets.simulator.server.app import Simulator
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import address, listen, make_server

_STARTED_WITHIN = 20.0


@contextmanager
def running(config: SimulatorConfig | None = None, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a background thread; yields the base URL, without a slash at the end.

    Raises:
        OSError: The address cannot be listened on.
        RuntimeError: The server did not start.
    """
    listener = listen(host, port)
    server = make_server(Simulator(config))
    thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
    thread.start()
    try:
        if not _started(server, thread):
            raise RuntimeError(f"the simulator did not start within {_STARTED_WITHIN:.0f} s")
        yield address(listener)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _started(server: uvicorn.Server, thread: threading.Thread) -> bool:
    pause = threading.Event()
    for _ in range(int(_STARTED_WITHIN / 0.01)):
        if server.started:
            return True
        if not thread.is_alive():
            return False
        pause.wait(0.01)
    return False
