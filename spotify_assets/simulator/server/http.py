"""The simulator over HTTP.

This is the only module that knows the web server.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import uvicorn

from spotify_assets.simulator.server.app import Simulator
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.wire import Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on."""
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


def address(listener: socket.socket) -> str:
    """The base URL of what listens there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: Application) -> uvicorn.Server:
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
    listener = listen(host, port)
    try:
        server = make_server(guarded(Simulator(config)))
        # The socket accepts from now on; the first connections wait in its queue until the loop runs.
        ready(address(listener))
        server.run(sockets=[listener])
    finally:
        listener.close()
