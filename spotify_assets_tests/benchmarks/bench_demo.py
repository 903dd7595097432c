"""How long a newcomer waits: `spotify-assets demo` in a home of its own, and where the time goes.

Run as `python -m spotify_assets_tests.benchmarks.bench_demo [--days N] [--artists N]`.
"""

from __future__ import annotations

import argparse
import time

from spotify_assets_tests.benchmarks.common import Report, installation, run_times

TARGET_SECONDS = 90.0


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artists", type=int, default=120)
    parser.add_argument("--days", type=int, default=90)
    options = parser.parse_args()
    report = Report("demo")
    with installation() as platform:
        started = time.perf_counter()
        platform.run(
            "demo", "--artists", str(options.artists), "--days", str(options.days), seconds=400
        ).succeeded()
        seconds = time.perf_counter() - started
        (times,) = run_times(platform.home)
    report.add(
        f"demo, {options.artists} artists over {options.days} days",
        seconds,
        TARGET_SECONDS,
        direction="at most",
        unit=" s",
        artists=options.artists,
        days=options.days,
        steps=times.steps,
    )
    for stage, spent in {**times.stages(), "before and after the run": seconds - times.run}.items():
        report.add(f"of it: {stage}", spent, unit=" s")


if __name__ == "__main__":
    main()
