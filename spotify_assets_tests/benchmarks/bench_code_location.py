"""How long Dagster waits for our definitions, beside importing Dagster and its dbt library alone.

Run as `python -m spotify_assets_tests.benchmarks.bench_code_location [--rounds N]`. Each time is that of a
fresh interpreter, without its own start; the two take turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

from spotify_assets_tests.benchmarks.common import Report
from spotify_assets_tests.support.command import clean_variables
from spotify_assets_tests.support.manifest import build_manifest

_TIMED = "import time; started = time.perf_counter(), time.process_time()\n{}\n" + (
    "print(time.perf_counter() - started[0], time.process_time() - started[1])"
)
LIBRARIES = _TIMED.format("import dagster, dagster_dbt")
# What a code server does: import the module, build the definitions, and the repository that it serves.
OURS = _TIMED.format(
    "from spotify_assets.definitions import build_definitions\n"
    "build_definitions().get_repository_def().get_all_jobs()"
)


def seconds(script: str) -> tuple[float, float]:
    """Wall-clock and processor seconds that a script says it took."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=True,
        env=clean_variables(),
        stdout=subprocess.PIPE,
        text=True,
    )
    wall, processor = map(float, done.stdout.split())
    return wall, processor


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    report = Report("code location")
    build_manifest()
    seconds(LIBRARIES), seconds(OURS)
    pairs = [(seconds(LIBRARIES), seconds(OURS)) for _ in range(rounds)]
    libraries, ours = median(pair[0][0] for pair in pairs), median(pair[1][0] for pair in pairs)
    report.add(
        "loading the code location / importing dagster and dagster_dbt",
        ours / libraries,
        1.25,
        direction="at most",
        seconds=ours,
        libraries_seconds=libraries,
        rounds=rounds,
    )
    report.add(
        "the same in processor time",
        median(pair[1][1] for pair in pairs) / median(pair[0][1] for pair in pairs),
    )


if __name__ == "__main__":
    main()
