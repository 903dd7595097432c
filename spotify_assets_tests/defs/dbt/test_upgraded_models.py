"""After the models have changed, the first build is of all history; otherwise a run builds its days only."""

import json
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.defs.resources import manifest_path
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.model_builds import book_build, must_rebuild, version_of
from spotify_assets_tests.support.command import change, contents, query
from spotify_assets_tests.support.running import run

DAYS = ("2026-11-01", "2026-11-02")
ONE = ["marts/dim_date"]
SOME_MART = """
select ops.claim_relations('[["marts", "some_mart"]]');
create table marts.some_mart (n integer);
"""


def test_a_version_changes_with_what_decides_the_rows_and_with_nothing_else(tmp_path: Path) -> None:
    manifest = json.loads(manifest_path().read_text())
    copy = tmp_path / "manifest.json"

    def version() -> str:
        copy.write_text(json.dumps(manifest))
        return version_of(copy)

    first = version()
    assert first == version_of(manifest_path())
    manifest["metadata"]["generated_at"] = "later"
    model = manifest["nodes"]["model.spotify_assets.int_song_days"]
    model["description"] = "Said better."
    assert version() == first
    model["checksum"]["checksum"] = "another"
    second = version()
    manifest["macros"]["macro.spotify_assets.window_from"]["macro_sql"] = "another"
    third = version()
    manifest["nodes"]["seed.spotify_assets.thresholds"]["checksum"]["checksum"] = "another"
    assert len({first, second, third, version()}) == 4


def test_where_nothing_stands_nothing_is_rebuilt(warehouse: Warehouse) -> None:
    assert not must_rebuild(warehouse, "first")
    url = warehouse.url.get_secret_value()
    change(url, SOME_MART)
    assert not must_rebuild(warehouse, "first")
    assert must_rebuild(warehouse, "second")
    book_build(warehouse, "second")
    assert not must_rebuild(warehouse, "second")
    assert must_rebuild(warehouse, "first"), "going back is a change as well"


def test_a_database_from_before_versions_were_kept_is_rebuilt(warehouse: Warehouse) -> None:
    change(warehouse.url.get_secret_value(), SOME_MART)
    assert must_rebuild(warehouse, "first")


@pytest.mark.slow
def test_the_first_run_after_an_upgrade_heals_every_day(
    simulated: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    url = warehouse.url.get_secret_value()
    for ident in Catalogue(artists=60).artist_ids(5):
        values = f"('simulated', '{ident}', 'test')"
        change(url, f"insert into ops.watchlist (source, artist_id, added_by) values {values}")
    assert run(simulated, instance, DAYS, []).success
    as_built = contents(url)
    assert len(query(url, "select * from ops.model_builds")) == 1
    # What an earlier version left: other values, and a table where there is a view now.
    change(url, "update intermediate.int_artist_days set popularity = 1 where snapshot_date = '2026-11-01'")
    change(url, "update marts.artist_popularity_trend set value = 1 where snapshot_date = '2026-11-01'")
    change(url, "drop view intermediate.int_top_track_entries cascade")
    change(url, "create table intermediate.int_top_track_entries as select 1 as old")
    change(url, "update ops.model_builds set version = 'an earlier one'")
    assert contents(url) != as_built
    assert run(simulated, instance, DAYS[1:], ONE).success
    assert contents(url) == as_built
    assert not must_rebuild(warehouse, version_of(manifest_path()))
