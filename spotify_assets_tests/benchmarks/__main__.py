"""All benchmarks, one after another, each in a process of its own: `make bench`.

Exits with 0 also when targets are missed, and with 1 only if a benchmark crashed: a figure is something
to read, never a reason for a build to fail.
"""

from __future__ import annotations

import subprocess
import sys
import time

from spotify_assets_tests.benchmarks.common import RESULTS
from spotify_assets_tests.support.own_settings import forget

BENCHMARKS = (
    "code_location",
    "extraction",
    "limits",
    "loading",
    "forecast",
    "breakouts",
    "marts",
    "backfill",
    "demo",
)


def main() -> int:
    """Run them; returns the exit code."""
    forget()
    started = time.monotonic()
    crashed = [
        name
        for name in BENCHMARKS
        if subprocess.run(
            [sys.executable, "-m", f"spotify_assets_tests.benchmarks.bench_{name}"], check=False
        ).returncode
    ]
    print(f"\n{time.monotonic() - started:.0f} s. The figures as JSON lines: {RESULTS}")
    if crashed:
        print(f"CRASHED: {', '.join(crashed)}", file=sys.stderr)
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
