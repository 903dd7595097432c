"""A day holds what was seen on that day: the guard of live sources, and the simulated "as of"."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.sources.protocol import DayClosed, Entity
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets_tests.support.servers.upstream import (
    DAY,
    FakeClock,
    Landed,
    Reply,
    Seen,
    Upstream,
    artists_reply,
    ids,
)


@pytest.mark.parametrize("day", [DAY - timedelta(1), DAY + timedelta(1), date(2024, 2, 29)])
@pytest.mark.parametrize("entity", ["artists", "top_tracks", "new_releases"])
def test_a_live_source_is_not_asked_for_another_day(day: date, entity: Entity) -> None:
    async def test() -> None:
        async with Upstream(artists_reply) as up, up.source() as source:
            with pytest.raises(DayClosed) as caught:
                await source.observe(entity, day, ids(1), Landed())
        assert str(day) in str(caught.value)
        assert "spotify-assets import" in str(caught.value)
        assert up.requests == up.token_requests == []

    asyncio.run(test())


def test_midnight_ends_the_observation_between_requests() -> None:
    async def test() -> None:
        clock = FakeClock(datetime(2026, 11, 20, 23, 59, 50, tzinfo=UTC))
        landed = Landed()

        def script(seen: Seen) -> Reply:
            clock.elapsed += 3
            return Reply(body={"tracks": [{"id": "t"}]})

        async with Upstream(script, clock) as up, up.source(concurrency=1) as source:
            with pytest.raises(DayClosed) as caught:
                await source.observe("top_tracks", DAY, ids(10), landed)
        # Answered at :53, :56, :59, and then at 00:00:02, which belongs to neither day.
        assert (len(up.requests), len(landed)) == (4, 3)
        assert {e.observed_at.date() for e in landed} == {DAY}
        assert caught.value.usage is not None
        assert caught.value.usage.calls == 5

    asyncio.run(test())


def test_simulated_observation_is_the_same_every_time() -> None:
    async def test() -> None:
        day = date(2024, 2, 29)
        async with Upstream(artists_reply) as up:
            runs = []
            for start in (datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2027, 1, 1, 23, 59, tzinfo=UTC)):
                landed = Landed()
                async with up.source(
                    name="simulated", can_observe_past=True, clock=FakeClock(start), run_id="r"
                ) as source:
                    await source.observe("artists", day, ids(2), landed)
                runs.append(landed)
        assert runs[0] == runs[1]
        assert runs[0][0].observed_at == datetime(2024, 2, 29, 12, tzinfo=UTC)
        assert (runs[0][0].source, runs[0][0].entity, runs[0][0].run_id) == ("simulated", "artists", "r")
        assert [seen.headers["x-simulated-date"] for seen in up.requests] == ["2024-02-29"] * 2
        assert "x-simulated-date" not in up.token_requests[0].headers

    asyncio.run(test())


def test_live_requests_carry_no_date() -> None:
    async def test() -> None:
        landed = Landed()
        async with Upstream(artists_reply) as up, up.source() as source:
            await source.observe("artists", DAY, ids(1), landed)
        assert "x-simulated-date" not in up.requests[0].headers
        assert landed[0].observed_at.date() == DAY
        assert landed[0].request == {"ids": ids(1)}

    asyncio.run(test())


def test_settings_choose_the_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="SIMULATOR_URL"):
        SpotifySource.from_settings(load_settings())
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:9999/")
    monkeypatch.setenv("SPOTIFY_MARKETS", "se,us")
    simulated = SpotifySource.from_settings(load_settings())
    assert (simulated.name, simulated.can_observe_past, simulated.markets) == (
        "simulated",
        True,
        ("SE", "US"),
    )
    assert str(simulated._api.base_url) == "http://127.0.0.1:9999/v1"
    assert simulated.allowed_pace == (None, None)
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "a")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", "b")
    live = SpotifySource.from_settings(load_settings())
    assert (live.name, live.can_observe_past) == ("spotify", False)
    assert str(live._api.base_url) == "https://api.spotify.com/v1"
    assert live.allowed_pace == (1.0, 400)  # until more is known to be granted
