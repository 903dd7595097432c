"""Why a column is empty: nothing is claimed that the day's answers do not show."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from spotify_assets.contracts.models import arrow_schema
from spotify_assets.ingest.absent import absent_columns
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported.rows import METHOD
from spotify_assets.sources.reasons.reason import Reason, ReasonCode


def answer(body: str, source: str, method: str = "GET") -> Exchange:
    return Exchange(source, "artists", method, "/", 200, datetime(2026, 11, 20, tzinfo=UTC), "run", body)


def one_row(table: str, **values: object) -> pa.Table:
    schema = arrow_schema(table)
    return pa.table({name: pa.array([values.get(name)], schema.field(name).type) for name in schema.names})


@pytest.mark.parametrize(
    ("source", "table", "column", "body", "code"),
    [
        ("spotify", "artist_snapshots", "popularity", '{"artists":[{"id":"a"}]}', "withheld"),
        ("spotify", "artist_snapshots", "popularity", '{"artists":[{"popularity":null}]}', "no_values"),
        ("simulated", "artist_snapshots", "followers", '{"id":"a"}', "withheld"),
        ("spotify", "artist_snapshots", "plays", "{}", "not_published"),
        ("spotify", "new_releases", "label", '{"albums":{"items":[{"id":"a"}]}}', "not_told"),
        ("spotify", "top_tracks", "isrc", '{"tracks":[{"external_ids":{}}]}', "no_values"),
        ("deezer", "artist_snapshots", "followers", '{"id":27}', "no_values"),
        ("deezer", "artist_snapshots", "popularity", '{"id":27}', "not_published"),
        ("simulated-listenbrainz", "artist_snapshots", "followers", "[]", "not_published"),
    ],
)
def test_a_reason_for_each_empty_column(source: str, table: str, column: str, body: str, code: str) -> None:
    assert absent_columns(source, table, one_row(table), [answer(body, source)])[column] == Reason(
        ReasonCode(code)
    )


def test_a_column_with_a_value_is_not_absent_and_nothing_is_said_of_no_rows() -> None:
    rows = one_row("artist_snapshots", popularity=0)
    assert "popularity" not in absent_columns("spotify", "artist_snapshots", rows, [answer("{}", "spotify")])
    assert absent_columns("spotify", "artist_snapshots", rows.slice(0, 0), []) == {}


def test_a_file_is_not_blamed_on_an_app() -> None:
    rows = one_row("artist_snapshots", popularity=5)
    found = absent_columns("spotify", "artist_snapshots", rows, [answer("{}", "spotify", METHOD)])
    assert found["followers"] == Reason(ReasonCode.NOT_IN_FILE)
