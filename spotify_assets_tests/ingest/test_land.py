"""Rule 1: a day holds what was seen on that day."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from spotify_assets.ingest.day_errors import DayLost, DayNotYet, NothingTracked
from spotify_assets.ingest.land import Landed, land
from spotify_assets.ingest.read import parse_landed
from spotify_assets.lake.landing import Landing
from spotify_assets.sources.protocol import Entity, SourceError
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets_tests.support.clocks.shifted import set_upstream_clock
from spotify_assets_tests.support.clocks.timeline import StoppedClock

DAY = date(2026, 11, 20)
ON_THE_DAY = StoppedClock("2026-11-20T15:00")
THE_DAY_AFTER = StoppedClock("2026-11-21T00:00")


def live(url: str, clock: StoppedClock, **more: Any) -> SpotifySource:
    """The simulator as a live upstream: it is asked as Spotify is, without choosing a day."""
    return SpotifySource(
        "spotify",
        api_url=f"{url}/v1",
        accounts_url=url,
        client_id=SecretStr("id"),
        client_secret=SecretStr("secret"),
        clock=clock,
        run_id="run",
        **more,
    )


def observe(
    url: str,
    landing: Landing,
    entity: Entity,
    tracked: Sequence[str],
    clock: StoppedClock,
    day: date = DAY,
    **more: Any,
) -> Landed:
    set_upstream_clock(url, clock.at)

    async def go() -> Landed:
        async with live(url, clock, **more) as source:
            return await land(source, landing, entity, day, tracked, "run", clock)

    return asyncio.run(go())


def requests(url: str) -> int:
    return int(httpx.get(f"{url}/_simulator/requests").json()["total"])


@pytest.mark.parametrize("entity", ["artists", "top_tracks", "new_releases"])
def test_today_is_asked_and_landed(
    simulator: str, landing: Landing, artists: list[str], entity: Entity
) -> None:
    landed = observe(simulator, landing, entity, artists, ON_THE_DAY)
    assert not landed.replayed
    assert landed.stopped is None
    parsed = parse_landed("spotify", entity, landing.read("spotify", entity, DAY))
    assert parsed.records
    assert parsed.missing == []
    if entity == "artists":
        assert parsed.requested == artists


@pytest.mark.parametrize("entity", ["artists", "top_tracks", "new_releases"])
def test_the_same_day_again_asks_nothing(
    simulator: str, landing: Landing, artists: list[str], entity: Entity
) -> None:
    observe(simulator, landing, entity, artists, ON_THE_DAY)
    before = requests(simulator)
    again = observe(simulator, landing, entity, artists, ON_THE_DAY)
    assert again.replayed
    assert requests(simulator) == before


def test_a_new_artist_is_asked_for_alone(simulator: str, landing: Landing, artists: list[str]) -> None:
    observe(simulator, landing, "top_tracks", artists[:3], ON_THE_DAY)
    landed = observe(simulator, landing, "top_tracks", artists[:4], ON_THE_DAY)
    assert landed.usage.calls <= 2, "one question, and a sign-in"
    parsed = parse_landed("spotify", "top_tracks", landing.read("spotify", "top_tracks", DAY))
    assert sorted(parsed.requested) == sorted(f"{artist}/US" for artist in artists[:4])


def test_a_past_day_is_replayed_without_a_question(
    simulator: str, landing: Landing, artists: list[str]
) -> None:
    observe(simulator, landing, "artists", artists, ON_THE_DAY)
    before, standing = requests(simulator), landing.read("spotify", "artists", DAY)
    landed = observe(simulator, landing, "artists", artists, THE_DAY_AFTER)
    assert landed.replayed
    assert requests(simulator) == before
    assert landing.read("spotify", "artists", DAY) == standing


def test_a_past_day_without_landing_is_lost(simulator: str, landing: Landing, artists: list[str]) -> None:
    before = requests(simulator)
    with pytest.raises(DayLost) as error:
        observe(simulator, landing, "artists", artists, THE_DAY_AFTER)
    assert "2026-11-20" in str(error.value)
    assert "spotify-assets import artist-snapshots FILE --source spotify" in str(error.value)
    assert requests(simulator) == before
    assert landing.read("spotify", "artists", DAY) == []


def test_a_day_that_has_not_come_is_refused(simulator: str, landing: Landing, artists: list[str]) -> None:
    with pytest.raises(DayNotYet, match="2026-11-21 has not come yet"):
        observe(simulator, landing, "artists", artists, ON_THE_DAY, date(2026, 11, 21))


def test_nobody_tracked_says_how_to_track(simulator: str, landing: Landing) -> None:
    with pytest.raises(NothingTracked, match="spotify-assets watch add"):
        observe(simulator, landing, "artists", [], ON_THE_DAY)


def test_midnight_during_a_run_ends_it_and_keeps_the_day_clean(
    simulator: str, landing: Landing, artists: list[str]
) -> None:
    class Midnight(StoppedClock):
        calls = 0

        def now(self) -> Any:
            self.calls += 1
            return self.at if self.calls < 20 else THE_DAY_AFTER.at

    landed = observe(
        simulator, landing, "top_tracks", artists, Midnight("2026-11-20T23:59:59"), concurrency=1
    )
    assert landed.stopped is not None
    read = landing.read("spotify", "top_tracks", DAY)
    assert {item.observed_at.date() for item in read} == {DAY}
    parsed = parse_landed("spotify", "top_tracks", read)
    assert parsed.missing, "what was not asked for in time is missing, not taken from the next day"
    assert set(parsed.requested) == {f"{artist}/US" for artist in artists}


def test_a_stop_midway_keeps_what_came_and_a_rerun_fetches_the_rest(
    simulator: str, landing: Landing, artists: list[str]
) -> None:
    rule = {"fault": "rate_limited_day", "path": f"{artists[3]}/top-tracks", "times": 1}
    httpx.post(f"{simulator}/_simulator/faults", json=rule).raise_for_status()
    try:
        stopped = observe(simulator, landing, "top_tracks", artists, ON_THE_DAY)
    finally:
        httpx.delete(f"{simulator}/_simulator/faults")
    assert stopped.stopped is not None
    assert stopped.usage.throttled >= 1
    parsed = parse_landed("spotify", "top_tracks", landing.read("spotify", "top_tracks", DAY))
    missing = {item.key for item in parsed.missing}
    assert f"{artists[3]}/US" in missing
    assert len(parsed.requested) == len(artists)

    rest = observe(simulator, landing, "top_tracks", artists, ON_THE_DAY)
    assert rest.usage.calls <= len(missing) + 1
    parsed = parse_landed("spotify", "top_tracks", landing.read("spotify", "top_tracks", DAY))
    assert parsed.missing == []


def test_nothing_at_all_is_an_error_and_the_day_stays_open(
    simulator: str, landing: Landing, artists: list[str]
) -> None:
    rule = {"fault": "forbidden", "path": "^/v1/artists"}
    httpx.post(f"{simulator}/_simulator/faults", json=rule).raise_for_status()
    try:
        with pytest.raises(SourceError):
            observe(simulator, landing, "artists", artists, ON_THE_DAY)
    finally:
        httpx.delete(f"{simulator}/_simulator/faults")
    assert not observe(simulator, landing, "artists", artists, ON_THE_DAY).replayed
