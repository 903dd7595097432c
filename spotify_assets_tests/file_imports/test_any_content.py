"""Whatever a file or an upstream holds is loaded or set aside with a reason, and costs nobody else's day."""

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from spotify_assets.contracts.models import MODELS, arrow_schema
from spotify_assets.contracts.tables import TABLES
from spotify_assets.contracts.validation import violations
from spotify_assets.ingest.load import load
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported.rows import METHOD, RECORDS
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.support.warehouse import quarantined_rows

DAY = date(2026, 11, 19)
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)

texts = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "nul\x00",
        "\ud800",
        "[",
        "[Alexandros]",
        "a" * 5_000,
        "語" * 900,
        "=1+1",
        "1e999",
        "NaN",
        "\ufeff",
        "\u202e",
    ]
)
numbers = (
    st.integers()
    | st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**400, 1e308, -0.0, float("inf"), float("nan")])
    | st.floats()
)
plain = st.none() | st.booleans() | numbers | texts


@st.composite
def nested(draw: st.DrawFn) -> Any:
    """One value within lists or objects, up to more levels than Python's parser follows."""
    value: Any = draw(plain)
    in_lists = draw(st.booleans())
    for _ in range(draw(st.sampled_from([1, 2, 99, 101, 480, 900]))):
        value = [value] if in_lists else {"": value}
    return value


lists = st.lists(texts, max_size=4) | st.sampled_from([["x"] * 501, ["y" * 1_001], ["語" * 900], ["a\x00b"]])
anything = plain | lists | st.lists(plain, max_size=3) | nested()


@pytest.fixture
def landings(tmp_path: Path) -> Iterator[Landing]:
    """A new lake each time one is asked for."""
    return (Landing(str(tmp_path / str(number))) for number in count())


def imported(table: str, rows: list[dict[str, Any]]) -> Exchange:
    names = [field.name for field in fields(RECORDS[TABLES[table].entity])]
    return Exchange(
        source="archive",
        entity=TABLES[table].entity,
        method=METHOD,
        url="file",
        status=0,
        observed_at=NOON,
        run_id="run",
        body=json.dumps(rows),
        request={"mapping": {name: name for name in names}, "imported_at": NOON.isoformat()},
    )


def good_row(table: str, number: int) -> dict[str, Any]:
    """A row with every key of the table, whose subject nobody else has."""
    row: dict[str, Any] = {
        "observed_at": NOON.isoformat(),
        "position": 1,
        "track_number": 1,
        "market": "US",
        "disc_number": 1,
    }
    row |= {name: f"{name}-{number}" for name in ("artist_id", "album_id", "track_id", "playlist_id")}
    return row if table != "new_releases" else row | {"artist_ids": [], "artist_names": []}


def columns() -> list[tuple[str, str]]:
    ours = {"snapshot_date", "source", "observed_at"}
    return [(table, name) for table in MODELS for name in arrow_schema(table).names if name not in ours]


@pytest.mark.parametrize("table", MODELS)
@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_value_in_any_column_is_loaded_or_set_aside_with_a_reason(
    warehouse: Warehouse, landings: Iterator[Landing], table: str, data: st.DataObject
) -> None:
    names = [name for of, name in columns() if of == table]
    odd = data.draw(st.lists(st.tuples(st.sampled_from(names), anything), min_size=1, max_size=12))
    rows = [good_row(table, number) | {name: value} for number, (name, value) in enumerate(odd)]
    landing = next(landings)
    landing.put("archive", TABLES[table].entity, DAY, "file", [imported(table, [good_row(table, 99), *rows])])
    (loaded,) = load(table, DAY, landing, warehouse, "run")
    entry = loaded.entry
    assert entry.loaded + entry.quarantined + entry.superseded == len(rows) + 1
    standing = read_partition(warehouse, table, DAY)
    assert standing.num_rows == entry.loaded >= 1
    assert violations(table, standing) == []
    quarantined = quarantined_rows(warehouse, table, "archive", DAY)
    assert len(quarantined) == entry.quarantined
    assert all(row.reasons and all(len(reason) < 400 for reason in row.reasons) for row in quarantined)


def artist(number: int) -> dict[str, Any]:
    return {
        "id": f"{number:022}",
        "name": f"Artist {number}",
        "popularity": 50,
        "followers": {"total": 10},
        "genres": ["pop"],
        "images": [{"url": "http://image", "height": 640, "width": 640}],
    }


def test_one_artist_s_value_never_costs_the_others_their_day(
    warehouse: Warehouse, landings: Iterator[Landing]
) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    odd: list[dict[str, Any]] = [
        {"genres": ["ok", "nul\x00genre"]}, {"genres": ["x" * 10_000]}, {"genres": ["x"] * 200_000},
        {"genres": [deep]}, {"name": deep}, {"name": "\ud800"}, {"id": deep}, {"id": {"a": 1}},
        {"id": "a\x00"}, {"images": deep}, {"followers": {"total": deep}}, {"followers": deep},
        {"popularity": 10**400}, {"name": {"deep": deep}},
    ]  # fmt: skip
    artists = [artist(number) for number in range(len(odd) + 3)]
    body = json.dumps(
        {"artists": [one | change for one, change in zip(artists, [*odd, {}, {}, {}], strict=True)]}
    )
    # More digits than Python reads, and more levels than its parser follows.
    body = body.replace('"name": "Artist 15"', '"name": ' + "[" * 200_000 + "]" * 200_000)
    body = body.replace('"name": "Artist 16"', '"name": ' + "9" * 5_000)
    landing = next(landings)
    asked = [one["id"] for one in artists]
    landing.put("spotify", "artists", DAY, "part", [
        Exchange("spotify", "artists", "GET", "/v1/artists", 200, NOON, "run", body, {"ids": asked})
    ])  # fmt: skip
    (loaded,) = load("artist_snapshots", DAY, landing, warehouse, "run")
    assert loaded.entry.requested == len(artists)
    assert loaded.entry.received + len(loaded.entry.missing) + loaded.entry.superseded >= len(artists)
    names = [row["name"] for row in read_partition(warehouse, "artist_snapshots", DAY).to_pylist()]
    assert f"Artist {len(odd)}" in names
    quarantined = quarantined_rows(warehouse, "artist_snapshots", "spotify", DAY)
    assert len(quarantined) >= len(odd) - 1
    reasons = [reason for row in quarantined for reason in row.reasons]
    assert any(reason.startswith("genres: no NUL character") for reason in reasons)
    assert any(reason.startswith("name: expected text, got [[[[") for reason in reasons)
    assert any(reason.startswith("name: must have at most 1000 characters, got '999") for reason in reasons)
