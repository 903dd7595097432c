"""Past observations land under the day they were made, once, and load like any other day."""

import bz2
import csv
import gzip
import lzma
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from spotify_assets.file_imports.history import ImportOptions, Prepared, prepare
from spotify_assets.file_imports.layout_files import load_layouts
from spotify_assets.file_imports.mapping import choose_columns
from spotify_assets.file_imports.reader import ImportProblem
from spotify_assets.ingest.load import load_source
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.imported.values import parse_time
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.shared import shared_file

TODAY = date(2026, 11, 20)


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def bring(
    path: Path,
    landing: Landing,
    source: str = "archive",
    *,
    wanted: Sequence[str] = (),
    earliest: date | None = None,
) -> tuple[Prepared, int]:
    """The file as landed, and on how many days it landed something new."""
    wishes = ImportOptions("artist_snapshots", source, columns=tuple(wanted))
    (prepared,) = prepare(path, wishes, load_layouts(), today=TODAY, earliest=earliest)
    return prepared, prepared.land(landing, "run")


def test_rows_land_by_the_day_they_were_observed_on(
    tmp_path: Path, landing: Landing, warehouse: Warehouse
) -> None:
    file = write(
        tmp_path / "a.csv",
        "ts,artist_id,name,popularity,followers\n"
        "2025-03-01T23:59:59Z,a,Ada,10,100\n"
        "2025-03-02T00:00:01Z,a,Ada,11,\n"
        "2025-03-02T23:30:00-02:00,a,Ada,12,102\n"
        "2025-03-05,a,Ada,13,103\n",
    )
    imported, _ = bring(file, landing, wanted=["observed_at=ts"])
    assert imported.days == [date(2025, 3, day) for day in (1, 2, 3, 5)]
    for day in imported.days:
        load_source("artist_snapshots", "archive", day, landing, warehouse, "run")
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select snapshot_date, popularity, followers from snapshots.artist_snapshots order by 1"
        )
        rows = cursor.fetchall()
    assert rows == [
        (date(2025, 3, 1), 10, 100),
        (date(2025, 3, 2), 11, None),
        (date(2025, 3, 3), 12, 102),
        (date(2025, 3, 5), 13, 103),
    ]


def test_the_same_file_again_lands_nothing(tmp_path: Path, landing: Landing) -> None:
    file = write(tmp_path / "a.csv", "date,id,popularity\n2025-03-01,a,10\n")
    assert bring(file, landing)[1] == 1
    assert bring(file, landing)[1] == 0
    assert len(landing.read("archive", "artists", date(2025, 3, 1))) == 1


def test_a_row_that_breaks_the_contract_is_quarantined_with_its_reason(
    tmp_path: Path, landing: Landing, warehouse: Warehouse
) -> None:
    file = write(
        tmp_path / "a.csv", "date,id,popularity\n2025-03-01,a,10\n2025-03-01,b,many\n2025-03-01,,3\n"
    )
    bring(file, landing)
    loaded = load_source("artist_snapshots", "archive", date(2025, 3, 1), landing, warehouse, "run")
    assert loaded is not None
    assert (loaded.entry.loaded, loaded.entry.quarantined) == (1, 2)


def test_a_row_without_a_usable_time_is_named_by_its_line(tmp_path: Path, landing: Landing) -> None:
    file = write(
        tmp_path / "a.csv",
        "date,id,popularity\n2025-03-01,a,10\nyesterday,a,11\n2027-01-01,a,12\n2025-03-02,a\n2025-03-03,a,1,2\n",
    )
    imported, _ = bring(file, landing)
    assert imported.days == [date(2025, 3, 1)]
    assert [row.line for row in imported.unplaced] == [3, 4, 5, 6]
    assert "2027-01-01 has not come yet" in imported.unplaced[1].reason


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("", {}, "is empty"),
        ("when,who\n1,2\n", {}, "No column holds observed_at. Name it: --map observed_at=COLUMN"),
        ("date,who\n2025-03-01,2\n", {}, "No column holds artist_id"),
        ("date,id\n2025-03-01,a\n", {"wanted": ["popularity=pop"]}, "--map popularity=pop cannot be used"),
        ("date,id\n2025-03-01,a\n", {}, "No column holds anything that could be loaded"),
        ("date,id\n2025-03-01,a\n", {"wanted": ["nonsense"]}, "--map nonsense cannot be used"),
        ("date,id\n2025-03-01,a\n", {"source": "simulated"}, "kept for the simulated upstream"),
        ("date,id\n2025-03-01,a\n", {"source": "My Source"}, "cannot name a source"),
        (
            "date,id,name\n2020-03-01,a,A\n",
            {"earliest": date(2024, 1, 1)},
            "SPOTIFY_ASSETS_START_DATE=2020-03-01",
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_what_to_do_and_lands_nothing(
    tmp_path: Path, landing: Landing, text: str, more: dict[str, object], words: str
) -> None:
    with pytest.raises(ImportProblem) as error:
        bring(write(tmp_path / "a.csv", text), landing, **{"source": "archive", **more})  # type: ignore[arg-type]
    assert words in str(error.value)
    assert not list(tmp_path.rglob("*.jsonl.gz"))


def test_text_that_is_no_utf8_is_refused(tmp_path: Path, landing: Landing) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"date,id\n2025-03-01,\xff\xfe\n")
    with pytest.raises(ImportProblem, match="not UTF-8"):
        bring(file, landing)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_text_in_unicode_is_read_by_its_mark(tmp_path: Path, landing: Landing, encoding: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes("date,id,name\n2025-03-01,a,Bj\xf6rk\n".encode(encoding))
    assert bring(file, landing)[0].days == [date(2025, 3, 1)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("date,id\n2025-03-01,a\n".encode("utf-16-le"), "UTF-16"),
        (bz2.compress(b"date,id\n"), "bzip2"),
        (lzma.compress(b"date,id\n"), "xz"),
        (gzip.compress(lzma.compress(b"date,id\n"), mtime=0), "xz"),
        (b"PK\x03\x04\x14\0", "xlsx"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"date.csv".ljust(257, b"\0") + b"ustar  \0", "tar"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, landing: Landing, data: bytes, words: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(data)
    with pytest.raises(ImportProblem, match=words):
        bring(file, landing)


def test_gzip_other_separators_and_quotes(tmp_path: Path, landing: Landing) -> None:
    file = tmp_path / "a.tsv.gz"
    file.write_bytes(
        gzip.compress('date\tid\tname\n2025-03-01\ta\t"Ada ""the\nfirst"""\n'.encode("utf-8-sig"))
    )
    assert bring(file, landing)[0].days == [date(2025, 3, 1)]


def test_a_mapping_is_understood_both_ways_round() -> None:
    columns = ["when", "who", "pop"]
    expected = {"observed_at": "when", "artist_id": "who", "popularity": "pop"}
    for wanted in (
        ["observed_at=when", "artist_id=who", "popularity=pop"],
        ["when=observed_at", "who=artist_id", "pop=popularity"],
    ):
        assert choose_columns("artists", columns, wanted) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-01", datetime(2025, 3, 1, 12, tzinfo=UTC)),
        ("2025-03-01 04:05:06", datetime(2025, 3, 1, 4, 5, 6, tzinfo=UTC)),
        ("2025-03-01T04:05:06Z", datetime(2025, 3, 1, 4, 5, 6, tzinfo=UTC)),
        ("2025-03-01T00:30:00+02:00", datetime(2025, 2, 28, 22, 30, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_utc(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


@pytest.mark.shared
def test_a_real_archive_lands_every_row_of_every_day(landing: Landing) -> None:
    file = shared_file("real/artist_snapshots_2_artists.csv")
    with file.open(newline="") as handle:
        days = Counter(date.fromisoformat(row["date_utc"]) for row in csv.DictReader(handle))
    imported, _ = bring(file, landing, source="arthistory")
    assert imported.rows == sum(days.values()) == 868
    assert imported.days == sorted(days)
    assert imported.unplaced == []
    assert imported.mapping["observed_at"] == "ts_utc"
