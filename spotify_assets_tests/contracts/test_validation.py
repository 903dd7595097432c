"""A row that breaks a rule goes to quarantine with its reasons, and never stops another."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from spotify_assets.contracts.models import MODELS, arrow_schema
from spotify_assets.contracts.tables import TABLES
from spotify_assets.contracts.validation import _words, validate, violations
from spotify_assets.sources.records import ArtistSnapshot, NewRelease, Rejected, TopTrack

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ARTIST = ArtistSnapshot(
    artist_id="a1",
    requested_id="a1",
    observed_at=NOON,
    name="Ada",
    popularity=50,
    followers=10,
    genres=["pop"],
)
TRACK = TopTrack(market="US", artist_id="a1", position=1, observed_at=NOON, track_id="t1", popularity=3)
RELEASE = NewRelease(album_id="r1", observed_at=NOON, artist_ids=["a1"], artist_names=["Ada"])


def reasons(table: str, record: Any) -> tuple[str, ...]:
    outcome = validate(table, "spotify", DAY, [record])
    assert outcome.rows.num_rows == 0
    (row,) = outcome.quarantined
    return row.reasons


@pytest.mark.parametrize(
    ("table", "record"), [("artist_snapshots", ARTIST), ("top_tracks", TRACK), ("new_releases", RELEASE)]
)
def test_a_good_record_becomes_a_row_of_the_model(table: str, record: Any) -> None:
    outcome = validate(table, "spotify", DAY, [record])
    assert outcome.quarantined == []
    assert outcome.rows.schema == arrow_schema(table)
    (row,) = outcome.rows.to_pylist()
    assert row["snapshot_date"] == DAY
    assert row["source"] == "spotify"
    assert violations(table, outcome.rows) == []


@pytest.mark.parametrize(
    "variable", ["PANDERA_VALIDATION_ENABLED=False", "PANDERA_VALIDATION_DEPTH=SCHEMA_ONLY"]
)
def test_no_variable_of_the_library_switches_rules_off(variable: str) -> None:
    code = (
        "from spotify_assets_tests.contracts.test_validation import *; "
        "print(*reasons('artist_snapshots', replace(ARTIST, popularity=101)))"
    )
    name, _, value = variable.partition("=")
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {name: value},
    )
    assert done.stdout == "popularity: must be at most 100, got 101\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"popularity": 101}, "popularity"),
        ({"popularity": -1}, "popularity"),
        ({"popularity": "50"}, "popularity: expected a whole number, got '50'"),
        ({"popularity": True}, "popularity: expected a whole number"),
        ({"popularity": 50.5}, "popularity: expected a whole number"),
        ({"followers": -1}, "followers"),
        ({"followers": 2**70}, "followers: a whole number that cannot be stored"),
        ({"name": "nul\x00byte"}, "name: no NUL character"),
        ({"name": "\ud800"}, "name: text that cannot be stored"),
        ({"name": "x" * 10_000_000}, "name"),
        ({"name": 7}, "name: expected text"),
        ({"genres": "pop"}, "genres: expected a list of texts"),
        ({"genres": ["pop", None]}, "genres: expected a list of texts"),
        ({"artist_id": ""}, "artist_id"),
        ({"artist_id": "with space"}, "artist_id"),
        ({"artist_id": None}, "artist_id"),
        ({"observed_at": NOON - timedelta(days=1)}, "observed_at lies on snapshot_date"),
        ({"observed_at": NOON + timedelta(hours=12)}, "observed_at lies on snapshot_date"),
    ],
)
def test_a_broken_rule_is_named(change: dict[str, Any], words: str) -> None:
    found = reasons("artist_snapshots", replace(ARTIST, **change))
    assert any(words in reason for reason in found), found
    assert all(len(reason) < 400 for reason in found)


def test_an_inherited_rule_is_named_the_same_in_every_table() -> None:
    early = NOON - timedelta(days=1)
    for table, record in (("artist_snapshots", ARTIST), ("top_tracks", TRACK), ("new_releases", RELEASE)):
        assert reasons(table, replace(record, observed_at=early)) == (
            "observed_at lies on snapshot_date (UTC)",
        )


def test_every_broken_rule_of_a_row_is_named() -> None:
    assert len(reasons("artist_snapshots", replace(ARTIST, popularity=200, followers=-3))) == 2


@pytest.mark.parametrize(
    ("table", "record", "words"),
    [
        ("top_tracks", replace(TRACK, position=0), "position"),
        ("top_tracks", replace(TRACK, market="usa"), "market"),
        ("top_tracks", replace(TRACK, release_date_precision="week"), "release_date_precision"),
        ("top_tracks", replace(TRACK, duration_ms=2**31), "duration_ms"),
        ("new_releases", replace(RELEASE, album_id="\n"), "album_id"),
        ("new_releases", replace(RELEASE, total_tracks=-1), "total_tracks"),
    ],
)
def test_each_table_has_its_own_rules(table: str, record: Any, words: str) -> None:
    assert any(words in reason for reason in reasons(table, record))


def test_what_the_upstream_did_not_tell_stays_null() -> None:
    bare = ArtistSnapshot(artist_id="a1", requested_id="a1", observed_at=NOON)
    (row,) = validate("artist_snapshots", "spotify", DAY, [bare]).rows.to_pylist()
    assert [row[name] for name in ("name", "popularity", "followers", "genres")] == [None] * 4


def test_zero_empty_name_and_no_genres_are_values() -> None:
    removed = replace(ARTIST, popularity=0, followers=0, name="", genres=[])
    (row,) = validate("artist_snapshots", "spotify", DAY, [removed]).rows.to_pylist()
    assert (row["popularity"], row["followers"], row["name"], row["genres"]) == (0, 0, "", [])


def test_a_bad_row_does_not_stop_the_others() -> None:
    outcome = validate(
        "artist_snapshots", "spotify", DAY, [ARTIST, replace(ARTIST, artist_id="a2", popularity=101)]
    )
    assert outcome.rows.column("artist_id").to_pylist() == ["a1"]
    assert len(outcome.quarantined) == 1


def test_the_last_observation_of_the_day_counts() -> None:
    later = replace(ARTIST, popularity=51, observed_at=NOON + timedelta(hours=3))
    outcome = validate("artist_snapshots", "spotify", DAY, [later, ARTIST])
    assert outcome.rows.column("popularity").to_pylist() == [51]
    assert outcome.superseded == 1


def test_an_observation_of_another_day_never_displaces_one_of_the_day() -> None:
    after_midnight = replace(ARTIST, popularity=99, observed_at=NOON + timedelta(hours=12))
    outcome = validate("artist_snapshots", "spotify", DAY, [ARTIST, after_midnight])
    assert outcome.rows.column("popularity").to_pylist() == [50]


def test_a_piece_that_is_no_record_is_kept_whole() -> None:
    outcome = validate("artist_snapshots", "spotify", DAY, [], [Rejected({"odd": 1}, "no artist")])
    (row,) = outcome.quarantined
    assert (row.raw, row.reasons) == ({"odd": 1}, ("no artist",))


def test_violations_of_rows_in_a_table_are_found() -> None:
    rows = validate("artist_snapshots", "spotify", DAY, [ARTIST]).rows
    spoiled = rows.set_column(
        rows.schema.get_field_index("popularity"), "popularity", pa.array([101], pa.int64())
    )
    (violation,) = violations("artist_snapshots", spoiled)
    assert violation.rule.startswith("popularity")
    assert violation.rows == 1


def test_a_key_that_stands_twice_in_a_table_is_found() -> None:
    rows = validate("artist_snapshots", "spotify", DAY, [ARTIST]).rows
    (violation,) = violations("artist_snapshots", pa.concat_tables([rows, rows]))
    assert (violation.rule, violation.rows) == ("no other row has the same key", 2)


def test_every_rule_is_said_in_words() -> None:
    for model in MODELS.values():
        schema = model.to_schema()
        checks = [check for column in schema.columns.values() for check in column.checks]
        for check in [*checks, *schema.checks]:
            assert " " in _words(check.error or check.name), check


def test_every_table_has_a_model() -> None:
    assert set(MODELS) == set(TABLES)
    for name, table in TABLES.items():
        assert set(table.key) <= set(arrow_schema(name).names)
