"""A real day on which the upstream fails for one artist: asked for again, and only that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import httpx
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.daily.planner import COMPLETE_TODAY
from spotify_assets.settings import Settings, load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import current_load
from spotify_assets_tests.faults.conftest import forget_requests, requests_seen
from spotify_assets_tests.support.clocks.clocked import Sensor
from spotify_assets_tests.support.simulator_server import running
from spotify_assets_tests.support.warehouse import tracked

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600, func_only=True)]
CONFIG = SimulatorConfig(artists=60, quirks=False)


@pytest.fixture
def upstream() -> Iterator[str]:
    with running(CONFIG) as url:
        yield url


@pytest.fixture
def observed(
    settings: Settings, warehouse: Warehouse, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of that upstream, with ten artists watched."""
    artists = Catalogue(CONFIG.seed, CONFIG.artists, quirks=False).artist_ids(10)
    watchlist.add_many(warehouse, "simulated", [(one, None) for one in artists])
    monkeypatch.setenv("SIMULATOR_URL", upstream)
    return load_settings()


def observe(
    settings: Settings, instance: dg.DagsterInstance, day: str, request: dg.RunRequest | None = None
) -> bool:
    """The whole job, as a schedule or sensor starts it."""
    definitions = build_definitions(settings)
    tags = dict(request.tags) | {"dagster/run_key": request.run_key or ""} if request else {}
    return definitions.resolve_job_def("observe_day").execute_in_process(
        instance=instance, partition_key=day, tags=tags, raise_on_error=False
    ).success  # fmt: skip


def top_tracks_asked(upstream: str) -> list[str]:
    return [one["path"].split("/")[3] for one in requests_seen(upstream) if "top-tracks" in one["path"]]


def test_the_run_that_is_asked_for_again_asks_only_for_what_is_missing(
    observed: Settings, warehouse: Warehouse, upstream: str
) -> None:
    now = datetime.now(UTC)
    if now.hour == 23:
        pytest.skip("the last hour of the day: no time is left to ask again")
    day = now.date()
    unlucky = tracked(warehouse, "simulated")[3].artist_id
    rule = {"fault": "status_503", "path": f"/artists/{unlucky}/top-tracks"}
    httpx.post(f"{upstream}/_simulator/faults", json=rule).raise_for_status()
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = Sensor(COMPLETE_TODAY, observed, instance)
        assert observe(observed, instance, day.isoformat())
        assert len(set(top_tracks_asked(upstream))) == 10
        load = current_load(warehouse, "top_tracks", "simulated", day)
        assert load is not None
        assert load.missing_count == 1
        httpx.delete(f"{upstream}/_simulator/faults").raise_for_status()
        forget_requests(upstream)

        assert sensor.tick(datetime.now(UTC)) == []
        (request,) = sensor.tick(datetime.now(UTC) + timedelta(minutes=31))
        assert request.run_key == f"{day} retry 1"
        assert observe(observed, instance, day.isoformat(), request)
        assert top_tracks_asked(upstream) == [unlucky]
        assert len(requests_seen(upstream)) <= 2, "that, and a token"
        load = current_load(warehouse, "top_tracks", "simulated", day)
        assert load is not None
        assert load.missing_count == 0
        assert sensor.tick(datetime.now(UTC) + timedelta(minutes=40)) == []
