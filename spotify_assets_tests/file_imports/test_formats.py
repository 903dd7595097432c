"""Files of every kind read into the same rows, and a layout says what they mean."""

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.contracts.tables import TABLES
from spotify_assets.erasure.artist import Artist
from spotify_assets.erasure.exchanges import forget
from spotify_assets.file_imports.history import ImportOptions, Prepared, prepare
from spotify_assets.file_imports.layout_files import load_layouts, save_layout
from spotify_assets.file_imports.reader import ImportProblem, find_separator, read_file
from spotify_assets.ingest.read import parse_landed
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.imported.countries import market_code
from spotify_assets.sources.imported.values import name_id, parse_time, raw_value
from spotify_assets.sources.records import Record
from spotify_assets_tests.support.shared import shared_file

TODAY = date(2026, 11, 20)
A, B = "6lcwlkAjBPSKnFBZjjZFJs", "5AyEXCtu3xnnsTGCo4RVZh"
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


def bring(path: Path, text: str | bytes, **wishes: object) -> list[Prepared]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return prepare(path, ImportOptions(**wishes), load_layouts(), today=TODAY)  # type: ignore[arg-type]


def records(one: Prepared) -> list[Record]:
    entity = TABLES[one.table].entity
    return [
        record for day in one.days for record in parse_landed(one.source, entity, [one.exchange(day)]).records
    ]


@given(
    st.sampled_from(",;|\t^~:"),
    st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=20),
)
def test_any_separator_is_found_and_every_field_read_as_written(
    separator: str, rows: list[tuple[str, str, str]]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerows([("day", "id", "name"), *rows])
    assert find_separator(text.getvalue()) == separator


@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=20), packed=st.booleans())
def test_quoted_fields_come_back_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], packed: bool
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("id", "name"), *rows])
    path = tmp_path_factory.mktemp("files") / "a.csv"
    data = text.getvalue().encode("utf-8-sig")
    path.write_bytes(gzip.compress(data) if packed else data)
    assert [tuple(row.values.values()) for row in read_file(path).rows] == rows


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.sampled_from(["%d/%m/%Y", "%Y.%m.%d", "%m-%d-%Y"]))
def test_a_date_in_the_stated_form_is_that_day(day: date, written: str) -> None:
    assert parse_time(day.strftime(written), [written]).date() == day


@given(st.lists(st.text(st.characters(codec="ascii", categories=("Lu", "Ll")), min_size=1, max_size=8)))
def test_lists_read_alike_however_they_are_written(parts: list[str]) -> None:
    rule = {"column": "genres", "list": ","}
    assert (raw_value({"genres": ", ".join(parts)}, rule) or []) == parts
    assert raw_value({"genres": parts}, rule) == parts


def test_json_lines_keep_what_is_nested(tmp_path: Path) -> None:
    line = {
        "id": A, "name": "", "followers": {"total": 7}, "genres": ["pov: indie"], "date": "2025-03-01",
        "images": [{"url": "https://example.org/1"}],
    }  # fmt: skip
    (one,) = bring(
        tmp_path / "a.jsonl.gz",
        gzip.compress(f"{json.dumps(line)}\n\n[1]\n{{broken\n".encode()),
        table="artist_snapshots",
        source="mine",
    )
    (record,) = records(one)
    assert (record.artist_id, record.name, record.followers) == (A, "", 7)  # type: ignore[union-attr]
    assert record.genres == ["pov: indie"]  # type: ignore[union-attr]
    assert record.image_url == "https://example.org/1"  # type: ignore[union-attr]
    assert [row.line for row in one.unplaced] == [3, 4]


def test_a_line_that_says_a_name_twice_is_set_aside(tmp_path: Path) -> None:
    twice = f'{{"id": "{A}", "date": "2025-03-01", "popularity": 1, "popularity": 90}}'
    lines = f"{twice}\n{json.dumps({'id': B, 'date': '2025-03-01', 'popularity': 5})}\n"
    (one,) = bring(tmp_path / "a.jsonl", lines, table="artist_snapshots", source="mine")
    assert [record.artist_id for record in records(one)] == [B]  # type: ignore[union-attr]
    assert [(row.line, "'popularity' twice" in row.reason) for row in one.unplaced] == [(1, True)]


def test_a_playlist_as_spotify_answers_it_reads_without_a_mapping(tmp_path: Path) -> None:
    track = {
        "id": B, "name": "Song", "popularity": 50, "duration_ms": 1000, "explicit": True,
        "artists": [{"id": A, "name": "Alex G"}], "external_ids": {"isrc": "USAAA2500000"},
        "album": {"id": "c", "name": "Album", "release_date": "2020-12"},
    }  # fmt: skip
    line = {"date": "2025-03-01", "playlist_id": "p", "position": 1, "track": track}
    (one,) = bring(tmp_path / "a.jsonl", f"{json.dumps(line)}\n", table="playlist_tracks", source="mine")
    (record,) = records(one)
    found = {
        name: getattr(record, name) for name in ("track_id", "name", "isrc", "album_name", "artist_names")
    }
    assert found == {
        "track_id": B, "name": "Song", "isrc": "USAAA2500000", "album_name": "Album",
        "artist_names": ["Alex G"],
    }  # fmt: skip
    assert (record.release_date, record.release_date_precision) == (date(2020, 12, 1), "month")  # type: ignore[union-attr]
    assert (record.popularity, record.duration_ms, record.explicit) == (50, 1000, True)  # type: ignore[union-attr]


def test_the_place_on_an_album_is_not_taken_for_the_place_in_a_list(tmp_path: Path) -> None:
    text = "track_name,track_number,artist_id,date\nOne,7,a,2025-03-01\n"
    with pytest.raises(ImportProblem, match="No column holds position"):
        bring(tmp_path / "a.csv", text, table="top_tracks", source="mine")


def test_a_purge_finds_an_artist_in_nested_rows(tmp_path: Path) -> None:
    lines = [
        {"artists": [{"id": A}], "id": A, "date": "2025-03-01", "name": "A"},
        {"id": B, "date": "2025-03-01", "name": "B"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (one,) = bring(tmp_path / "a.jsonl", text, table="artist_snapshots", source="mine")
    left = forget(one.exchange(one.days[0]), Artist(A), datetime.now(UTC))
    assert left is not None
    assert json.loads(left.body) == lines[1:]


def test_a_time_in_the_name_and_a_python_list(tmp_path: Path) -> None:
    (one,) = bring(
        tmp_path / "2025_03_01:14_50_28_artists_data.csv",
        f"id,name,genres,popularity,followers,image\n{A},Alex G,\"['pov: indie', 'rock']\",75,100,\n",
    )
    (record,) = records(one)
    assert (one.layout, one.source) == ("artists-data", "artists-data")
    assert record.observed_at == datetime(2025, 3, 1, 14, 50, 28, tzinfo=UTC)
    assert record.genres == ["pov: indie", "rock"]  # type: ignore[union-attr]


HEAD = (
    "track_name,album_name,album_releasedate,album_totaltracks,track_duration,track_popularity,track_number\n"
)


@pytest.mark.parametrize(("name", "values"), [(f"_{A}_top_tracks", ()), ("_top_tracks", (f"artist_id={A}",))])
def test_the_artist_of_a_list_is_told_by_the_name_or_by_hand(
    tmp_path: Path, name: str, values: tuple[str, ...]
) -> None:
    path = tmp_path / f"2025_03_01:14_50_28{name}.csv"
    (one,) = bring(path, HEAD + "One,Album,24/12/2020,9,1000,50,7\nTwo,Album,2019,9,2000,,1\n", values=values)
    first, second = records(one)
    assert [(row.artist_id, row.position) for row in (first, second)] == [(A, 1), (A, 2)]  # type: ignore[union-attr]
    assert (first.release_date, first.release_date_precision) == (date(2020, 12, 24), "day")  # type: ignore[union-attr]
    assert (second.release_date, second.release_date_precision) == (date(2019, 1, 1), "year")  # type: ignore[union-attr]
    assert second.popularity is None  # type: ignore[union-attr]
    assert forget(one.exchange(one.days[0]), Artist(A), datetime.now(UTC)) is None


def test_an_artist_that_nobody_tells_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match="--set artist_id=VALUE"):
        bring(tmp_path / "2025_03_01:14_50_28_top_tracks.csv", HEAD + "One,Album,2020,9,1000,50,7\n")


def test_of_several_lists_of_a_day_the_last_counts_whole(tmp_path: Path) -> None:
    url = "https://open.spotify.com/track/5UWwZ5lm5PKu6eKsHAGxO"
    text = "artist_name,track_name,track_popularity,track_url,timestamp\n" + "".join(
        f"Foo Fighters,{name},50,{url}{name},2025-08-09 0{hour}:00:00\n"
        for hour, names in ((1, "abc"), (2, "ba"))
        for name in names
    )
    (one,) = bring(tmp_path / "a.csv", text)
    parsed = parse_landed(one.source, "top_tracks", [one.exchange(one.days[0])])
    found = [(row.artist_id, row.position, row.name) for row in parsed.records]  # type: ignore[union-attr]
    assert found == [("name:Foo+Fighters", 1, "b"), ("name:Foo+Fighters", 2, "a")]
    assert parsed.superseded == 3
    assert parsed.records[0].track_id == "5UWwZ5lm5PKu6eKsHAGxOb"  # type: ignore[union-attr]
    assert forget(one.exchange(one.days[0]), Artist("name:Foo+Fighters"), datetime.now(UTC)) is None


def test_a_corrected_list_replaces_the_one_of_the_same_moment(tmp_path: Path, landing: Landing) -> None:
    head = "date,artist_id,position,name\n"
    for text in ("2025-03-01,a,1,x\n2025-03-01,a,2,y\n", "2025-03-01,a,1,y\n"):
        (one,) = bring(tmp_path / "a.csv", head + text, table="top_tracks", source="mine")
        one.land(landing, "run")
    parsed = parse_landed("mine", "top_tracks", landing.read("mine", "top_tracks", one.days[0]))
    assert [record.name for record in parsed.records] == ["y"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "artist_id", "fits"),
    [
        ("spotify", A, True), ("spotify", "27", False), ("deezer", "27", True), ("deezer", A, False),
        ("listenbrainz", "a74b1b7f-71a5-4011-9441-d0b5e4122711", True), ("listenbrainz", A, False),
        ("lastfm", "Daft+Punk", True), ("lastfm", name_id("Daft Punk"), False), ("archive", "27", True),
    ],
)  # fmt: skip
def test_ids_that_cannot_be_a_live_sources_are_refused(
    tmp_path: Path, source: str, artist_id: str, fits: bool
) -> None:
    text = f"date,id,name\n2025-03-01,{artist_id},A\n"
    if fits:
        assert bring(tmp_path / "a.csv", text, table="artist_snapshots", source=source)
        return
    with pytest.raises(ImportProblem, match=r"line 2: .* is no artist id of .*--source my-archive"):
        bring(tmp_path / "a.csv", text, table="artist_snapshots", source=source)


@pytest.mark.parametrize("source", ["simulated", "simulated-deezer", "simulated-mine"])
def test_no_file_is_taken_for_simulated(tmp_path: Path, source: str) -> None:
    with pytest.raises(ImportProblem, match="kept for the simulated upstream"):
        bring(tmp_path / "a.csv", "date,id\n2025-03-01,a\n", table="artist_snapshots", source=source)


def test_a_kept_layout_reads_the_next_file_alike(tmp_path: Path) -> None:
    text = 'wann,wer,"pop ""now"""\n01.03.2025,a,5\n'
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.toml").write_text(
        'columns = ["wann"]\n[tables.artist_snapshots]\nartist_id = "wer"\n'
        "popularity = 'pop \"now\"'\nobserved_at = { column = 'wann', format = '%d.%m.%Y' }\n"
    )
    path = tmp_path / "a.csv"
    path.write_text(text)
    (one,) = prepare(path, ImportOptions(), load_layouts(tmp_path / "own"), today=TODAY)
    save_layout(tmp_path / "kept", "again", one.columns, "series", {one.table: one.mapping})
    (again,) = prepare(path, ImportOptions(), load_layouts(tmp_path / "kept"), today=TODAY)
    assert (again.layout, again.source) == ("again", "series")
    assert (again.mapping, again.days) == (one.mapping, one.days) == (one.mapping, [date(2025, 3, 1)])


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("tables = 1", "feeds no table"),
        ("what = 1\n[tables.top_tracks]", "says 'what'"),
        ("[tables.nothing]", "feeds 'nothing'"),
        ("[tables.top_tracks]\nnonsense = 'a'", "fills 'nonsense'"),
        ("[tables.top_tracks]\nname = { colum = 'a' }", "says 'colum'"),
        ("[[", "cannot be read"),
    ],
)
def test_a_layout_that_cannot_be_used_says_what_is_wrong(tmp_path: Path, layout: str, words: str) -> None:
    (tmp_path / "mine.toml").write_text(layout)
    with pytest.raises(ImportProblem, match=words):
        load_layouts(tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\n", '"'])
def test_a_first_line_that_says_the_separator_is_no_header(tmp_path: Path, separator: str, mark: str) -> None:
    told = f"{mark}sep={separator}{mark.strip(chr(0xFEFF) + chr(10))}\r\n"
    text = f"{told}day{separator}id\r\n2026-11-01{separator}x y\r\n"
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    found = read_file(path)
    assert (found.columns, found.rows[0].values) == (("day", "id"), {"day": "2026-11-01", "id": "x y"})
    assert found.rows[0].line == text.count("\n")
    path.write_bytes(told.encode())
    with pytest.raises(ImportProblem, match="is empty"):
        read_file(path)


def test_markets_by_name() -> None:
    assert [market_code(name) for name in ("japan", "USA", "world", "se", "Atlantis")] == [
        "JP", "US", None, "SE", "Atlantis",
    ]  # fmt: skip


CHART = (
    "market,date,position,song,artist,popularity,duration_ms,album_type,total_tracks,release_date,is_explicit"
)
SONGS = (
    "track_id|track_name|track_duration_ms|track_popularity|track_artists|album_id|album_name|"
    "album_release_date|artist_id|acousticness|valence|track_added_ts"
)
INVENTED = {
    "artist-history": (
        "history.csv",
        "ts_utc,date_utc,artist_id,name,popularity,followers\n"
        f"2025-03-01T00:51:55Z,2025-03-01,{A},Paper Lantern,75,1815\n"
        f"2025-03-01T14:50:28Z,2025-03-01,{B},Slow Tide,68,948\n"
        f"2025-03-02T14:50:28Z,2025-03-02,{A},Paper Lantern,76,1819\n",
        [("artist_snapshots", {"2025-03-01": 2, "2025-03-02": 1})],
    ),
    "top-tracks-by-name": (
        "tops.csv",
        '"artist_name","track_name","track_popularity","track_url","timestamp"\n'
        f'"Paper Lantern","One","85","https://open.spotify.com/track/{A}","2025-03-01 00:11:29"\n'
        f'"Paper Lantern","Two","79","https://open.spotify.com/track/{B}","2025-03-01 00:11:29"\n',
        [("top_tracks", {"2025-03-01": 2})],
    ),
    "artists-catalogue": (
        "artists.psv",
        "artist_id|artist_name|artist_popularity|artist_genres|artist_added_ts\n"
        f"{A}|Paper Lantern|74|new wave, uk post-punk|2025-03-01, 08:23:00\n"
        f"{B}|Slow Tide|60||2025-03-02, 08:23:00\n",
        [("artist_snapshots", {"2025-03-01": 1, "2025-03-02": 1})],
    ),
    "daily-charts": (
        "charts.csv",
        f"{CHART}\njapan,2025-03-01,1,青い灯,Paper Lantern,89,213233,single,1,2025-02-12,False\n"
        "usa,2025-03-01,1,Tide,Slow Tide & Guest,78,209777,album,12,2025-02-10,True\n",
        [("playlist_tracks", {"2025-03-01": 2})],
    ),
    "audio-features": (
        "songs.psv",
        f"{SONGS}\n{A}|Tide|213293|47|Slow Tide|{B}|Tides|2022-11-25|{B}|0.003|0.5|2025-03-01, 08:23:00\n",
        [("track_details", {"2025-03-01": 1}), ("audio_features", {"2025-03-01": 1})],
    ),
    "artists-data": (
        "2025_03_01:14_50_28_artists_data.csv",
        f"id,name,genres,popularity,followers,image\n{A},Paper Lantern,\"['new wave']\",74,1815,\n",
        [("artist_snapshots", {"2025-03-01": 1})],
    ),
    "top-tracks-data": (
        f"2025_03_01:14_50_28_{A}_top_tracks_data.csv",
        "track_name,album_name,album_releasedate,album_totaltracks,track_duration,track_popularity,track_number\n"
        "One,First,03/2020,9,201000,85,4\nTwo,First,2020,9,202000,79,1\n",
        [("top_tracks", {"2025-03-01": 2})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", INVENTED)
def test_each_layout_recognises_its_files_and_every_row_has_its_day(tmp_path: Path, layout: str) -> None:
    name, text, expected = INVENTED[layout]
    prepared = bring(tmp_path / name, text)
    assert [(one.layout, one.table, one.unplaced) for one in prepared] == [
        (layout, table, []) for table, _ in expected
    ]
    for one, (_, days) in zip(prepared, expected, strict=True):
        assert {day.isoformat(): len(rows) for day, rows in one.placed.days.items()} == days


def test_genres_belong_to_the_day_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "genres.jsonl"
    text = "".join(
        json.dumps({"id": ident, "name": name, "genres": genres}) + "\n"
        for ident, name, genres in (
            (A, "Paper Lantern", ["new wave"]),
            (B, "Slow Tide", ["drone", "ebb"]),
        )
    )
    with pytest.raises(ImportProblem, match="--set observed_at=YYYY-MM-DD"):
        bring(file, text)
    (one,) = bring(file, text, values=("observed_at=2025-06-30",))
    assert one.days == [date(2025, 6, 30)]
    assert [len(record.genres or ()) for record in records(one)] == [1, 2]  # type: ignore[union-attr]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "layout", "separator", "time"),
    [
        ("artist_snapshots_2_artists.csv", "artist-history", ",", "ts_utc"),
        ("top_tracks_5_artists.csv.gz", "top-tracks-by-name", ",", "timestamp"),
        ("artists_catalogue.psv.gz", "artists-catalogue", "|", "artist_added_ts"),
    ],
)
def test_real_files_are_recognised_and_every_row_has_its_day(
    name: str, layout: str, separator: str, time: str
) -> None:
    path = shared_file(f"real/{name}")
    (one,) = prepare(path, ImportOptions(), load_layouts(), today=TODAY)
    expected = pd.read_csv(path, sep=separator)[time].str[:10].value_counts()
    assert (one.layout, one.rows, one.unplaced) == (layout, expected.sum(), [])
    assert {day.isoformat(): len(rows) for day, rows in one.placed.days.items()} == expected.to_dict()


@pytest.mark.shared
def test_real_genres_belong_to_the_day_that_is_said() -> None:
    path = shared_file("real/artist_genres.jsonl")
    with pytest.raises(ImportProblem, match="--set observed_at=YYYY-MM-DD"):
        prepare(path, ImportOptions(), load_layouts(), today=TODAY)
    (one,) = prepare(path, ImportOptions(values=("observed_at=2025-06-30",)), load_layouts(), today=TODAY)
    assert one.days == [date(2025, 6, 30)]
    assert [len(record.genres or ()) for record in records(one)] == [3, 4]  # type: ignore[union-attr]


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "WINDOWS-1252"])
def test_a_file_in_another_encoding_is_told_how_to_become_utf_8(tmp_path: Path, encoding: str) -> None:
    text = "artist_id,date,name\na,2026-11-01,Élan\n".encode(encoding)
    with pytest.raises(ImportProblem, match=f"iconv -f {encoding} -t UTF-8"):
        bring(tmp_path / "a.csv", text, table="artist_snapshots", source="mine")
