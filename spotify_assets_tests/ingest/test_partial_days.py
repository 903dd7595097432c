"""Days of which a part is known: what came is kept, what did not come has a reason, and the books add up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.tracked import Tracked, tracked_artists
from spotify_assets.contracts.tables import TABLES
from spotify_assets.ingest.land import Landed, land
from spotify_assets.ingest.land_all import land_from_all
from spotify_assets.ingest.load import NothingLanded, load
from spotify_assets.lake.landing import Landing
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.http.request import Limits
from spotify_assets.sources.protocol import CooldownRequired, Entity, UpstreamUnavailable
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import InMemoryState
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import LedgerEntry
from spotify_assets.warehouse.loading.replace import read_partition
from spotify_assets_tests.ingest.test_load import answer
from spotify_assets_tests.support.clocks.shifted import set_upstream_clock
from spotify_assets_tests.support.clocks.timeline import StoppedClock
from spotify_assets_tests.support.simulator_server import running

DAY = date(2026, 11, 20)
NEXT_DAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPENT = Reason(ReasonCode.BUDGET_SPENT)
PAUSED = Reason(ReasonCode.COOLDOWN)
UNIDENTIFIED = Reason(ReasonCode.UNIDENTIFIED, "not looked for yet")
NOT_FOUND = Reason(ReasonCode.UNIDENTIFIED, "nothing was found")


@pytest.fixture(scope="module")
def development() -> Iterator[str]:
    with running(SimulatorConfig(artists=60, quirks=False, mode="development")) as url:
        yield url


class App:
    """One app over several runs: what it found out and what it may still call are remembered."""

    def __init__(self, url: str, landing: Landing, calls_per_day: int | None = None) -> None:
        self.url = url
        self.landing = landing
        self.clock = StoppedClock("2026-11-20T15:00")
        self.memory = InMemoryState(self.clock)
        self.calls_per_day = calls_per_day

    def source(self, name: str = "spotify", url: str | None = None, **more: Any) -> SpotifySource:
        """Asked as a live upstream is, without choosing a day."""
        url = url or self.url
        settings: dict[str, Any] = {"memory": self.memory, "calls_per_day": self.calls_per_day, **more}
        return SpotifySource(
            name,
            api_url=f"{url}/v1",
            accounts_url=url,
            client_id=SecretStr("id"),
            client_secret=SecretStr("secret"),
            clock=self.clock,
            run_id="run",
            **settings,
        )

    def land(
        self,
        entity: Entity,
        tracked: Sequence[str],
        day: date = DAY,
        unidentified: Mapping[str, Reason] | None = None,
        **more: Any,
    ) -> Landed:
        set_upstream_clock(more.get("url") or self.url, self.clock.at)

        async def go() -> Landed:
            async with self.source(**more) as source:
                return await land(source, self.landing, entity, day, tracked, "run", self.clock, unidentified)

        return asyncio.run(go())

    def load(self, warehouse: Warehouse, table: str, day: date = DAY) -> LedgerEntry:
        (loaded,) = load(table, day, self.landing, warehouse, "run")
        return loaded.entry

    def asked(self) -> list[str]:
        """Paths of the calls of the API so far."""
        report = httpx.get(f"{self.url}/_simulator/requests").json()
        return [one["path"] for one in report["requests"] if one["path"].startswith("/v1/")]


@contextmanager
def fault(url: str, **rule: Any) -> Iterator[None]:
    httpx.post(f"{url}/_simulator/faults", json=rule).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(f"{url}/_simulator/faults").raise_for_status()


def adds_up(entry: LedgerEntry) -> bool:
    return entry.requested == entry.received + entry.missing_count and entry.received == (
        entry.loaded + entry.quarantined
    )


def test_what_an_app_may_not_see_is_an_empty_partition_with_reasons(
    development: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(development, landing)
    landed = app.land("top_tracks", artists, markets=("US", "SE"))
    assert landed.stopped is not None
    assert "Deezer and Last.fm tell theirs: see SOURCES" in landed.stopped
    assert landed.usage.calls == 3, "the token, one question, and one to compare"
    entry = app.load(warehouse, "top_tracks")
    assert (entry.requested, entry.loaded, entry.quarantined) == (2 * len(artists), 0, 0)
    assert adds_up(entry)
    why = Reason(ReasonCode.REFUSED, 'refused: HTTP 403: "Forbidden"')
    assert entry.missing == {f"{artist}/{market}": why for artist in artists for market in ("US", "SE")}
    assert entry.absent == {}
    assert read_partition(warehouse, "top_tracks", DAY).num_rows == 0
    # The next run asks nothing, and the books stay as they are.
    assert app.land("top_tracks", artists, markets=("US", "SE")).usage.calls == 0
    assert app.load(warehouse, "top_tracks").missing == entry.missing


def test_columns_that_nobody_sent_have_a_reason_in_the_books(
    development: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(development, landing)
    app.land("artists", artists)
    entry = app.load(warehouse, "artist_snapshots")
    assert (entry.requested, entry.loaded, entry.missing) == (len(artists), len(artists), {})
    assert entry.absent == {
        **dict.fromkeys(("popularity", "followers", "genres"), Reason(ReasonCode.WITHHELD)),
        **dict.fromkeys(("listeners", "plays"), Reason(ReasonCode.NOT_PUBLISHED)),
    }


def test_a_day_whose_calls_run_out_observes_the_most_important_first(
    development: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    watchlist.add_many(warehouse, "spotify", [(artist, None) for artist in artists])
    for priority, artist in enumerate(artists[-2:], start=1):
        watchlist.add(warehouse, "spotify", artist, priority=priority)
    ordered = list(tracked_artists(warehouse, "spotify").ids)
    assert ordered[:2] == [artists[-1], artists[-2]]
    app = App(development, landing, calls_per_day=5)
    landed = app.land("artists", ordered)
    assert landed.stopped is not None
    assert "all 5 calls allowed for 2026-11-20 are used; they renew at 2026-11-21 00:00 UTC" in landed.stopped
    # The first of five calls found out that batches are refused.
    entry = app.load(warehouse, "artist_snapshots")
    assert entry.missing == dict.fromkeys(ordered[4:], SPENT)
    assert (entry.requested, entry.loaded) == (len(ordered), 4)
    assert adds_up(entry)
    rows = read_partition(warehouse, "artist_snapshots", DAY)
    assert set(rows.column("artist_id").to_pylist()) == set(ordered[:4])

    before = len(app.asked())
    again = app.land("artists", ordered)
    assert again.stopped is not None
    assert len(app.asked()) == before, "no call leaves once the budget is spent"

    # The next day has calls of its own and wastes none; the day before stays as it was.
    app.clock.at = datetime(2026, 11, 21, 15, tzinfo=UTC)
    assert app.land("artists", ordered, NEXT_DAY).stopped is not None
    assert app.asked()[before:] == [f"/v1/artists/{artist}" for artist in ordered[:5]]
    assert app.load(warehouse, "artist_snapshots", NEXT_DAY).missing == dict.fromkeys(ordered[5:], SPENT)
    assert app.load(warehouse, "artist_snapshots").missing == entry.missing

    # A larger budget on the same day fetches the rest and nothing else.
    app.calls_per_day = 100
    before = len(app.asked())
    assert app.land("artists", ordered, NEXT_DAY).stopped is None
    assert app.asked()[before:] == [f"/v1/artists/{artist}" for artist in ordered[5:]]
    entry = app.load(warehouse, "artist_snapshots", NEXT_DAY)
    assert (entry.missing, entry.loaded) == ({}, len(ordered))


def test_a_budget_spent_before_the_first_call_is_an_empty_partition_that_says_so(
    simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(simulator, landing, calls_per_day=1)
    app.land("artists", artists)
    for table in ("top_tracks", "new_releases"):
        landed = app.land(TABLES[table].entity, artists)
        assert landed.stopped is not None
        entry = app.load(warehouse, table)
        assert (entry.loaded, set(entry.missing.values())) == (0, {SPENT}), table
        assert entry.requested == entry.missing_count
    app.calls_per_day = None
    for table in ("top_tracks", "new_releases"):
        assert app.land(TABLES[table].entity, artists).stopped is None
        entry = app.load(warehouse, table)
        assert entry.missing == {}, table
        assert entry.loaded > 0


@pytest.mark.parametrize("mode", ["simulator", "development"])
def test_new_releases_that_were_cut_short_are_whole_after_the_next_run(
    request: pytest.FixtureRequest, mode: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(request.getfixturevalue(mode), landing, calls_per_day=4 if mode == "development" else 1)
    landed = app.land("new_releases", artists)
    assert landed.stopped is not None
    entry = app.load(warehouse, "new_releases")
    assert entry.loaded > 0
    assert set(entry.missing.values()) == {SPENT}
    rest = {key.partition(":")[0] for key in entry.missing}
    assert rest == ({"artist"} if mode == "development" else {"the rest of the list"})
    app.calls_per_day = None
    assert app.land("new_releases", artists).stopped is None
    whole = app.load(warehouse, "new_releases")
    assert whole.missing == {}
    assert whole.loaded > entry.loaded or mode == "development"
    assert app.land("new_releases", artists).replayed


def test_a_cooldown_before_anything_came_is_an_error_and_leaves_the_day_open(
    simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(simulator, landing)
    with (
        fault(simulator, fault="rate_limited_day"),
        pytest.raises(CooldownRequired, match="has to be left alone until"),
    ):
        app.land("artists", artists)
    with pytest.raises(NothingLanded):
        load("artist_snapshots", DAY, landing, warehouse, "run")
    before = len(app.asked())
    with pytest.raises(CooldownRequired):
        app.land("artists", artists)
    assert len(app.asked()) == before, "nothing leaves while it lasts"
    app.memory = InMemoryState(app.clock)
    assert not app.land("artists", artists).replayed
    assert app.load(warehouse, "artist_snapshots").missing == {}


def test_a_cooldown_midway_keeps_what_came_and_says_why_the_rest_did_not(
    simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(simulator, landing)
    with fault(simulator, fault="rate_limited_day", path="/top-tracks", after=3, times=1):
        landed = app.land("top_tracks", artists, concurrency=1)
    assert landed.stopped is not None
    entry = app.load(warehouse, "top_tracks")
    assert entry.loaded > 0
    assert adds_up_lists(entry, artists)
    assert set(entry.missing) == {f"{artist}/US" for artist in artists[3:]}
    assert {entry.missing[f"{artist}/US"] for artist in artists[4:]} == {PAUSED}


def adds_up_lists(entry: LedgerEntry, artists: Sequence[str]) -> bool:
    """Top tracks are requested by the list and received by the track."""
    return entry.requested == len(artists) and entry.received == entry.loaded + entry.quarantined


def test_artists_without_an_id_at_a_source_are_missing_there_with_the_reason(
    simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    nobody = {"deezer:4050205": UNIDENTIFIED}
    app = App(simulator, landing)
    landed = app.land("artists", artists, unidentified=nobody)
    assert landed.stopped is None
    entry = app.load(warehouse, "artist_snapshots")
    assert (entry.requested, entry.loaded, entry.missing) == (len(artists) + 1, len(artists), nobody)
    assert adds_up(entry)
    assert app.land("artists", artists, unidentified=nobody).replayed
    # One more of them is recorded without asking anything.
    more = {**nobody, "deezer:13": NOT_FOUND}
    assert app.land("artists", artists, unidentified=more).usage.calls == 0
    assert app.load(warehouse, "artist_snapshots").missing == more


def test_who_is_identified_later_in_the_day_is_not_missing_any_more(
    simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(simulator, landing)

    async def go(run_id: str, tracked: list[str], nobody: Mapping[str, Reason]) -> Landed:
        async with app.source() as source:
            return await land(source, landing, "artists", DAY, tracked, run_id, app.clock, nobody)

    unknown = {"deezer:13": UNIDENTIFIED}
    asyncio.run(go("first", artists[1:], unknown))
    assert app.load(warehouse, "artist_snapshots").missing == unknown
    assert not asyncio.run(go("second", artists, {})).replayed
    entry = app.load(warehouse, "artist_snapshots")
    assert (entry.requested, entry.loaded, entry.missing) == (len(artists), len(artists), {})
    assert asyncio.run(go("third", artists, {})).replayed


def test_a_source_that_knows_none_of_the_watched_has_an_empty_partition(
    simulator: str, landing: Landing, warehouse: Warehouse
) -> None:
    nobody = {f"deezer:{n}": NOT_FOUND for n in range(3)}
    app = App(simulator, landing)
    before = len(app.asked())
    assert app.land("artists", [], unidentified=nobody).usage.calls == 0
    assert len(app.asked()) == before
    entry = app.load(warehouse, "artist_snapshots")
    assert (entry.requested, entry.loaded, entry.missing) == (3, 0, nobody)


def test_one_source_that_fails_does_not_keep_another_from_landing(
    simulator: str, landing: Landing, warehouse: Warehouse, artists: list[str]
) -> None:
    app = App(simulator, landing)
    limits = Limits(request_seconds=0.25, backoff_base=0.01)
    tracked = {"spotify": Tracked(artists), "simulated": Tracked(artists)}
    nowhere = "http://127.0.0.1:9"

    async def go(good_url: str) -> tuple[dict[str, Landed], dict[str, str]]:
        good = app.source(url=good_url, limits=limits)
        bad = app.source("simulated", url=nowhere, limits=limits)
        async with good, bad:
            return await land_from_all([bad, good], landing, "artists", DAY, tracked, "run", app.clock)

    with pytest.raises(UpstreamUnavailable):
        asyncio.run(go(nowhere))
    landed, failed = asyncio.run(go(simulator))
    assert list(landed) == ["spotify"]
    assert list(failed) == ["simulated"]
    assert "simulated" in failed["simulated"]
    entry = app.load(warehouse, "artist_snapshots")
    assert (entry.source, entry.loaded, entry.missing) == ("spotify", len(artists), {})


def test_an_upstream_that_answers_with_another_id_says_who_is_who(
    landing: Landing, warehouse: Warehouse
) -> None:
    merged, same = {"id": "new", "name": "N"}, {"id": "same", "name": "S"}
    said = answer({"artists": [merged, same]}, ["old", "same"])
    landing.put("spotify", "artists", DAY, "a", [replace(said, observed_at=NOON)])
    app = App("", landing)
    entry = app.load(warehouse, "artist_snapshots")
    assert (entry.requested, entry.loaded, entry.missing) == (2, 2, {})
    rows = read_partition(warehouse, "artist_snapshots", DAY).to_pylist()
    assert {(row["requested_id"], row["artist_id"]) for row in rows} == {("old", "new"), ("same", "same")}
    known = identities.identities_of(warehouse)
    ((key, (alias,)),) = known.items()
    assert key == ("spotify", "old")
    assert (alias.target, alias.target_id, alias.method, alias.confidence) == (
        "spotify", "new", "answered", 1.0,
    )  # fmt: skip

    # Loaded again, nothing is added; an id that is merged on a later day is.
    app.load(warehouse, "artist_snapshots")
    assert list(identities.identities_of(warehouse)) == list(known)
    later = replace(answer({"artists": [merged]}, ["older"]), observed_at=NOON + timedelta(days=1))
    landing.put("spotify", "artists", NEXT_DAY, "b", [later])
    app.load(warehouse, "artist_snapshots", NEXT_DAY)
    assert set(identities.identities_of(warehouse)) == {("spotify", "old"), ("spotify", "older")}
