"""The simulator over HTTP: blocking for the command line, in a thread for tests.

This is the only module that knows the web server.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn

from spotify_assets.simulator.server.app import Simulator
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.wire import Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_STARTED_WITHIN = 20.0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: Application) -> uvicorn.Server:
    """Return a server with the fastest loop and parser that are installed."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="auto",
            http="auto",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="error",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
    )


def serve(
    config: SimulatorConfig | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    ready: Callable[[str], None] = lambda _: None,
    guarded: Callable[[Application], Application] = lambda application: application,
) -> None:
    """Serve until interrupted (Ctrl-C or SIGTERM); prints nothing.

    Args:
        config: Switches; the defaults if None.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        ready: Called with the base URL once connections are accepted.
        guarded: Puts a guard in front of the application.

    Raises:
        OSError: The address cannot be listened on.
    """
    listener = _listen(host, port)
    try:
        server = _server(guarded(Simulator(config)))
        # The socket accepts from now on; the first connections wait in its queue until the loop runs.
        ready(_address(listener))
        server.run(sockets=[listener])
    finally:
        listener.close()


@contextmanager
def running(config: SimulatorConfig | None = None, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a background thread; yields the base URL, without a slash at the end.

    Raises:
        OSError: The address cannot be listened on.
        RuntimeError: The server did not start.
    """
    listener = _listen(host, port)
    server = _server(Simulator(config))
    thread = threading.Thread(target=server.run, args=([listener],), name="simulator", daemon=True)
    thread.start()
    try:
        if not _started(server, thread):
            raise RuntimeError(f"the simulator did not start within {_STARTED_WITHIN:.0f} s")
        yield _address(listener)
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
