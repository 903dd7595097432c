"""Freshness and gaps, as their job runs them: also when nothing was loaded, and not with the daily run."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.monitoring.daily_checks import CHECK_PLATFORM
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LoadSummary
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets_tests.support.clocks.timeline import StoppedClock
from spotify_assets_tests.support.warehouse import artists, load

TABLE = "artist_snapshots"


@pytest.fixture
def watched(warehouse: Warehouse) -> None:
    watchlist.add(warehouse, "simulated", "a" * 22)
    execute(warehouse, "update ops.watchlist set added_at = '2026-11-01 08:00+00'")


def execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()


def observe(warehouse: Warehouse, *days: int, source: str = "simulated") -> None:
    for number in days:
        day = date(2026, 11, number)
        rows = artists(["a" * 22], day=day, source=source)
        load(warehouse, rows, day=day, source=source)


def nothing_came(warehouse: Warehouse, number: int, missing: dict[str, Reason]) -> None:
    """Book a day on which all that was asked for is missing."""
    day = date(2026, 11, number)
    replace_partition(
        warehouse,
        table=TABLE,
        source="simulated",
        day=day,
        rows=artists([], day=day),
        quarantined=[],
        load=LoadSummary(len(missing), 0, missing),
    )


def check(settings: Settings, now: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Run the job at a moment; the outcomes for artists, by name."""
    definitions = build_definitions(settings, {"clock": StoppedClock(now)})
    job = definitions.resolve_job_def(CHECK_PLATFORM)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(instance=instance)
    assert result.success
    found = result.get_asset_check_evaluations()
    assert len(found) == 6, "two for each of the tables that are observed daily"
    assert {one.severity for one in found} == {dg.AssetCheckSeverity.WARN}
    return {one.check_name: one for one in found if one.asset_key.path[-1] == TABLE}


def says(one: dg.AssetCheckEvaluation) -> str:
    return one.description or ""


def test_a_day_that_is_there_in_time_is_fresh(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 19, 20)
    found = check(settings, "2026-11-20T13:00")["freshness"]
    assert found.passed
    assert says(found) == "2026-11-20 is observed: simulated."


def test_a_late_day_names_the_last_one_and_what_saves_it(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 17, 18)
    found = check(settings, "2026-11-20T13:00")["freshness"]
    assert not found.passed
    assert "Not observed on 2026-11-20" in says(found)
    assert "simulated (last observed on 2026-11-18, 2 days before)" in says(found)
    assert "lost at midnight (UTC) unless" in says(found)
    assert "spotify-assets materialize" in says(found)


def test_before_the_daily_run_has_had_its_time_only_yesterday_is_due(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 19)
    assert check(settings, "2026-11-20T12:59")["freshness"].passed
    assert not check(settings, "2026-11-20T13:00")["freshness"].passed


def test_a_run_late_in_the_evening_is_due_after_midnight(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    late = settings.model_copy(update={"spotify_assets_schedule_hour": 23})
    observe(warehouse, 19)
    found = check(late, "2026-11-21T00:00")["freshness"]
    assert not found.passed
    assert "Not observed on 2026-11-20" in says(found)
    assert "That day is over and lost; today can still be observed" in says(found)


def test_a_source_that_never_came_is_late_once_somebody_is_watched(
    settings: Settings, warehouse: Warehouse
) -> None:
    assert "watch add" in says(check(settings, "2026-11-20T13:00")["freshness"])
    watchlist.add(warehouse, "simulated", "a" * 22)
    execute(warehouse, "update ops.watchlist set added_at = '2026-11-20 12:30+00'")
    assert check(settings, "2026-11-20T12:45")["freshness"].passed, "nobody was watched yesterday"
    found = check(settings, "2026-11-20T13:00")["freshness"]
    assert not found.passed
    assert "simulated (never observed)" in says(found)


def test_each_lost_day_is_listed_the_day_after(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 17, 19)
    found = check(settings, "2026-11-21T13:00")["gaps"]
    assert not found.passed
    nothing = "nothing was landed on it: no run observed it"
    assert f"simulated 2026-11-18 ({nothing})" in says(found)
    assert f"simulated 2026-11-20 ({nothing})" in says(found), "yesterday, though nothing came after it"
    assert "2026-11-21" not in says(found), "today is not over"
    assert "spotify-assets import artist-snapshots FILE" in says(found)
    assert found.metadata["lost_days"].value == 2


def test_a_lost_day_has_the_reason_of_what_did_not_come(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 18, 20)
    spent = Reason(ReasonCode.BUDGET_SPENT)
    nothing_came(warehouse, 19, {"a": spent, "b": spent, "c": Reason(ReasonCode.UNIDENTIFIED)})
    assert f"simulated 2026-11-19 ({spent.sentence} (so for 2))" in says(
        check(settings, "2026-11-20T13:00")["gaps"]
    )


def test_a_day_that_was_landed_can_still_be_loaded(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 18, 20)
    at = datetime(2026, 11, 19, 12, tzinfo=UTC)
    answer = Exchange("simulated", "artists", "GET", "/v1/artists", 200, at, "run", "{}")
    Landing(settings.effective_lake_url).put("simulated", "artists", at.date(), "part", [answer])
    found = check(settings, "2026-11-20T13:00")["gaps"]
    assert "simulated 2026-11-19 (responses were landed on it but never loaded)" in says(found)
    assert "spotify-assets materialize --day 2026-11-19" in says(found)


@pytest.mark.parametrize(("status", "last"), [(503, " (the last: HTTP 503)"), (None, "")])
def test_a_day_on_which_only_errors_came_cannot_be_loaded_any_more(
    settings: Settings, warehouse: Warehouse, watched: None, status: int | None, last: str
) -> None:
    observe(warehouse, 18, 20)
    at = datetime(2026, 11, 19, 12, tzinfo=UTC)
    landed = [Exchange("simulated", "artists", "PLAN", "", 0, at, "run", "")]
    if status is not None:
        landed.append(Exchange("simulated", "artists", "GET", "/v1/artists", status, at, "run", "{}"))
    Landing(settings.effective_lake_url).put("simulated", "artists", at.date(), "part", landed)
    found = check(settings, "2026-11-20T13:00")["gaps"]
    assert f"simulated 2026-11-19 (it was asked about, but no usable answer came{last})" in says(found)
    assert "materialize --day" not in says(found), "that would only say that the day is lost"


def test_old_gaps_are_listed_but_no_longer_warned_of(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, 1, *range(3, 20))
    found = check(settings, "2026-11-20T13:00")["gaps"]
    assert found.passed
    assert "of those before, 1 day." in says(found)
    assert "2026-11-02" in str(found.metadata["findings"].value)


def test_a_series_that_has_ended_loses_no_days(
    settings: Settings, warehouse: Warehouse, watched: None
) -> None:
    observe(warehouse, *range(15, 20))
    observe(warehouse, 10, 11, source="my-archive")
    found = check(settings, "2026-11-20T13:00")
    assert says(found["gaps"]) == "No day was lost."
    assert "my-archive" not in says(found["freshness"])


def test_what_is_told_to_nobody_is_not_lost(settings: Settings, warehouse: Warehouse, watched: None) -> None:
    observe(warehouse, 18)
    for number in (19, 20):
        nothing_came(
            warehouse,
            number,
            {"a": Reason(ReasonCode.REFUSED, "HTTP 403"), "b": Reason(ReasonCode.UNIDENTIFIED)},
        )
    found = check(settings, "2026-11-20T13:00")
    assert found["freshness"].passed
    assert found["gaps"].passed


def test_the_job_has_a_schedule_of_its_own_and_the_daily_run_leaves_it_alone(settings: Settings) -> None:
    for hour, cron in ((12, "0 13 * * *"), (23, "0 0 * * *")):
        changed = settings.model_copy(update={"spotify_assets_schedule_hour": hour})
        definitions = build_definitions(changed)
        schedule = definitions.get_repository_def().get_schedule_def("daily_checks")
        assert schedule.cron_schedule == cron
        assert schedule.execution_timezone == "UTC"
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
        assert schedule.job_name == CHECK_PLATFORM
    names = {
        key.name
        for key in definitions.resolve_job_def("observe_day").asset_layer.asset_graph.asset_check_keys
    }
    assert {"contract", "volume", "sign_in_expiry"} <= names
    assert not {"freshness", "gaps"} & names
