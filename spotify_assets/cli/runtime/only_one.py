"""One `up` a home, and one daemon a database: a second one would do everything twice."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.dagster_runs import daemon_heartbeats, forget_heartbeats
from spotify_assets.warehouse.errors import WarehouseError

LOCK = "up.lock"
HEARTBEAT_SECONDS = 30
"""How often Dagster's daemon says that it lives."""
STALE = timedelta(seconds=10 * HEARTBEAT_SECONDS)
"""A heartbeat that is older, whatever clock it was taken by, is a dead daemon's."""


@contextmanager
def only_up(home: Path, url: str) -> Iterator[None]:
    """Hold this home's `up` while the block runs.

    Args:
        home: The platform's home.
        url: Where the web UI will answer.

    Raises:
        click.ClickException: Another process holds it.
    """
    with (home / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(_already(home / LOCK)) from None
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        lock.flush()
        yield


def _already(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text("utf-8"))
        who = f" (pid {holder['pid']}, {holder['url']})"
    except (OSError, ValueError, KeyError):  # it has not written it yet
        who = ""
    return (
        f"`spotify-assets up` is already running in this home{who}. Use it, or stop it first; for a second "
        "platform set SPOTIFY_ASSETS_HOME to another folder."
    )


@contextmanager
def only_daemon(warehouse: Warehouse, waiting: Callable[[], None]) -> Iterator[None]:
    """Make sure that no daemon lives on the database, also none of another machine; forget ours at the end.

    A daemon that was killed leaves a heartbeat like one that lives: whether another follows is waited for.

    Args:
        warehouse: The database.
        waiting: Called before it is waited.

    Raises:
        click.ClickException: One does.
    """
    before = daemon_heartbeats(warehouse)
    now = datetime.now(UTC)
    if any(abs(now - at) < STALE for at in before.values()):
        waiting()
        deadline = time.monotonic() + 1.5 * HEARTBEAT_SECONDS
        while time.monotonic() < deadline:
            if daemon_heartbeats(warehouse) != before:
                raise click.ClickException(
                    f"A Dagster daemon already works on this database ({warehouse.where}), started by "
                    "`spotify-assets up` elsewhere, on another machine or in a container. Two of them would "
                    "do everything twice: stop that one first, or use a database of its own."
                )
            time.sleep(0.5)
    try:
        yield
    finally:
        with suppress(WarehouseError):
            forget_heartbeats(warehouse)
