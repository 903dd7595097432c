"""An answer is landed under a day only if all clocks agree that it is that day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from spotify_assets.ingest.clocks import ClocksDiffer
from spotify_assets.ingest.day_errors import DayLost, LaterDayLanded
from spotify_assets.ingest.land import Landed, land
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.pacing import sent_at
from spotify_assets.sources.imported.rows import METHOD
from spotify_assets.sources.protocol import SourceError
from spotify_assets_tests.support.servers.upstream import FakeClock, Reply, Seen, Upstream, artists_reply, ids

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = NOON.date()
Times = Callable[[Seen], datetime | str | None]


def dated(reply: Reply, time: datetime | str | None, age: str | None = None) -> Reply:
    told = format_datetime(time, usegmt=True) if isinstance(time, datetime) else time
    headers = {"date": told} if told is not None else {}
    return Reply(reply.status, reply.body, {**reply.headers, **headers, **({"age": age} if age else {})})


def observe(
    landing: Landing,
    script: Callable[[Seen], Reply],
    *,
    clock: FakeClock | None = None,
    database: datetime | None = None,
    keys: Sequence[str] = (),
    day: date = DAY,
) -> Landed:
    """Land artists, 50 a question, by an upstream that answers as `script` says."""

    async def go() -> Landed:
        now = clock or FakeClock(NOON)
        async with Upstream(script, now) as upstream:
            source = upstream.source(clock=now, concurrency=1)
            try:
                time_of = None if database is None else lambda: database
                return await land(
                    source, landing, "artists", day, keys or ids(120), "run", now, database_time=time_of
                )
            finally:
                await source.aclose()

    return asyncio.run(go())


def landed_days(landing: Landing) -> list[date]:
    return [day for _, day in landing.days_after("spotify", date.min)]


MINUTES: list[tuple[float, float | None, str]] = [
    # this machine is right; upstream, database (in minutes from it); what the message says
    (1440, 0, "the answer of spotify bears another time"),
    (-1440, 0, "the answer of spotify bears another time"),
    (0, 1440, "the clock of the database is out"),
    (6, 6, "the clock of this machine is out"),
    (1440, 1440, "the clock of this machine is out"),
    (-1440, -1440, "the clock of this machine is out"),
    (-6, None, "the clocks differ"),
    (1440, -1440, "the clocks differ"),
    (-365 * 1440, 0, "the answer of spotify bears another time"),
]


@pytest.mark.parametrize(("upstream", "database", "words"), MINUTES)
def test_clocks_that_differ_land_nothing_and_are_named(
    landing: Landing, upstream: float, database: float | None, words: str
) -> None:
    def script(seen: Seen) -> Reply:
        return dated(artists_reply(seen), NOON + timedelta(minutes=upstream))

    there = None if database is None else NOON + timedelta(minutes=database)
    with pytest.raises(ClocksDiffer, match=words):
        observe(landing, script, database=there)
    assert landed_days(landing) == [], "no plan and no note either"


@pytest.mark.parametrize(
    ("time", "age"),
    [
        (NOON, None),
        (NOON + timedelta(minutes=4, seconds=50), None),
        (NOON - timedelta(minutes=4, seconds=50), None),
        (NOON - timedelta(hours=3), "10800"),
        (NOON - timedelta(hours=3), "10800, 5"),
        (None, None),
        ("soon", None),
        ("", "5"),
    ],
)
def test_clocks_that_agree_land(landing: Landing, time: datetime | str | None, age: str | None) -> None:
    landed = observe(landing, lambda seen: dated(artists_reply(seen), time, age), database=NOON)
    assert landed.stopped is None
    assert landed_days(landing) == [DAY]


@pytest.mark.parametrize(
    ("time", "age"), [(NOON - timedelta(hours=3), None), (NOON, "600"), (NOON, "99999999")]
)
def test_an_old_answer_of_a_cache_is_none_of_today(landing: Landing, time: datetime, age: str | None) -> None:
    with pytest.raises(ClocksDiffer, match="a proxy or cache on the way"):
        observe(landing, lambda seen: dated(artists_reply(seen), time, age), database=NOON)
    assert landed_days(landing) == []


@pytest.mark.parametrize("reply", [Reply(503, b""), None])
def test_without_a_date_the_two_clocks_decide(landing: Landing, reply: Reply | None) -> None:
    with pytest.raises(ClocksDiffer, match="the clocks differ"):
        observe(landing, lambda seen: reply or artists_reply(seen), database=NOON + timedelta(days=1))
    assert landed_days(landing) == [], "no plan and no answer"


@pytest.mark.parametrize("seconds", [-90, 90])
def test_about_midnight_clocks_may_be_on_two_days(landing: Landing, seconds: int) -> None:
    """Within five minutes, but on another day."""
    here = (
        datetime(2026, 11, 20, 0, 1, tzinfo=UTC)
        if seconds < 0
        else datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    )
    there = here + timedelta(seconds=seconds)
    with pytest.raises(ClocksDiffer, match=r"about midnight .*Run again in a few minutes"):
        observe(landing, lambda seen: dated(artists_reply(seen), there), clock=FakeClock(here), database=here)
    assert landed_days(landing) == []


def test_what_came_before_the_clock_jumped_is_kept_and_a_rerun_asks_the_rest(landing: Landing) -> None:
    clock = FakeClock(NOON)

    def script(seen: Seen) -> Reply:
        reply = dated(artists_reply(seen), NOON)
        if seen.query["ids"].startswith(ids(51)[-1]):  # the second question: the clock is set, by an hour
            clock.start += timedelta(hours=1)
        return reply

    stopped = observe(landing, script, clock=clock, database=NOON)
    assert stopped.stopped is not None
    assert "the clock of this machine is out" in stopped.stopped
    day = landing.read("spotify", "artists", DAY)
    assert len([one for one in day if one.status == 200]) == 1
    asked: list[str] = []

    def again(seen: Seen) -> Reply:
        asked.extend(seen.query["ids"].split(","))
        return dated(artists_reply(seen), NOON)

    assert observe(landing, again, database=NOON).stopped is None
    assert asked == ids(120)[50:]


def test_an_error_page_with_another_time_ends_nothing(landing: Landing) -> None:
    pages = [dated(Reply(503, b"<html>"), NOON - timedelta(days=2)), dated(Reply(403, b"<html>"), "")]

    def script(seen: Seen) -> Reply:
        return pages.pop() if pages else dated(artists_reply(seen), NOON)

    assert observe(landing, script, database=NOON).stopped is None
    assert {one.status for one in landing.read("spotify", "artists", DAY) if one.status} == {200, 403}
    # If nothing else comes, nothing is known of the day, and nothing stands under it.
    with pytest.raises(SourceError):
        observe(
            landing, lambda _: dated(Reply(503, b""), NOON - timedelta(days=1)), day=DAY + timedelta(days=1),
            clock=FakeClock(NOON + timedelta(days=1)),
        )  # fmt: skip
    assert landed_days(landing) == [DAY]


def test_an_error_page_that_comes_last_says_nothing_of_the_clocks(landing: Landing) -> None:
    def script(seen: Seen) -> Reply:
        if ids(120)[100] in str(seen):
            return dated(Reply(503, b"<html>"), NOON - timedelta(days=2))
        return dated(artists_reply(seen), NOON)

    stopped = observe(landing, script, database=NOON).stopped
    assert stopped is None or "clock" not in str(stopped)
    assert len(landing.read("spotify", "artists", DAY)) >= 3


def answer(day: date, method: str = "GET") -> Exchange:
    moment = datetime.combine(day, NOON.timetz())
    status = 200 if method == "GET" else 0
    return Exchange("spotify", "top_tracks", method, "/v1", status, moment, "r", '{"tracks": []}')


def test_a_day_before_one_that_was_observed_is_not_observed_any_more(landing: Landing) -> None:
    later = DAY + timedelta(days=3)
    landing.put("spotify", "top_tracks", later, "a", [answer(later)])
    with pytest.raises(LaterDayLanded, match=f"holds {later} of it already"):
        observe(landing, artists_reply)
    assert landed_days(landing) == [later]
    # Another source, what a file brought, and notes that nothing was asked say nothing about this one.
    (folder,) = {path.rsplit("/", 1)[0] for path in landing.parts("spotify", "top_tracks", later)}
    landing.filesystem.delete_dir(folder)
    landing.put("deezer", "artists", later, "a", [answer(later)])
    landing.put("spotify", "top_tracks", later, "b", [answer(later, METHOD), answer(later, "UNASKED")])
    assert observe(landing, artists_reply).stopped is None


def test_a_day_is_lost_or_to_come_only_if_the_database_says_so_too(landing: Landing) -> None:
    for days in (1, -1):
        clock = FakeClock(NOON + timedelta(days=days))
        with pytest.raises(ClocksDiffer, match="the clocks differ"):
            observe(landing, artists_reply, clock=clock, database=NOON)
    with pytest.raises(DayLost):
        observe(
            landing,
            artists_reply,
            clock=FakeClock(NOON + timedelta(days=1)),
            database=NOON + timedelta(days=2),
        )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("date", "Fri, 20 Nov 2026 12:00:00 GMT"), ("date", "Sat, 21 Nov 2026 12:00:00 GMT")], NOON),
        ([("date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("age", "999999999")], None),
        ([("age", "5")], None),
        ([("date", "Fri, 20 Nov 2026 11:59:55 GMT"), ("age", "5")], NOON),
        ([("date", "Fri, 20 Nov 2026 12:00:00 GMT"), ("age", "-5")], NOON),
        ([("date", "Thu, 19 Nov 2026 12:00:00 GMT"), ("age", "86400")], NOON - timedelta(days=1)),
        ([("date", "Fri, 20 Nov 2026 12:00:00 GMT"), ("age", "86400")], NOON + timedelta(days=1)),
    ],
)
def test_the_time_in_headers(headers: list[tuple[str, str]], expected: datetime | None) -> None:
    assert sent_at(httpx.Headers(headers), NOON) == expected
