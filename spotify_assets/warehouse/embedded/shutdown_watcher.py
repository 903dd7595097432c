"""Stops the embedded PostgreSQL once nobody uses it; also runs as a small process of its own.

Every user of the server holds a shared lock on one file, which the system releases however the user
ends, `kill -9` included. The keeper waits for that file's exclusive lock: getting it means that the
last user is gone. Standard library only, because the keeper runs as a bare script
(`python keeper.py …`) and stays in memory as long as the server does.

Does not belong here: starting anything (`server`).
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path

STOP_SECONDS = 60.0


def is_listening(socket_file: Path) -> bool:
    """Say whether a server accepts connections on this unix socket (a stale socket file does not)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(socket_file))
        except BlockingIOError:  # the backlog is full: somebody listens
            return True
        except OSError:
            return False
        return True


def server_pid(data: Path) -> int | None:
    """Return the process id in the cluster's `postmaster.pid`, or None when there is none."""
    try:
        return int((data / "postmaster.pid").read_bytes().split(b"\n", 1)[0])
    except (OSError, ValueError):
        return None


def stop_server(data: Path, socket_file: Path) -> bool:
    """Stop the server cleanly and wait for its end; harmless when none runs.

    The process in `postmaster.pid` is signalled only while the server's socket answers, because
    after a crash that number may belong to somebody else.

    Returns:
        Whether no server runs any more.
    """
    if not is_listening(socket_file):
        return True
    pid = server_pid(data)
    if pid is None:
        return False
    started = time.monotonic()
    sent_signal: signal.Signals | None = None
    while (waited := time.monotonic() - started) < STOP_SECONDS:
        # SIGINT: roll back what is open, checkpoint, end. SIGQUIT: end now, recover at the next start.
        wanted = signal.SIGINT if waited < STOP_SECONDS / 2 else signal.SIGQUIT
        try:
            if sent_signal is not wanted:
                os.kill(pid, wanted)
                sent_signal = wanted
            else:
                os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if server_pid(data) != pid:
            return True
        time.sleep(0.01)
    return False


def keep(users_lock: Path, keeper_lock: Path, data: Path, socket_file: Path) -> None:
    """Wait until the last user is gone, then stop the server. Returns at once if a keeper waits already."""
    own = os.open(keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    users = os.open(users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(users, fcntl.LOCK_EX)
    stop_server(data, socket_file)
    # In this order: whoever gets the users' lock next must be able to start the next keeper.
    os.close(own)
    os.close(users)


def main() -> None:
    """Run as a process: `keeper.py USERS_LOCK KEEPER_LOCK DATA SOCKET`."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    users_lock, keeper_lock, data, socket_file = (Path(argument) for argument in sys.argv[1:5])
    keep(users_lock, keeper_lock, data, socket_file)


if __name__ == "__main__":
    main()
