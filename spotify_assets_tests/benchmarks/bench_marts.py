"""What the marts cost: one more day after a short and after a long history, a rebuild of everything, a look.

Run as `python -m spotify_assets_tests.benchmarks.bench_marts [--artists N] [--days N] [--short N]`. Each
history is made by the database itself, in a scratch database of its own, so that no time goes into observing;
then dbt builds as a daily run does, tests included. A day is timed five times after either history, in turn;
the middle ones count.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import psycopg2

from spotify_assets.warehouse.embedded import server as embedded
from spotify_assets.warehouse.migrate import migrate
from spotify_assets_tests.benchmarks.common import Report, timed
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.dbt.conftest import TABLES, Project
from spotify_assets_tests.support.servers.embedded_server import administrator_url

DAY = timedelta(days=1)
LAST = date(2026, 11, 1)
LEADERBOARD = "select * from marts.artist_leaderboard order by score desc nulls last limit 100"
"""What a page of the most popular artists asks."""

# Popularity wanders in steps of a point, mostly none; followers grow; a hundredth of the days is missing. Ten
# top tracks an artist, of which one makes room for another every 30 days, and ten new releases a day, so that
# every mart has something to do.
_ARTISTS = """
    insert into snapshots.artist_snapshots
        (snapshot_date, source, artist_id, requested_id, name, popularity, followers, genres, observed_at)
    select
        day, 'bench', id, id, 'Artist ' || a,
        least(100, greatest(0, round((a * 37) %% 90 + 6 * sin(a + n / 60.0) + (a * 7 + n) %% 3))),
        (1000 + (a * 7919) %% 900000) * (1 + 0.0004 * n),
        array['genre ' || a %% 40, 'genre ' || a %% 7],
        day + time '12:00'
    from generate_series(1, %(artists)s) as a
    cross join lateral (select 'artist' || lpad(a::text, 16, '0') as id) as ids
    cross join lateral (select date %(first)s + i as day from generate_series(0, %(days)s - 1) as i) as days
    cross join lateral (select day - date '2020-01-01' as n) as numbers
    where (a * 31 + n * 17) %% 100 <> 0
"""
_TOP_TRACKS = """
    insert into snapshots.top_tracks
        (snapshot_date, source, market, artist_id, position, track_id, isrc, name, primary_artist_id,
         popularity, duration_ms, observed_at)
    select
        day, 'bench', 'US', id, p, 'track' || lpad((a * 1000 + song)::text, 17, '0'),
        'XX' || lpad((a * 1000 + song)::text, 10, '0'), 'Song ' || song, id,
        greatest(0, 60 - 3 * p + (a + day - date '2020-01-01') %% 4), 180000 + 1000 * p, day + time '12:00'
    from generate_series(1, %(tracked)s) as a
    cross join lateral (select 'artist' || lpad(a::text, 16, '0') as id) as ids
    cross join generate_series(1, 10) as p
    cross join lateral (select date %(first)s + i as day from generate_series(0, %(days)s - 1) as i) as days
    cross join lateral (select p + (a + day - date '2020-01-01') / 30 as song) as songs
"""
_NEW_RELEASES = """
    insert into snapshots.new_releases
        (snapshot_date, source, album_id, name, album_type, artist_ids, artist_names, release_date,
         release_date_precision, release_date_text, total_tracks, popularity, observed_at)
    select
        day, 'bench', 'album' || lpad((n * 10 + r)::text, 17, '0'), 'Album ' || n * 10 + r, 'album',
        array['artist' || lpad((1 + (n * 10 + r) %% %(artists)s)::text, 16, '0')], array['Somebody'],
        date %(first)s + n, 'day', (date %(first)s + n)::text, 10, 20 + age, day + time '12:00'
    from generate_series(0, %(days)s - 1) as n
    cross join generate_series(1, 10) as r
    cross join generate_series(0, 13) as age
    cross join lateral (select date %(first)s + n + age as day) as days
    where day <= date %(last)s
"""
_LEDGER = """
    insert into ops.partition_loads
        (table_name, source, partition_date, run_id, rows_requested, rows_received, rows_missing, rows_loaded,
         rows_quarantined, content_hash)
    select
        table_name, 'bench', date %(first)s + i, 'bench', %(artists)s, %(artists)s, 0, %(artists)s, 0, ''
    from generate_series(0, %(days)s - 1) as i
    cross join unnest(array['artist_snapshots', 'top_tracks', 'new_releases']) as table_name
"""


@contextmanager
def project(server: str, folder: Path, name: str) -> Iterator[Project]:
    """The dbt project on a fresh database."""
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'create database "{name}"')
    connection.close()
    url = server.replace("@/postgres?", f"@/{name}?")
    connection = psycopg2.connect(url)
    migrate(connection)
    connection.close()
    (folder / name).mkdir()
    made = Project(url, folder / name)
    try:
        for table in TABLES:
            made.execute(f"create table snapshots.{table}_all partition of snapshots.{table} default")
        yield made
    finally:
        made.close()


def fill(made: Project, *, artists: int, tracked: int, first: date, last: date) -> None:
    """Observe every artist on every day, top tracks of some of them, and ten new releases a day."""
    parameters = {"artists": artists, "tracked": tracked, "days": (last - first).days + 1}
    texts = {"first": first.isoformat(), "last": last.isoformat()}
    connection = psycopg2.connect(made.url)
    with connection, connection.cursor() as cursor:
        for statement in (_ARTISTS, _TOP_TRACKS, _NEW_RELEASES, _LEDGER):
            cursor.execute(statement, parameters | texts)
    connection.close()
    made.execute("analyze")


def rest(made: Project) -> None:
    """Vacuum and analyze, as autovacuum has by the next day."""
    connection = psycopg2.connect(made.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    connection.close()


def one_more_day(made: Project) -> float:
    """Build and test the newest day, loaded again; how long it took."""
    for table in ("artist_snapshots", "top_tracks", "new_releases"):
        made.note_loads(table, [("bench", LAST)])
    return timed(lambda: made.dbt("build", "--exclude-resource-type", "unit_test"))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artists", type=int, default=1000)
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--short", type=int, default=30)
    options = parser.parse_args()
    report = Report("marts")
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        server = administrator_url(folder / "home")
        try:
            size = {"artists": options.artists, "tracked": options.artists // 10}
            with project(server, folder, "short") as begun, project(server, folder, "long") as made:
                fill(begun, first=LAST - (options.short - 1) * DAY, last=LAST, **size)
                begun.dbt("build", "--exclude-resource-type", "unit_test")
                fill(made, first=LAST - (options.days - 1) * DAY, last=LAST, **size)
                made.dbt("parse")
                rebuild = timed(lambda: made.dbt("seed")) + timed(lambda: made.dbt("run", "--full-refresh"))
                report.add(
                    f"rebuilding {options.artists:,} artists over {options.days:,} days", rebuild, 180,
                    direction="at most", unit=" s",
                )  # fmt: skip
                for history in (begun, made):
                    rest(history)
                    one_more_day(history)  # the first one reads the project
                rounds = [(one_more_day(begun), one_more_day(made)) for _ in range(5)]
                short, long = median(a for a, _ in rounds), median(b for _, b in rounds)
                report.add(
                    f"one more day after {options.days:,} days / after {options.short}", long / short, 1.3,
                    direction="at most", long_seconds=long, short_seconds=short,
                )  # fmt: skip
                made.execute(LEADERBOARD)
                look = median(timed(lambda: made.execute(LEADERBOARD)) for _ in range(5))
                report.add("a page of the leaderboard", 1000 * look, 50, direction="at most", unit=" ms")
        finally:
            embedded.release(folder / "home")
            remove_home(folder / "home")


if __name__ == "__main__":
    main()
