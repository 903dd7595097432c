"""Leave to call, shared through the database: by two holders in one process, and by real processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.clock import SYSTEM_CLOCK
from spotify_assets.sources.http.quota import USED_SHARE
from spotify_assets.sources.protocol import BudgetSpent, CooldownRequired
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.api_usage import (
    cooldowns_in_force,
    end_cooldowns,
    last_cooldowns,
    usage_today,
)
from spotify_assets.warehouse.upstream_state.quota import SharedQuota
from spotify_assets_tests.support.asking import ask, asked, started
from spotify_assets_tests.support.command import query
from spotify_assets_tests.support.simulator_server import running


def holder(
    warehouse: Warehouse,
    per_second: float | None = None,
    per_day: int | None = None,
    credential: str = "none",
) -> SharedQuota:
    made = SharedQuota(warehouse, "somewhere", credential)
    made.limit(per_second, per_day)
    return made


def execute(warehouse: Warehouse, statement: str) -> None:
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        connection.commit()


@pytest.fixture
def simulator() -> Iterator[str]:
    with running(SimulatorConfig(artists=600, quirks=False, latency_ms=5)) as url:
        yield url


def test_two_holders_get_alternate_even_times(warehouse: Warehouse) -> None:
    one, two = (holder(warehouse, 40 / USED_SHARE) for _ in range(2))
    times = []
    for each in (one, two, one, two):
        granted = each.take(200)
        assert len(granted) == 10, "a quarter of a second's worth"
        times += [time.monotonic() + seconds for seconds in granted]
    assert [b - a for a, b in pairwise(times)] == pytest.approx([0.025] * 39, abs=0.015)
    assert len(one.take(3)) == 3


def test_a_slow_pace_grants_one_at_a_time_and_survives_a_restart(warehouse: Warehouse) -> None:
    one = holder(warehouse, 0.5 * USED_SHARE)
    assert one.take(200) == pytest.approx([0], abs=0.06)
    one.close()
    gap = 2 / USED_SHARE**2
    assert holder(warehouse, 0.5 * USED_SHARE).take(200) == pytest.approx([gap], abs=0.2)
    assert one.take(1) == pytest.approx([2 * gap], abs=0.2), "a closed one opens again"


def test_each_credential_has_books_of_its_own(warehouse: Warehouse) -> None:
    holder(warehouse, per_day=1).take(1)
    assert holder(warehouse, per_day=1, credential="other").take(1)
    with pytest.raises(BudgetSpent):
        holder(warehouse, per_day=1).take(1)


def test_a_days_budget_is_shared_and_says_what_to_do(warehouse: Warehouse) -> None:
    one, two = (holder(warehouse, per_day=25) for _ in range(2))
    assert [len(one.take(200)), len(two.take(200)), len(one.take(200))] == [10, 10, 5]
    with pytest.raises(BudgetSpent) as caught:
        two.take(1)
    words = str(caught.value)
    today = SYSTEM_CLOCK.now()
    assert f"all 25 calls allowed for {today.date()} are used" in words
    assert f"renew at {today.date() + timedelta(days=1)} 00:00 UTC" in words
    assert "raise the budget" in words
    one.give_back(2)
    assert len(two.take(200)) == 2
    (usage,) = usage_today(warehouse)
    assert (usage.upstream, usage.credential, usage.calls, usage.per_second, usage.per_day) == (
        "somewhere", "none", 25, None, 25,
    )  # fmt: skip
    two.limit(None, 30)
    assert len(two.take(200)) == 5, "a budget may be raised"


def test_the_budget_renews_at_midnight(warehouse: Warehouse) -> None:
    one = holder(warehouse, per_day=3)
    one.take(3)
    execute(warehouse, "update ops.api_usage set day = day - 1")
    assert [usage.calls for usage in usage_today(warehouse)] == [0]
    assert len(one.take(3)) == 3


def test_a_cooldown_is_seen_by_all_and_after_a_restart(warehouse: Warehouse) -> None:
    one, two = holder(warehouse), holder(warehouse)
    two.take(1)
    one.cool_down(86_400, "it asked for a pause of 86,400 s (HTTP 429)")
    one.cool_down(60, "it asked for less")
    for each in (one, two, holder(warehouse)):
        for refuse in (lambda each=each: each.take(1), each.check):
            with pytest.raises(CooldownRequired, match=r"until 20\d\d-.*: it asked for a pause") as caught:
                refuse()
            assert caught.value.seconds == pytest.approx(86_400, abs=30)
    (cooldown,) = cooldowns_in_force(warehouse)
    assert (cooldown.upstream, cooldown.credential, cooldown.promised) == ("somewhere", "none", True)
    assert cooldown.until - cooldown.set_at == timedelta(days=1)
    assert cooldown.seconds_left == pytest.approx(86_400, abs=30)
    assert holder(warehouse, credential="other").check() == 0

    execute(warehouse, "update ops.cooldowns set until = now()")
    assert cooldowns_in_force(warehouse) == []
    assert [each.seconds_left for each in last_cooldowns(warehouse)] == [0]
    assert two.take(1)


def test_without_a_promise_it_lasts_until_midnight_and_an_hour_at_least(warehouse: Warehouse) -> None:
    one = holder(warehouse)
    one.cool_down(None, "the quota is used up")
    with pytest.raises(CooldownRequired, match="promised no time") as caught:
        one.take(1)
    assert caught.value.seconds is None
    (cooldown,) = cooldowns_in_force(warehouse)
    assert not cooldown.promised
    midnight = datetime.combine(cooldown.set_at.date() + timedelta(days=1), datetime.min.time(), UTC)
    assert cooldown.until == max(midnight, cooldown.set_at + timedelta(hours=1))


def test_absurd_pauses_are_no_crash(warehouse: Warehouse) -> None:
    one = holder(warehouse)
    one.cool_down(999_999_999_999, "a broken clock\x00")
    (cooldown,) = cooldowns_in_force(warehouse)
    assert cooldown.seconds_left == pytest.approx(86_400, abs=30)
    assert cooldown.reason == "a broken clock; it is asked once after a day all the same"


def test_what_was_kept_for_longer_than_a_day_is_not_heeded_and_gives_way(warehouse: Warehouse) -> None:
    one = holder(warehouse)
    one.cool_down(60, "an hour")
    execute(
        warehouse,
        "update ops.cooldowns set until = now() + interval '1 year', set_at = now() - interval '25 hours'",
    )
    assert cooldowns_in_force(warehouse) == []
    assert one.check() == 0
    assert one.take(1)
    one.cool_down(7200, "two hours")
    with pytest.raises(CooldownRequired, match="two hours"):
        one.check()
    # By a clock that was set back since, it was made tomorrow.
    execute(
        warehouse,
        "update ops.cooldowns set until = until + interval '1 day', set_at = set_at + interval '1 day'",
    )
    assert cooldowns_in_force(warehouse) == []
    one.cool_down(60, "a minute")
    with pytest.raises(CooldownRequired, match="a minute"):
        one.check()


def test_a_cooldown_can_be_ended(warehouse: Warehouse) -> None:
    one, other = holder(warehouse), holder(warehouse, credential="other")
    one.cool_down(7200, "two hours")
    other.cool_down(7200, "two hours")
    one.pause(50)
    assert end_cooldowns(warehouse, "nobody") == 0
    assert end_cooldowns(warehouse, last_cooldowns(warehouse)[0].upstream) == 2
    assert one.check() == other.check() == 0
    assert cooldowns_in_force(warehouse) == []


def test_a_pause_holds_for_all_and_the_longer_one_stays(warehouse: Warehouse) -> None:
    one, two = holder(warehouse), holder(warehouse, 100)
    one.pause(40)
    one.pause(20)
    assert two.check() == pytest.approx(40, abs=2)
    granted = two.take(200)
    assert granted[0] == pytest.approx(40, abs=2)
    assert granted[1] - granted[0] == pytest.approx(0.01 / USED_SHARE)
    assert usage_today(warehouse)[0].pauses == 2


def test_books_from_a_clock_that_was_set_back_do_not_hold_for_ever(warehouse: Warehouse) -> None:
    one = holder(warehouse, 10)
    one.take(1)
    execute(warehouse, "update ops.api_pace set next_free = now() + interval '1 day'")
    assert one.take(1) == pytest.approx([66], abs=1)
    execute(warehouse, "update ops.api_pace set paused_until = now() + interval '1 day'")
    assert one.take(1) == pytest.approx([3600], abs=1)


def test_a_broken_connection_and_emptied_books_are_mended(warehouse: Warehouse) -> None:
    cut_off = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    one = holder(warehouse, per_day=10)
    one.take(1)
    execute(warehouse, cut_off)
    assert len(one.take(1)) == 1
    execute(warehouse, cut_off)
    one.give_back(1)
    execute(warehouse, "delete from ops.api_pace")
    assert len(one.take(1)) == 1
    assert [usage.calls for usage in usage_today(warehouse)] == [3]


def test_without_a_limit_the_books_are_opened_seldom(warehouse: Warehouse, simulator: str) -> None:
    class Noting(SharedQuota):
        trips = 0

        def _run(self, statements: str, **values: object) -> tuple[object, ...] | None:
            self.trips += 1
            return super()._run(statements, **values)

    quota = Noting(warehouse, "simulated", "none")
    ids = [f"{n:022d}" for n in range(1000)]
    outcome = asyncio.run(ask(quota, simulator, ids, SYSTEM_CLOCK))
    # Unknown artists are answered with 404.
    assert (outcome.calls, outcome.failures, outcome.stopped) == (1001, 0, "")
    assert [usage.calls for usage in usage_today(warehouse)] == [1000], "what was not used is given back"
    assert quota.trips <= 20 + 6 * outcome.seconds


def test_two_processes_keep_one_pace(warehouse: Warehouse, simulator: str) -> None:
    url = warehouse.url.get_secret_value()
    with started(url, simulator, 2, artists=60, per_second=30) as both:
        for each in both:
            each.go()
        outcomes = [each.outcome() for each in both]
    assert [(o.answered, o.stopped) for o in outcomes] == [(60, "")] * 2
    at = [each["time"] for each in asked(simulator) if each["path"] != "/api/token"]
    assert len(at) == 120
    assert 0.85 * 30 <= 119 / (at[-1] - at[0]) <= 30
    assert max(sum(t <= other < t + 1 for other in at) for t in at) <= 30 + 5


def test_two_processes_spend_one_budget_and_keep_what_it_bought(warehouse: Warehouse, simulator: str) -> None:
    url = warehouse.url.get_secret_value()
    with started(url, simulator, 2, per_day=50) as both:
        for each in both:
            each.go()
        outcomes = [each.outcome() for each in both]
    assert {o.stopped for o in outcomes} == {"BudgetSpent"}
    answers = [each for each in asked(simulator) if each["path"] != "/api/token"]
    # What one process reserved and did not need any more when the other found nothing left stays unused.
    assert 41 <= len(answers) <= 50
    assert sum(o.answered for o in outcomes) == len(answers), "what was under way was waited for"
    assert usage_today(warehouse)[0].calls == len(answers)


def test_a_day_long_pause_silences_every_process(warehouse: Warehouse, simulator: str) -> None:
    url = warehouse.url.get_secret_value()
    rule = {"fault": "rate_limited_day", "path": "/top-tracks", "after": 30}
    httpx.post(f"{simulator}/_simulator/faults", json=rule).raise_for_status()
    with started(url, simulator, 3, artists=300, per_second=40) as processes:
        first, second, late = processes
        first.go()
        second.go()
        outcomes = [first.outcome(), second.outcome()]
        assert {o.stopped for o in outcomes} == {"CooldownRequired"}
        assert sum(o.answered for o in outcomes) == 30
        assert max(o.seconds for o in outcomes) < 5
        seen = asked(simulator)
        limited = [each["time"] for each in seen if each["status"] == 429]
        assert limited[-1] - limited[0] < 0.4, "everyone knows it within a quarter of a second"
        late.go()
        assert "86,400 s" in late.outcome().message
    # Restarted, and by a clock that is a day ahead: nothing leaves, not even a sign-in.
    with started(url, simulator, 1, clock_days=1.01) as (again,):
        again.go()
        outcome = again.outcome()
    assert (outcome.stopped, outcome.calls) == ("CooldownRequired", 0)
    assert asked(simulator) == seen


def test_a_used_up_quota_silences_every_process(warehouse: Warehouse) -> None:
    url = warehouse.url.get_secret_value()
    with running(SimulatorConfig(artists=200, quirks=False, quota=20)) as simulator:
        for calls in ([20, 21], [0]):
            with started(url, simulator, len(calls), per_second=50) as processes:
                for each in processes:
                    each.go()
                outcomes = [each.outcome() for each in processes]
            assert {o.stopped for o in outcomes} == {"CooldownRequired"}
            assert all("quota" in o.message for o in outcomes)
            assert sum(o.answered for o in outcomes) == min(calls)
            assert (sum(o.calls for o in outcomes) == 0) == (calls == [0])
    assert [each.promised for each in cooldowns_in_force(warehouse)] == [False]
    assert [row[0] for row in query(url, "select count(*) from ops.cooldowns")] == [1]
