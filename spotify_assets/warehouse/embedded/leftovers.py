"""What a server that was killed leaves behind: lock files, and backends that are still ending."""

from __future__ import annotations

import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from spotify_assets.warehouse.embedded.cluster import Layout


def runs(process: psutil.Process) -> bool:
    """Whether a process has not ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def clear_stale_locks(layout: Layout) -> None:
    """Remove the lock files of a server that is gone, if the number in them is not PostgreSQL's any more.

    PostgreSQL does so itself unless that number still looks alive: reused by another process of the same
    user, as after a container was killed, or a dead process that nobody has collected.
    """
    files = (layout.data / "postmaster.pid", layout.socket_file.with_name(".s.PGSQL.5432.lock"))
    if not any(file.exists() for file in files) or not _wait_for_orphans(layout):
        return  # with a backend of the dead server still at work, PostgreSQL itself must decide
    for file in files:
        try:
            process = psutil.Process(int(file.read_bytes().split(b"\n", 1)[0]))
            alive = runs(process) and process.name().startswith("postgres")
        except FileNotFoundError:
            continue
        except (psutil.Error, ValueError):
            alive = False
        if not alive:
            file.unlink(missing_ok=True)


def _wait_for_orphans(layout: Layout) -> bool:
    """Wait until no process works on the data any more; says whether that was reached."""
    deadline = time.monotonic() + 10.0
    while any(_works_on(process, layout.data) for process in psutil.process_iter()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _works_on(process: psutil.Process, data: Path) -> bool:
    try:
        return process.name().startswith("postgres") and runs(process) and Path(process.cwd()) == data
    except (psutil.Error, OSError):
        return False
