"""Real runs: rule 1, ranges, checks and what is shown of each day."""

import dagster as dg
import httpx
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.ingestion.checks.catalogue import CHECKS
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.support.clocks.timeline import StoppedClock
from spotify_assets_tests.support.running import materialized, run

INGEST = ["landing/raw_artists", "snapshots/artist_snapshots"]
ON_THE_DAY = StoppedClock("2026-11-10T12:00")
LATER = StoppedClock("2026-11-12T12:00")
SNAPSHOT = dg.AssetKey(["snapshots", "artist_snapshots"])


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


def break_contract(warehouse: Warehouse, artist: str, day: str) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "update snapshots.artist_snapshots set popularity = 101 where artist_id = %s "
            "and snapshot_date = %s",
            (artist, day),
        )
        connection.commit()


def check_again(
    settings: Settings, instance: dg.DagsterInstance, check: str, tags: dict[str, str]
) -> dg.ExecuteInProcessResult:
    """Run one check alone, as the button beside it in the web UI does."""
    definitions = build_definitions(settings)
    job = definitions.resolve_implicit_global_asset_job_def()
    alone = job.get_subset(asset_selection=set(), asset_check_selection={dg.AssetCheckKey(SNAPSHOT, check)})
    return alone.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def verdicts(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], bool]:
    """Whether each check of the loaded table passed, by name and day."""
    names = {check.name for check in CHECKS}
    checks = [check for check in result.get_asset_check_evaluations() if check.check_name in names]
    assert all(check.asset_key == SNAPSHOT for check in checks)
    return {(check.check_name, check.partition): check.passed for check in checks}


def test_each_check_can_be_run_alone_over_a_day_or_a_range(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    days = ["2026-11-01", "2026-11-02", "2026-11-03"]
    first = run(simulated, instance, [days[0], days[-1]], INGEST)
    names = {check.name for check in CHECKS}
    assert verdicts(first) == {(name, day): True for name in names for day in days}, "each day has its own"
    of_checks = [
        event.step_key
        for event in first.all_events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    assert {step for step in of_checks if step and "snapshots" in step} == {"check_artist_snapshots"}, (
        "one step"
    )

    break_contract(warehouse, tracked[0], days[1])
    of_a_day = check_again(simulated, instance, "contract", {"dagster/partition": days[1]})
    assert not of_a_day.success
    assert verdicts(of_a_day) == {("contract", days[1]): False}
    (evaluation,) = of_a_day.get_asset_check_evaluations()
    assert (evaluation.severity, evaluation.blocking) == (dg.AssetCheckSeverity.ERROR, True)
    assert evaluation.description == "1 rule is broken; see broken_rules"
    assert "popularity" in str(evaluation.metadata["broken_rules"])
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[2]}
    of_a_range = check_again(simulated, instance, "contract", tags)
    assert verdicts(of_a_range) == {("contract", day): day != days[1] for day in days}
    newest = check_again(simulated, instance, "completeness", {})
    assert verdicts(newest) == {("completeness", days[2]): True}


def test_the_records_have_a_verdict_on_the_newest_materialization_of_each_day(
    simulated: Settings, instance: dg.DagsterInstance, tracked: list[str]
) -> None:
    assert run(simulated, instance, ["2026-11-01", "2026-11-03"], INGEST).success
    records = instance.event_log_storage.get_asset_check_partition_info(
        [dg.AssetCheckKey(SNAPSHOT, check.name) for check in CHECKS]
    )
    assert len(records) == 3 * len(CHECKS)
    assert all(
        record.is_current and record.latest_execution_status.value == "SUCCEEDED" for record in records
    )


def test_a_table_that_breaks_its_contract_is_not_built_upon(
    simulated: Settings, instance: dg.DagsterInstance, warehouse: Warehouse, tracked: list[str]
) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "create function spoil() returns trigger language plpgsql as "
            "'begin new.popularity := 101; return new; end'"
        )
        cursor.execute(
            "create trigger spoil before insert on snapshots.artist_snapshots "
            "for each row execute function spoil()"
        )
        connection.commit()
    result = run(simulated, instance, ["2026-11-01"], [*INGEST, "staging/stg_artist_snapshots"])
    assert not result.success
    assert {event.step_key for event in result.all_events if event.is_step_failure} == {
        "check_artist_snapshots"
    }
    failed = {name for (name, _), passed in verdicts(result).items() if not passed}
    assert failed == {"contract"}, "the others are asked all the same"
    assert not materialized(instance, "staging/stg_artist_snapshots")


def test_days_that_are_loaded_are_checked_though_others_fail(
    live: Settings, instance: dg.DagsterInstance, tracked: list[str]
) -> None:
    assert run(live, instance, ["2026-11-10"], INGEST, ON_THE_DAY).success
    result = run(live, instance, ["2026-11-10", "2026-11-11"], INGEST[1:], LATER)
    assert not result.success
    found = verdicts(result)
    assert {name for name, day in found if day == "2026-11-10"} == {check.name for check in CHECKS}
    assert all(found.values())
    assert "2026-11-11" not in {day for _, day in found}


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
    shown = materialized(instance, "marts/artist_popularity_trend")[""]
    assert shown["dagster/row_count"] == 9 * len(tracked) * 2
    assert shown["first_day_rebuilt"] == "all days"
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
