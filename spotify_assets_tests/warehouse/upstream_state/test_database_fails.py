"""The books that sources share, when the database will not keep them: said in words, to one source only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from pydantic import SecretStr

from spotify_assets.sources.clock import SYSTEM_CLOCK
from spotify_assets.sources.http.pacing import RateGate
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import DatabaseUnavailable, UpstreamStateBusy, WarehouseError
from spotify_assets.warehouse.upstream_state.api_usage import usage_today
from spotify_assets.warehouse.upstream_state.capabilities import PostgresCapabilities
from spotify_assets.warehouse.upstream_state.quota import SharedQuota
from spotify_assets_tests.support.command import change, query

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)


def books(warehouse: Warehouse, upstream: str = "somewhere") -> SharedQuota:
    made = SharedQuota(warehouse, upstream, "none")
    made.limit(None, 1000)
    return made


def noted(warehouse: Warehouse, name: str = "call: it") -> None:
    capabilities = PostgresCapabilities(warehouse, "somewhere", "none")
    capabilities.note(name, allowed=True, reason="answered", at=AT)


@contextmanager
def locked(warehouse: Warehouse, statement: str) -> Iterator[None]:
    """Hold a lock from outside."""
    connection = psycopg2.connect(warehouse.url.get_secret_value())
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
        yield
    finally:
        connection.close()


ASKING: dict[str, tuple[str, str, Callable[[Warehouse], object]]] = {
    "take": ("ops.api_usage", "calls to somewhere", lambda w: books(w).take(1)),
    "check": ("ops.cooldowns", "calls to somewhere", lambda w: books(w).check()),
    "pause": ("ops.api_pace", "calls to somewhere", lambda w: books(w).pause(3)),
    "cool down": ("ops.cooldowns", "calls to somewhere", lambda w: books(w).cool_down(3, "it said so")),
    "note": ("ops.capabilities", "what somewhere lets us see", noted),
    "known": (
        "ops.capabilities", "what somewhere lets us see",
        lambda w: PostgresCapabilities(w, "somewhere", "none").known(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKING)
def test_a_failing_statement_says_what_happened(what: str, warehouse: Warehouse) -> None:
    table, words, ask = ASKING[what]
    change(warehouse.url.get_secret_value(), f"alter table {table} rename to gone")
    with pytest.raises(DatabaseUnavailable, match="does not exist") as caught:
        ask(warehouse)
    assert words in str(caught.value).lower()
    assert "run again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ASKING)
def test_a_lock_that_others_hold_says_so(what: str, warehouse: Warehouse) -> None:
    table, words, ask = ASKING[what]
    books(warehouse).take(1)
    noted(warehouse)
    started = time.monotonic()
    with (
        locked(warehouse, f"lock table {table} in access exclusive mode"),
        pytest.raises(UpstreamStateBusy, match=r"locked by another process for 0\.3 seconds") as caught,
    ):
        ask(replace(warehouse, lock_seconds=0.3))
    assert 0.25 < time.monotonic() - started < 2, "it is waited for once"
    assert words in str(caught.value).lower()
    ask(warehouse)


def test_a_locked_row_holds_the_event_loop_up_for_a_moment_only(warehouse: Warehouse) -> None:
    stuck, free = books(warehouse, "stuck"), books(warehouse, "free")
    stuck.take(1)

    async def turn(quota: SharedQuota) -> float:
        await RateGate(quota, SYSTEM_CLOCK).turn(lambda: None)
        return time.monotonic()

    async def both() -> tuple[float | BaseException, float | BaseException]:
        return await asyncio.gather(turn(stuck), turn(free), return_exceptions=True)

    started = time.monotonic()
    with locked(warehouse, "select 1 from ops.api_pace where upstream = 'stuck' for update"):
        problem, done = asyncio.run(both())
    assert isinstance(problem, WarehouseError)
    assert isinstance(done, float)
    assert 4 < done - started < 7
    assert stuck.take(1), "the same books go on when the lock is gone"


def test_nothing_else_than_the_last_statement_is_lost(warehouse: Warehouse) -> None:
    brief = replace(warehouse, lock_seconds=0.2)
    one = books(brief)
    one.take(3)
    with (
        locked(warehouse, "select 1 from ops.api_pace for update"),
        pytest.raises(UpstreamStateBusy),
    ):
        one.take(3)
    assert [usage.calls for usage in usage_today(warehouse)] == [3]
    one.give_back(2)
    assert [usage.calls for usage in usage_today(warehouse)] == [1]


def test_a_database_that_cannot_prepare_the_books_opens_them_later(warehouse: Warehouse) -> None:
    url = warehouse.url.get_secret_value()
    one = books(warehouse)
    change(url, "alter table ops.api_pace rename to gone")
    with pytest.raises(DatabaseUnavailable):
        one.take(1)
    change(url, "alter table ops.gone rename to api_pace")
    assert one.take(1)


@pytest.fixture
def at_midnight(warehouse: Warehouse) -> Warehouse:
    """A database whose clock a test can move."""
    url = warehouse.url.get_secret_value()
    change(url, "create schema moved")
    change(url, "create table moved.by as select interval '0' as days")
    change(
        url,
        "create function moved.clock_timestamp() returns timestamptz language sql volatile as "
        "'select pg_catalog.clock_timestamp() + days from moved.by'",
    )
    joint = "&" if "?" in url else "?"
    return replace(
        warehouse, url=SecretStr(f"{url}{joint}options=-csearch_path%3Dmoved%2Cpg_catalog%2Cpublic")
    )


def test_calls_are_given_back_to_the_day_they_were_taken_on(
    warehouse: Warehouse, at_midnight: Warehouse
) -> None:
    url = warehouse.url.get_secret_value()
    late, early = books(at_midnight), books(at_midnight)
    (today,) = query(url, "select (clock_timestamp() at time zone 'UTC')::date")[0]
    assert len(late.take(8)) == 8
    change(url, "update moved.by set days = interval '1 day'")
    assert len(early.take(5)) == 5
    late.give_back(6)
    counts = "select day, calls from ops.api_usage order by day"
    assert query(url, counts) == [(today, 2), (today + timedelta(days=1), 5)]
    late.take(4)
    late.give_back(1)
    assert query(url, counts) == [(today, 2), (today + timedelta(days=1), 8)]
