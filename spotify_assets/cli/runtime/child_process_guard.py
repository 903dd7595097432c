"""A small process beside a run: when the run is killed, what it had started ends too.

A killed run's dbt would go on building, beside the dbt of the next run. Children are known by a variable
in their environment, because a process whose parent is gone belongs to nobody.

Also runs as a process of its own (`python guardian.py RUN`), which waits on its standard input: a word there
means that the run has ended by itself, the end of it without a word that the run is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil  # type: ignore[import-untyped]

VARIABLE = "SPOTIFY_ASSETS_RUN"
SECONDS = 10.0


@contextmanager
def guarded(run_id: str) -> Iterator[None]:
    """While the block runs, child processes end with this one, however it ends."""
    os.environ[VARIABLE] = run_id
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-I", __file__, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the run
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
    ) as guardian:
        try:
            yield
        finally:
            os.environ.pop(VARIABLE, None)
            with suppress(BrokenPipeError):
                guardian.communicate(b"ended\n")


def _started_by(run_id: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(VARIABLE) == run_id:
                found.append(process)
    return found


def main(run_id: str) -> None:
    """Wait for the end of the run, and end what it left."""
    if sys.stdin.readline():
        return
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and (left := _started_by(run_id)):
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1])
