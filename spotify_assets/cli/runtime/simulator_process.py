"""The simulated upstream as a child process: says its address, and ends when its parent does."""

from __future__ import annotations

import os
import signal
import sys
import threading

from spotify_assets.serving.guard import Guard, GuardedApplication, own_hosts
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.http import serve


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    # Ctrl-C in a terminal reaches every process; this one ends when its parent has ended the run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Standard input is a pipe from the parent; it closes also when the parent is killed.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # With everything that can be asked, so that every table has rows to show.
    serve(
        SimulatorConfig(audio_features=True),
        ready=lambda url: print(url, flush=True),
        guarded=lambda application: GuardedApplication(application, Guard(own_hosts())),
    )
