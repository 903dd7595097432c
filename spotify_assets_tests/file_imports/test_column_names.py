"""What a column is taken for: never for another thing's value, never in silence."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from spotify_assets.contracts.validation import validate
from spotify_assets.erasure.artist import Artist
from spotify_assets.erasure.exchanges import forget
from spotify_assets.file_imports.history import ImportOptions, Prepared, prepare
from spotify_assets.file_imports.layout_files import load_layouts
from spotify_assets.file_imports.reader import ImportProblem
from spotify_assets.ingest.read import parse_landed
from spotify_assets.sources.imported.countries import CODES, market_code

TODAY = date(2026, 11, 20)
A, B = "0TnOYISbd1XYRBk9myas01", "0bAkKNCQfWkexHFn7fIK01"


def bring(
    folder: Path, text: str, table: str | None = None, source: str | None = "mine", **wishes: Any
) -> Prepared:
    path = folder / "a.csv"
    path.write_text(text)
    (one,) = prepare(path, ImportOptions(table, source, **wishes), load_layouts(), today=TODAY)
    return one


def read(one: Prepared) -> tuple[list[Any], list[str]]:
    """The valid records of its only day, and why others are set aside."""
    (day,) = one.days
    entity = {"artist_snapshots": "artists"}.get(one.table, one.table)
    parsed = parse_landed(one.source, entity, [one.exchange(day)])  # type: ignore[arg-type]
    outcome = validate(one.table, one.source, day, parsed.records, parsed.rejected)
    return outcome.rows.to_pylist(), [reason for piece in outcome.quarantined for reason in piece.reasons]


@pytest.mark.parametrize(
    ("table", "header", "mapping", "unused"),
    [
        (
            "artist_snapshots",
            "artist_id,date,Name,POPULARITY,Follower Count,Monthly Listeners",
            {"name": "Name", "popularity": "POPULARITY", "followers": "Follower Count"},
            ("Monthly Listeners",),
        ),
        (
            "artist_snapshots",
            "Artist-Id,Date,id,title,track_popularity,popularity",
            {"artist_id": "Artist-Id", "popularity": "popularity"},
            ("id", "title", "track_popularity"),
        ),
        (
            "track_details",
            "artist_name,track_name,track_id,artist_popularity,track_popularity,date,artist_id,id",
            {
                "track_id": "track_id", "name": "track_name", "popularity": "track_popularity",
                "artist_names": "artist_name",
            },
            ("artist_popularity", "artist_id", "id"),
        ),
        (
            "track_details",
            "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Tags,date",
            {
                "track_id": "Track URI", "name": "Track Name", "album_name": "Album Name",
                "release_date": "Release Date", "duration_ms": "Duration (ms)", "popularity": "Popularity",
                "artist_names": "Artist Name(s)",
            },
            ("Tags",),
        ),
        (
            "new_releases",
            "id,album_name,album_popularity,artist_popularity,date,label",
            {"album_id": "id", "name": "album_name", "popularity": "album_popularity", "label": "label"},
            ("artist_popularity",),
        ),
        (
            "top_tracks",
            "artist_id,id,spotify_id,rank,title,artist_name,region,date",
            {
                "artist_id": "artist_id", "position": "rank", "name": "title",
                "market": {"column": "region", "country": True},
            },
            ("id", "spotify_id", "artist_name"),
        ),
    ],
)  # fmt: skip
def test_a_column_is_the_field_of_what_the_rows_are_about(
    tmp_path: Path, table: str, header: str, mapping: dict[str, Any], unused: tuple[str, ...]
) -> None:
    one = bring(tmp_path, header + "\n", table)
    found = {field: rule for field, rule in one.mapping.items() if field != "observed_at"}
    if table == "artist_snapshots":
        mapping = {"artist_id": header.split(",", maxsplit=1)[0]} | mapping
    assert (found, one.unused) == (mapping, unused)
    assert one.uses()[1] == f"not used: {', '.join(unused)}"


@pytest.mark.parametrize(
    ("table", "header", "words"),
    [
        ("artist_snapshots", "artist_id,date,popularity,popularity", "Two columns may hold popularity"),
        ("artist_snapshots", "artist_id,date,popularity,Popularity", "--map popularity=popularity"),
        (
            "artist_snapshots",
            "artist_id,date,day,popularity",
            "Two columns may hold observed_at: date and day",
        ),
        ("artist_snapshots", "artist_id,date,Beliebtheit", "not used: Beliebtheit"),
        ("track_details", "track_id,date,artist_popularity", "not used: artist_popularity"),
        # the id of whatever stands at a position is nobody's list
        (
            "top_tracks",
            "spotify_id,name,artists,position,country,date,popularity",
            "No column holds artist_id",
        ),
        ("playlist_tracks", "id,position,name,date", "No column holds playlist_id"),
    ],
)
def test_what_nothing_tells_is_asked_for(tmp_path: Path, table: str, header: str, words: str) -> None:
    with pytest.raises(ImportProblem, match=words):
        bring(tmp_path, header + "\n", table)


def test_a_column_of_two_that_is_named_is_taken(tmp_path: Path) -> None:
    text = f"artist_id,date,popularity,popularity\n{A},2026-05-01,5,6\n"
    one = bring(tmp_path, text, "artist_snapshots", columns=("popularity=popularity (2)",))
    assert [row["popularity"] for row in read(one)[0]] == [6]
    assert one.unused == ("popularity",)


def test_what_is_nested_in_a_column_that_is_read_is_used(tmp_path: Path) -> None:
    row = {
        "id": A,
        "date": "2026-05-01",
        "followers": {"total": 1, "href": None},
        "images": [{"url": "x", "width": 6}],
    }
    one = bring(tmp_path, json.dumps(row) + "\n", "artist_snapshots")
    assert set(one.unused) == {"followers.href", "images.width", "images.0.width"}


def test_references_are_reduced_to_ids_and_those_to_other_things_set_aside(tmp_path: Path) -> None:
    links = [
        f"spotify:track:{B}",
        f"https://open.spotify.com/intl-de/track/{B[:-1]}2?si=abc",
        f"{B[:-1]}3",
        f"spotify:artist:{A}",
        "spotify:local:Home+Tape::Demo:201",
        "spotify:track:short",
        f"spotify:episode:{B}",
    ]
    text = "Track URI,Track Name,Artist IDs,date\n" + "".join(
        f"{link},Song,spotify:artist:{A};{A},2026-05-01\n" for link in links
    )
    one = bring(tmp_path, text, "track_details", "spotify", columns=("artist_ids=Artist IDs",))
    rows, reasons = read(one)
    assert [row["track_id"] for row in rows] == [B, f"{B[:-1]}2", f"{B[:-1]}3"]
    assert {tuple(row["artist_ids"]) for row in rows} == {(A, A)}
    assert [reason.split(" names ")[-1] for reason in reasons] == [
        "an artist, not a track", "a local file, which has no id, not a track",
        "track_id: 'spotify:track:short' is damaged: an id has 22 letters and digits",
        "an episode, not a track",
    ]  # fmt: skip
    assert forget(one.exchange(one.days[0]), Artist(A), datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("table", "header", "row", "words"),
    [
        ("track_details", "track_id,name,date", f"{B},Song,2026-05-01", "this is no track id of deezer"),
        ("track_details", "track_id,album_id,date", f"3,{B},2026-05-01", "this is no album id of deezer"),
        (
            "track_details",
            "track_id,artist_ids,date",
            f"3,7;{B},2026-05-01",
            "this is no artist id of deezer",
        ),
        (
            "new_releases",
            "album_id,name,date",
            f"spotify:album:{B},A,2026-05-01",
            "this is no album id of deezer",
        ),
    ],
)
def test_ids_of_every_kind_have_the_form_of_a_live_source(
    tmp_path: Path, table: str, header: str, row: str, words: str
) -> None:
    with pytest.raises(ImportProblem, match=f"line 2: {words}"):
        bring(tmp_path, f"{header}\n{row}\n", table, "deezer")


CHART = (
    "market,date,position,song,artist,popularity,duration_ms,album_type,total_tracks,"
    "release_date,is_explicit\n"
)


def test_charts_of_markets_with_any_name(tmp_path: Path) -> None:
    names = ["south-korea", "South Korea", "south_korea", "united states", "world", "côte d’ivoire", "uk"]
    text = CHART + "".join(
        f"{name},2026-05-01,{place},Song,A,50,1000,album,1,2026-04-01,False\n"
        for place, name in enumerate(names, 1)
    )
    rows, reasons = read(bring(tmp_path, text, source=None))
    assert reasons == []
    korea = ("top-50-south_korea", "KR")
    assert [(row["playlist_id"], row["market"]) for row in rows] == [
        korea, korea, korea, ("top-50-united_states", "US"), ("top-50-world", None),
        ("top-50-cote_d_ivoire", "CI"), ("top-50-uk", "GB"),
    ]  # fmt: skip


def test_every_market_has_one_code() -> None:
    assert {"PT", "KE", "RS", "XK", "KR", "US"} <= set(CODES.values())
    assert all(len(code) == 2 and code.isupper() for code in CODES.values())
    assert [market_code(name) for name in ("El-Salvador", "CÔTE D'IVOIRE", " kr", "Narnia")] == [
        "SV", "CI", "KR", "Narnia",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "artist", ["[Alexandros]", "['68]", '["a"]', "A; B", "A | B", "[1]", "Tyler, The Creator"]
)
def test_a_credit_of_a_chart_is_one_text_whatever_is_in_it(tmp_path: Path, artist: str) -> None:
    quoted = artist.replace('"', '""')
    row = f'uk,2026-05-01,1,Song,"{quoted}",50,1000,album,1,2026-04-01,False\n'
    rows, reasons = read(bring(tmp_path, CHART + row, source=None))
    assert (rows[0]["artist_names"], reasons) == ([artist], [])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[Alexandros]", ["[Alexandros]"]),
        ("[Alexandros]; Aimer", ["[Alexandros]", "Aimer"]),
        ("['Aimer', \"Guns N' Roses\"]", ["Aimer", "Guns N' Roses"]),
        ('["Aimer"]', ["Aimer"]),
        ("[]", []),
        ("['Aimer', 'cut o", None),
        ("[{'name': 'Aimer'}]", None),
    ],
)
def test_a_text_that_begins_with_a_bracket_is_a_list_if_it_is_written_as_one(
    tmp_path: Path, written: str, expected: list[str] | None
) -> None:
    quoted = written.replace('"', '""')
    text = f'date,chart,position,title,artist_names\n2026-05-01,jp,1,Song,"{quoted}"\n'
    rows, reasons = read(bring(tmp_path, text, "playlist_tracks", columns=("playlist_id=chart",)))
    assert [row["artist_names"] for row in rows] == ([] if expected is None else [expected])
    assert [reason[:12] for reason in reasons] == (["artist_names"] if expected is None else [])


@pytest.mark.parametrize("column", ["market", "Market", "country"])
def test_a_market_becomes_its_code_whatever_its_column_is_called(tmp_path: Path, column: str) -> None:
    text = f"artist_id,position,name,{column},date\n" + "".join(
        f"a{number},1,Song,{market},2026-05-01\n" for number, market in enumerate(("UK", "us", "uk", "NA"))
    )
    rows, reasons = read(bring(tmp_path, text, "top_tracks"))
    assert ([row["market"] for row in rows], reasons) == (["GB", "US", "GB", "NA"], [])


@pytest.mark.parametrize("wish", [{"columns": ("market=place",)}, {"values": ("market=uk",)}])
def test_a_market_that_is_said_becomes_its_code_too(tmp_path: Path, wish: dict[str, Any]) -> None:
    text = "artist_id,position,name,place,date\na,1,Song,uk,2026-05-01\n"
    rows, reasons = read(bring(tmp_path, text, "top_tracks", **wish))
    assert ([row["market"] for row in rows], reasons) == (["GB"], [])


def test_a_list_whose_market_is_not_told_is_no_american_one(tmp_path: Path) -> None:
    text = "artist_id,position,name,country,date\na,1,Song,,2026-05-01\na,1,Song,Japan,2026-05-01\n"
    rows, reasons = read(bring(tmp_path, text, "top_tracks"))
    assert ([row["market"] for row in rows], reasons) == (["JP"], ["market is empty"])


@pytest.mark.parametrize(
    "header", ["Followers %", "Followers (+/-)", "+ Followers", "Followers ▲", "± followers"]
)
def test_a_share_or_a_change_is_not_taken_for_the_number(tmp_path: Path, header: str) -> None:
    one = bring(tmp_path, f"artist_id,date,popularity,{header}\n{A},2026-11-01,50,12\n", "artist_snapshots")
    assert "followers" not in one.mapping
    assert one.unused == (header,)


@pytest.mark.parametrize("written", ["12.000", "-5.000", "999.000"])
def test_a_point_before_three_zeros_may_stand_for_thousands_and_is_no_number(
    tmp_path: Path, written: str
) -> None:
    text = f"artist_id;date;followers\n{A};2026-11-01;{written}\n{B};2026-11-01;1234.000\n"
    rows, reasons = read(bring(tmp_path, text, "artist_snapshots"))
    assert [row["followers"] for row in rows] == [1234]
    assert reasons == [f"followers: expected a whole number, got '{written}'"]


@pytest.mark.parametrize("absent", ["NULL", "nan", "None", "N/A", "#N/A", "<NA>", "\\N", "-"])
def test_what_programs_write_for_no_value_is_no_id_and_no_number(tmp_path: Path, absent: str) -> None:
    text = (
        "artist_id,date,position,track_id,isrc,name,popularity\n"
        f"{A},2026-11-01,1,{absent},{absent},{absent},{absent}\n{absent},2026-11-01,1,t,,x,5\n"
    )
    rows, reasons = read(bring(tmp_path, text, "top_tracks"))
    (row,) = rows
    assert [row[name] for name in ("track_id", "isrc", "popularity")] == [None] * 3
    assert row["name"] == absent, "somebody may be called so"
    assert reasons == ["artist_id is empty"]


def test_a_recording_code_is_one_however_it_is_written_and_nothing_else(tmp_path: Path) -> None:
    codes = ["USUM72500001", "us-um7-25-00001", "us um7 25 00001", B]
    rows = [f"{A},2026-11-01,{place},{code},x\n" for place, code in enumerate(codes, 1)]
    found, reasons = read(
        bring(tmp_path, f"artist_id,date,position,isrc,name\n{''.join(rows)}", "top_tracks")
    )
    assert {row["isrc"] for row in found} == {"USUM72500001"}
    assert reasons == [f"isrc: {B!r} is no recording code such as USUM72500001"]


def test_ids_between_commas_are_several_and_what_a_spreadsheet_made_of_one_is_none(tmp_path: Path) -> None:
    text = (
        f'track_id,date,artist_ids,name\nt1,2026-11-01,"{A}, spotify:artist:{B}",x\n'
        "3135556.0,2026-11-01,Foo%2C+Bar,y\n1.23457E+21,2026-11-01,a,z\n"
    )
    rows, reasons = read(bring(tmp_path, text, "track_details"))
    assert [(row["track_id"], row["artist_ids"]) for row in rows] == [
        ("t1", [A, B]), ("3135556", ["Foo%2C+Bar"]),
    ]  # fmt: skip
    assert reasons == ["track_id: '1.23457E+21' is no id any more: a spreadsheet made a number of it"]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-03-01T07:00:00Z", date(2026, 3, 1)),
        ("2026-03-01 00:00:00", date(2026, 3, 1)),
        ("20260301", date(2026, 3, 1)),
        ("0000", None),
        ("NULL", None),
    ],
)
def test_a_release_date_is_read_or_the_row_set_aside(tmp_path: Path, written: str, day: date | None) -> None:
    text = f"album_id,date,name,release_date\na,2026-11-01,x,{written}\nb,2026-11-01,x,01/03/2026\n"
    rows, reasons = read(bring(tmp_path, text, "new_releases"))
    assert [row["release_date"] for row in rows] == [day]
    assert reasons == ["release_date: '01/03/2026' is no date such as 2026-03-01, 2026-03 or 2026"]


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1712011512345", "1711101112"]
)
def test_a_time_beyond_all_times_or_counted_from_1970_is_set_aside_by_its_line(
    tmp_path: Path, written: str
) -> None:
    text = f"artist_id,date,popularity\n{A},{written},5\n{A},2026-11-01,5\n"
    one = bring(tmp_path, text, "artist_snapshots")
    assert one.days == [date(2026, 11, 1)]
    assert [(row.line, written in row.reason) for row in one.unplaced] == [(2, True)]


def test_a_second_column_of_a_name_is_asked_about_or_named(tmp_path: Path) -> None:
    text = f"artist_id,date,popularity,popularity.1\n{A},2026-11-01,5,60\n"
    with pytest.raises(ImportProblem, match=r"Two columns may hold popularity: popularity and popularity\.1"):
        bring(tmp_path, text, "artist_snapshots")
    one = bring(tmp_path, text, "artist_snapshots", columns=("popularity=popularity.1",))
    assert one.unused == ("popularity",)
    one = bring(tmp_path, text, "artist_snapshots", columns=("popularity=popularity",))
    assert one.unused == ("popularity.1",)
