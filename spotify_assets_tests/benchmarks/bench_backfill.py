"""What one more day in a backfill costs, beside a run over one day.

Run as `python -m spotify_assets_tests.benchmarks.bench_backfill [--artists N] [--days N]`. Both are
`spotify-assets backfill` as a user types it, in simulated mode, start of the command included. A first
run, which creates the database and the marts, is not counted.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta
from statistics import median

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets_tests.benchmarks.common import Report, installation, run_times, today


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artists", type=int, default=100)
    parser.add_argument("--days", type=int, default=31)
    options = parser.parse_args()
    report = Report("backfill")
    artists = Catalogue().artist_ids()[: options.artists]
    last = today()
    with installation() as platform:
        (platform.home / "artists.txt").write_text("\n".join(artists), "utf-8")
        platform.run("watch", "add", "--file", str(platform.home / "artists.txt")).succeeded()

        def backfill(ends_before: int, days: int) -> float:
            """Seconds of a backfill over `days` days, the last of them `ends_before` days ago."""
            to = last - timedelta(days=ends_before)
            span = ("--from", str(to - timedelta(days=days - 1)), "--to", str(to))
            started = time.perf_counter()
            platform.run("backfill", *span, seconds=300).succeeded()
            return time.perf_counter() - started

        backfill(options.days + 3, 1)
        one = [backfill(options.days + 2, 1), backfill(options.days + 1, 1)]
        many = backfill(1, options.days)
        one.append(backfill(0, 1))
        times = run_times(platform.home)
    extra = (many - median(one)) / (options.days - 1)
    single, ranged = times[-1].stages(), times[-2].stages()
    report.add(
        f"extra cost of one more day / a run over one day ({options.artists} artists)",
        extra / median(one),
        0.05,
        direction="at most",
        artists=options.artists,
        days=options.days,
        one_day_seconds=median(one),
        all_one_day_seconds=one,
        range_seconds=many,
        extra_day_seconds=extra,
        one_day_stages=single,
        range_stages=ranged,
    )
    report.add("seconds of a run over one day, as typed", median(one), unit=" s")
    for stage in single:
        cost = (ranged[stage] - single[stage]) / (options.days - 1)
        report.add(f"seconds of one more day: {stage}", cost, unit=" s")


if __name__ == "__main__":
    main()
