"""Real runs: rule 1, ranges, checks and what is shown of each day."""

import dagster as dg
import httpx
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.support.clocks.timeline import StoppedClock
from spotify_assets_tests.support.running import materialized, run

INGEST = ["landing/raw_artists", "snapshots/artist_snapshots"]
ON_THE_DAY = StoppedClock("2026-11-10T12:00")
LATER = StoppedClock("2026-11-12T12:00")


@pytest.fixture
def tracked(warehouse: Warehouse) -> list[str]:
    artists = Catalogue(artists=60, quirks=False).artist_ids(5)
    for source in ("spotify", "simulated"):
        watchlist.add_many(warehouse, source, [(artist, None) for artist in artists], added_by="test")
    return artists


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data
    assert data.user_failure_data is not None
    return data.user_failure_data.description or ""


def test_a_past_day_of_a_live_source_is_replayed(
    live: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str], simulator: str
) -> None:
    assert run(live, instance, ["2026-11-10"], INGEST, ON_THE_DAY).success
    standing = read_partition(warehouse, "artist_snapshots", ON_THE_DAY.at.date())
    asked = httpx.get(f"{simulator}/_simulator/requests").json()["total"]

    assert run(live, instance, ["2026-11-10"], INGEST, LATER).success
    assert httpx.get(f"{simulator}/_simulator/requests").json()["total"] == asked
    assert read_partition(warehouse, "artist_snapshots", ON_THE_DAY.at.date()).equals(standing)
    assert materialized(instance, "landing/raw_artists")["2026-11-10"]["replayed"] is True


def test_a_lost_day_fails_naming_day_and_import_and_leaves_the_table(
    live: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    result = run(live, instance, ["2026-11-10"], INGEST, LATER)
    assert not result.success
    assert "2026-11-10 is lost" in failure(result)
    assert "spotify-assets import artist-snapshots FILE" in failure(result)
    assert read_partition(warehouse, "artist_snapshots", ON_THE_DAY.at.date()).num_rows == 0
    assert materialized(instance, "snapshots/artist_snapshots") == {}


def test_a_lost_day_in_a_range_is_named_and_the_others_are_kept(
    live: Settings, instance: dg.DagsterInstance, tracked: list[str]
) -> None:
    assert run(live, instance, ["2026-11-10"], INGEST, ON_THE_DAY).success
    result = run(live, instance, ["2026-11-10", "2026-11-12"], INGEST[:1], LATER)
    assert not result.success
    assert "1 of 3 days failed. 2026-11-11 is lost" in failure(result)
    assert sorted(materialized(instance, INGEST[0])) == ["2026-11-10", "2026-11-12"]


def test_a_range_is_one_run_and_shows_each_day_its_own_metadata(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    days = ["2026-11-01", "2026-11-06"]
    result = run(simulated, instance, days, INGEST)
    assert result.success
    shown = materialized(instance, "snapshots/artist_snapshots")
    assert sorted(shown) == [f"2026-11-0{number}" for number in range(1, 7)]
    for metadata in shown.values():
        assert metadata["dagster/partition_row_count"] == 5
        assert metadata["missing"] == metadata["quarantined"] == 0
        assert "SIMULATED" in str(metadata["note"])
        assert {"popularity_spread", "seconds", "requested"} <= set(metadata)
    landed = materialized(instance, "landing/raw_artists")
    assert all({"api_calls", "responses_landed", "retries", "seconds"} <= set(one) for one in landed.values())


def test_checks_pass_on_good_data_and_completeness_warns_of_a_missing_artist(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    watchlist.add(warehouse, "simulated", "0" * 22)
    result = run(simulated, instance, ["2026-11-01"], INGEST)
    assert result.success, "a warning blocks nothing"
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["contract"].passed
    assert not checks["completeness"].passed
    assert checks["completeness"].severity == dg.AssetCheckSeverity.WARN
    shown = materialized(instance, "snapshots/artist_snapshots")["2026-11-01"]
    assert shown["missing"] == 1
    assert "ops.current_partition_loads" in str(shown["show_missing"])
    assert "0" * 22 not in str(shown) + str(checks["completeness"].metadata)


def test_a_row_changed_behind_our_back_breaks_the_contract(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    from datetime import date

    from spotify_assets.contracts.tables import TABLES
    from spotify_assets.defs.ingestion.checks.contract import check_contract

    assert run(simulated, instance, ["2026-11-01"], INGEST).success
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "update snapshots.artist_snapshots set popularity = 101 where artist_id = %s", (tracked[0],)
        )
        connection.commit()
    key = dg.AssetKey(["snapshots", "artist_snapshots"])
    result = check_contract(TABLES["artist_snapshots"], key, [date(2026, 11, 1)], warehouse)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR
    assert "popularity" in str(result.metadata["broken_rules"])


def test_nobody_tracked_fails_with_the_next_step(simulated: Settings, instance: dg.DagsterInstance) -> None:
    result = run(simulated, instance, ["2026-11-01"], INGEST)
    assert not result.success
    assert "spotify-assets watch add" in failure(result)


def test_new_releases_need_no_watchlist(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    result = run(simulated, instance, ["2026-11-01"], ["landing/raw_new_releases", "snapshots/new_releases"])
    assert result.success
    assert materialized(instance, "snapshots/new_releases")


def test_the_whole_graph_builds_its_marts(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    result = run(simulated, instance, ["2026-11-01", "2026-11-09"], [])
    assert result.success
    assert max(materialized(instance, "marts/artist_popularity_trend")) == "2026-11-09"
    checks = result.get_asset_check_evaluations()
    assert len(checks) > 20
    assert not [(c.asset_key, c.check_name, c.description) for c in checks if not c.passed]
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(average_7_days) from marts.artist_popularity_trend "
            "where metric = 'popularity'"
        )
        assert cursor.fetchone() == (9 * len(tracked), 5 * len(tracked))
        cursor.execute("select count(*) from marts.track_popularity_trend")
        assert cursor.fetchone() != (0,)
        cursor.execute("select count(*) from marts.new_release_radar")
        assert cursor.fetchone() != (0,)


def test_settings_handed_over_win_over_the_environment(
    simulated: Settings, instance: dg.DagsterInstance, tracked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"):
        monkeypatch.setenv(name, "set")
    for name in ("SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert run(simulated, instance, ["2026-11-01"], INGEST).success
    assert materialized(instance, INGEST[0])["2026-11-01"]["source"] == "simulated"
