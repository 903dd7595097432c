"""The source against the simulated upstream: days that come back the same, and its catalogue of faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date

import pytest

from spotify_assets.settings import load_settings
from spotify_assets.simulator.faults.rules import FAULTS, Fault
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.protocol import (
    ARTIST_ENTITIES,
    CooldownRequired,
    Entity,
    NotAllowed,
    RefusedAltogether,
    SignInRefused,
    SourceError,
    Usage,
)
from spotify_assets.sources.records import NewRelease, Parsed
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets_tests.support.servers.upstream import IMPATIENT, QUICK, FakeClock, Landed
from spotify_assets_tests.support.simulator_server import running

DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def calm() -> Iterator[str]:
    with running(SimulatorConfig(artists=200, quirks=False)) as url:
        yield url


def source(url: str, limits: Limits = QUICK) -> SpotifySource:
    return SpotifySource.from_settings(load_settings(simulator_url=url), limits=limits, clock=FakeClock())


def observe(url: str, entity: Entity, keys: list[str], day: date = DAY) -> tuple[Usage, Parsed, Landed]:
    async def go() -> tuple[Usage, Parsed, Landed]:
        landed = Landed()
        async with source(url) as simulated:
            usage = await simulated.observe(entity, day, keys, landed)
            return usage, simulated.parse(entity, landed), landed

    return asyncio.run(asyncio.wait_for(go(), 60))


@pytest.fixture(scope="module")
def known(calm: str) -> list[str]:
    """Ids of artists that exist."""
    _, parsed, _ = observe(calm, "new_releases", [])
    found = {i: None for r in parsed.records if isinstance(r, NewRelease) for i in r.artist_ids}
    return list(found)[:60]


@pytest.mark.parametrize("entity", ARTIST_ENTITIES)
def test_a_past_day_is_the_same_every_time_and_accounted_for(
    calm: str, known: list[str], entity: Entity
) -> None:
    first, parsed, landed = observe(calm, entity, known)
    _, again, _ = observe(calm, entity, known)
    assert first.failures == ()
    assert {e.observed_at.date() for e in landed} == {DAY}
    assert sorted(map(repr, parsed.records)) == sorted(map(repr, again.records))
    assert parsed.records
    assert parsed.rejected == []
    _, other_day, _ = observe(calm, entity, known, date(2026, 4, 1))
    assert sorted(map(repr, other_day.records)) != sorted(map(repr, parsed.records))


def test_artists_are_found_by_name_and_id(calm: str, known: list[str]) -> None:
    async def go() -> None:
        async with source(calm) as simulated:
            (hit,) = await simulated.find_artists(known[:1])
            assert hit.artist_id == known[0]
            assert hit.name
            found = await simulated.search_artists(hit.name, limit=50)
            assert 1 <= len(found) <= 10
            assert hit.artist_id in {other.artist_id for other in found}

    asyncio.run(go())


TERMINAL: dict[str, type[SourceError]] = {
    "rate_limited_day": CooldownRequired,
    "quota_exceeded": CooldownRequired,
    "forbidden": NotAllowed,
    "premium_required": RefusedAltogether,
}


QUESTIONS: dict[Entity, str] = {
    "artists": r"^/v1/artists\?",
    "top_tracks": "/top-tracks",
    "new_releases": "^/v1/(browse|albums)",
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_ends_in_order(known: list[str], fault: str) -> None:
    """Whatever strikes the first two answers, the rest arrives or the reason is told, soon."""
    paths = ["^/api/token"] * 3 if fault == "invalid_client" else list(QUESTIONS.values())
    rules = tuple(Fault(fault=fault, path=path, times=2, value="v", size=10**6) for path in paths)
    with running(SimulatorConfig(artists=200, quirks=False, faults=rules)) as url:
        for entity in ARTIST_ENTITIES:
            check_fault(url, entity, known[:8], fault)


def check_fault(url: str, entity: Entity, keys: list[str], fault: str) -> None:
    landed = Landed()

    async def go() -> tuple[Usage | SourceError, Parsed]:
        async with source(url, IMPATIENT) as simulated:
            try:
                outcome: Usage | SourceError = await simulated.observe(entity, DAY, keys, landed)
            except SourceError as error:
                outcome = error
            return outcome, simulated.parse(entity, landed)

    started = time.monotonic()
    outcome, parsed = asyncio.run(asyncio.wait_for(go(), 30))
    assert time.monotonic() - started < 10
    # A refused call is terminal for what only that call tells; the rest is asked by other calls.
    if fault in TERMINAL and (fault != "forbidden" or entity == "top_tracks"):
        assert isinstance(outcome, TERMINAL[fault])
    if fault == "invalid_client":
        assert isinstance(outcome, SignInRefused)
    if isinstance(outcome, SourceError):
        assert outcome.usage is not None
        assert len(str(outcome)) > 40
    elif entity != "new_releases" and not outcome.failures:
        answered = {getattr(r, "requested_id", None) or getattr(r, "artist_id", None) for r in parsed.records}
        missing = {m.key.partition("/")[0] for m in parsed.missing}
        assert answered | missing == set(keys)
    assert {m.key for m in parsed.missing} <= set(parsed.requested)
