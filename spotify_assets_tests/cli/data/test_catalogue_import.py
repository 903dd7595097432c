"""Real input, genres: a catalogue of artists is imported, and its genres are those that the file tells."""

from __future__ import annotations

import csv
import gzip
from datetime import date, datetime
from pathlib import Path

import pytest

from spotify_assets_tests.dbt.artists.test_genres import KEY, genre_trends, without_fingerprint
from spotify_assets_tests.support.command import Installation, records
from spotify_assets_tests.support.marts import profiles
from spotify_assets_tests.support.oracles import artists as reference
from spotify_assets_tests.support.shared import shared_file

pytestmark = [pytest.mark.slow, pytest.mark.shared]

HISTORY_KEY = ("source", "artist_id", "valid_from")


@pytest.fixture
def catalogue() -> Path:
    return shared_file("real/artists_catalogue.psv.gz")


@pytest.mark.timeout(600)
def test_genres_of_a_real_catalogue(installation: Installation, database: str, catalogue: Path) -> None:
    """The file's own last word on each artist and day, through the command line."""
    installation = installation.changed(SPOTIFY_ASSETS_START_DATE="2023-07-01")
    installation.run(
        "import", "artist-snapshots", str(catalogue), "--source", "catalogue", seconds=500
    ).succeeded()
    with gzip.open(catalogue, "rt", encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file, delimiter="|"))
    last: dict[tuple[date, str], tuple[datetime, dict[str, str]]] = {}
    for row in listed:
        moment = datetime.strptime(row["artist_added_ts"], "%Y-%m-%d, %H:%M:%S")
        key = (moment.date(), row["artist_id"])
        if key not in last or moment >= last[key][0]:
            last[key] = (moment, row)
    seen = [
        {
            "source": "catalogue",
            "artist_id": artist_id,
            "snapshot_date": day,
            "name": row["artist_name"],
            "genres": row["artist_genres"].split(","),
            "image_url": None,
            "popularity": int(row["artist_popularity"]),
        }
        for (day, artist_id), (_, row) in last.items()
    ]
    history = records(database, "select * from marts.dim_artist")
    assert reference.differences(history, profiles.histories(seen, {}), HISTORY_KEY) == []
    actual = without_fingerprint(records(database, "select * from marts.genre_trends"))
    assert reference.differences(actual, genre_trends(seen, {}), KEY) == []
    assert sum(row["median_popularity"] is not None for row in actual) > 100
    assert {row["follower_growth_28_days"] for row in actual} == {None}
