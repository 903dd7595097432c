"""Real input, every file whose layout comes along: recognised, counted as pandas counts, imported once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from spotify_assets_tests.support.command import Installation, contents, query
from spotify_assets_tests.support.shared import shared_file

pytestmark = pytest.mark.slow

START = "2023-05-01"


def test_a_dry_run_says_what_would_come_and_writes_nothing(installation: Installation) -> None:
    file = installation.home / "a.tsv"
    file.write_text(
        "day\tid\tpopularity\n2026-11-01\taaa\t50\n2026-11-01\taaa\t51\n2026-11-02\tbbb\t101\nx\tc\t1\n"
    )
    call = ("import", "artist-snapshots", str(file), "--source", "mine", "--dry-run")
    done = installation.run(*call, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none").succeeded()
    assert "line 5: not imported: column day: " in done.out
    assert "3 of 4 rows, 2 days from 2026-11-01 to 2026-11-02; 2 days are new to the lake" in done.out
    assert "would load: 1 row into artist_snapshots; 1 is replaced" in done.out
    assert "would be set aside: 1 row, for these reasons:" in done.out
    assert "  1 row: popularity: must be at most 100, got 101" in done.out
    assert list(installation.home.iterdir()) == [file]


def test_layouts_are_listed_and_one_of_the_users_own_is_kept(installation: Installation) -> None:
    file = installation.home / "a.csv"
    file.write_text("when,who,pop\n2026-11-01,aaa,5\n")
    call = ("import", "artist-snapshots", str(file), "--source", "mine")
    done = installation.run(
        *call,
        "--map",
        "observed_at=when",
        "--map",
        "artist_id=who",
        "--map",
        "popularity=pop",
        "--save-layout",
        "my-own",
    )
    assert "Layout kept: " in done.succeeded().out
    listed = installation.run("import", "layouts").succeeded().out
    assert all(name in listed for name in ("artists-data", "top-tracks-data", "my-own", "when, who, pop"))
    assert "(layout my-own)" in installation.run("import", str(file), "--dry-run").succeeded().out


def _once_a_day(frame: pd.DataFrame, time: str, artist: str) -> int:
    """Rows that count: of each artist's observations of a day, those of the last moment."""
    moments = pd.to_datetime(frame[time], format="mixed")
    last = moments.groupby([moments.dt.date, frame[artist]]).transform("max")
    return int((moments == last).sum())


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "table", "separator", "time", "artist"),
    [
        ("top_tracks_5_artists.csv.gz", "top_tracks", ",", "timestamp", "artist_name"),
        ("artists_catalogue.psv.gz", "artist_snapshots", "|", "artist_added_ts", "artist_id"),
    ],
)
def test_a_real_file_is_imported_once(
    installation: Installation, database: str, name: str, table: str, separator: str, time: str, artist: str
) -> None:
    path: Path = shared_file(f"real/{name}")
    frame = pd.read_csv(path, sep=separator)
    place = installation.changed(SPOTIFY_ASSETS_START_DATE=START)
    done = place.run("import", str(path)).succeeded()
    assert f"{len(frame):,} of {len(frame):,} rows" in done.out
    loaded = query(database, f"select count(*) from snapshots.{table}")
    assert loaded == [(_once_a_day(frame, time, artist),)]
    books = "select sum(rows_received + rows_superseded), sum(rows_quarantined) from ops.partition_loads"
    assert query(database, books) == [(len(frame), 0)]
    standing = contents(database)
    again = place.run("import", str(path)).succeeded()
    assert "; 0 days are new to the lake" in again.out
    assert contents(database) == standing


@pytest.mark.shared
def test_real_genres_get_the_day_that_is_said(installation: Installation, database: str) -> None:
    path = shared_file("real/artist_genres.jsonl")
    installation.run("import", str(path), "--set", "observed_at=2025-06-30").succeeded()
    found = query(
        database, "select snapshot_date::text, name, cardinality(genres) from snapshots.artist_snapshots"
    )
    assert sorted(found) == [("2025-06-30", "Alex G", 3), ("2025-06-30", "Duster", 4)]


@pytest.mark.shared
def test_real_daily_charts_are_imported_whole(installation: Installation, database: str) -> None:
    path = shared_file("real/top50_daily_3_markets_2023.csv.gz")
    frame = pd.read_csv(path)
    place = installation.changed(SPOTIFY_ASSETS_START_DATE=START)
    place.run("import", str(path)).succeeded()
    found = query(
        database,
        "select market, snapshot_date::text, count(*), sum(popularity) from snapshots.playlist_tracks "
        "group by 1, 2 order by 1, 2",
    )
    by_day = frame.groupby(["market", "date"]).agg(n=("position", "size"), points=("popularity", "sum"))
    assert len(found) == len(by_day)
    japan = [(day, n, points) for market, day, n, points in found if market == "JP"]
    expected = by_day.loc["japan"].reset_index().to_dict("records")
    assert japan == [(row["date"], row["n"], row["points"]) for row in expected]
    assert sum(n for _, _, n, _ in found) == len(frame)
    assert query(database, "select sum(rows_quarantined) from ops.partition_loads") == [(0,)]


@pytest.mark.shared
def test_one_real_file_feeds_two_tables(installation: Installation, database: str) -> None:
    path = shared_file("real/tracks_with_audio_features.psv.gz")
    frame = pd.read_csv(path, sep="|")
    place = installation.changed(SPOTIFY_ASSETS_START_DATE=START)
    place.run("import", str(path)).succeeded()
    for table in ("track_details", "audio_features"):
        counted = query(database, f"select count(*) from snapshots.{table}")
        assert counted == [(frame["track_id"].nunique(),)], table
    ((tempo, popularity),) = query(
        database,
        "select sum(f.tempo)::float8, sum(d.popularity)::float8 from snapshots.audio_features as f "
        "inner join snapshots.track_details as d using (source, track_id)",
    )
    assert tempo == pytest.approx(frame["tempo"].sum())
    assert popularity == frame["track_popularity"].sum()
    standing = contents(database)
    assert "; 0 days are new to the lake" in place.run("import", str(path)).succeeded().out
    assert contents(database) == standing
