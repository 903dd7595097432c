"""What commands share that serve something until they are stopped: where they listen, and how they end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

import click

LOOPBACK = "127.0.0.1"
_Command = TypeVar("_Command", bound=Callable[..., Any])

host_option = click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Address to serve on; anybody who reaches it may look.",
)
wait_option = click.option(
    "--wait",
    "seconds",
    type=float,
    help="Seconds to wait for the database, its users and its schemas.",
)


def port_option(
    default: int, text: str, name: str = "--port", *, any_free: bool = False
) -> Callable[[_Command], _Command]:
    """Return the option that names a port.

    Args:
        default: The port without it.
        text: What it is for.
        name: The option's name.
        any_free: Whether 0 may stand for any free port.
    """
    ports = click.IntRange(0 if any_free else 1, 65535)
    return click.option(name, type=ports, default=default, show_default=True, help=text)


def stop_like_ctrl_c(_signal: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
    """End as after Ctrl-C; a handler of signals."""
    raise KeyboardInterrupt


def check_free(port: int, option: str, host: str = LOOPBACK) -> None:
    """Make sure that a port can be listened on, before minutes of other work.

    Raises:
        click.ClickException: It is taken; the message names the option to change.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise click.ClickException(
                f"Port {port} is in use. Stop what uses it, or choose another: {option} PORT"
            ) from None
