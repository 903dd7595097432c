"""How well breakouts match the viral starts of the simulator, which are known.

Run as `python -m spotify_assets_tests.benchmarks.bench_breakouts [--seeds N …] [--artists N] [--days N]
[--lost PERCENT]`. Each world is observed without HTTP, on every day or all but the lost ones, into a scratch
database of its own; dbt builds the marts. What counts as a hit stands in `docs/breakouts.md`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from datetime import date, timedelta
from pathlib import Path

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets_tests.benchmarks.bench_marts import project
from spotify_assets_tests.benchmarks.common import Report
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.dbt.conftest import Project
from spotify_assets_tests.support.marts import data, virals
from spotify_assets_tests.support.servers.embedded_server import administrator_url

LAST = date(2025, 10, 5)
TARGET = 0.9
WAYS = {"detected_on": "known within 3 days", "started_on": "said to start within 3 days"}


def measure(report: Report, made: Project, seed: int, artists: int, days: int, lost: float) -> None:
    """Observe one world, build the marts, and judge the breakouts of each metric."""
    catalogue, first = Catalogue(seed, artists), LAST - timedelta(days=days - 1)
    chance = random.Random(seed)
    lost_days = {day for day in data.days(first, LAST) if chance.random() < lost / 100}
    virals.build(made, catalogue, first, LAST, lost_days)
    breakouts = made.rows("marts.artist_breakouts")
    starts = catalogue.viral_starts(first, LAST)
    for metric in ("followers", "popularity"):
        found = [row for row in breakouts if row["metric"] == metric]
        for by, words in WAYS.items():
            judgement = virals.judge(found, starts, first, LAST, by=by)
            print(f"  seed {seed}, {metric} {words}: {judgement}", flush=True)
            report.add(f"{metric} {words}, seed {seed}: precision", judgement.precision, TARGET)
            report.add(f"{metric} {words}, seed {seed}: recall", judgement.recall, TARGET)


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2026, 11, 101])
    parser.add_argument("--artists", type=int, default=1000)
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--lost", type=float, default=0.0, help="percentage of days that nobody observes")
    options = parser.parse_args()
    report = Report("breakouts")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        server = administrator_url(folder / "home")
        try:
            for seed in options.seeds:
                with project(server, folder, f"seed{seed}") as made:
                    made.dbt("seed")
                    measure(report, made, seed, options.artists, options.days, options.lost)
        finally:
            embedded.release(folder / "home")
            remove_home(folder / "home")


if __name__ == "__main__":
    main()
