"""Upstreams that send back our token, from end to end: not in the lake, the ledger, or what is remembered."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spotify_assets.ingest.land import land
from spotify_assets.ingest.load import load_source
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.registry import open_source
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.capabilities import all_capabilities
from spotify_assets.warehouse.upstream_state.state import PostgresState
from spotify_assets_tests.support.command import contents
from spotify_assets_tests.support.servers.upstream import DAY, FakeClock, Reply, Seen, Upstream, ids
from spotify_assets_tests.support.simulator_server import running

CANARY = "canary-token-5f0e77"


def kept(lake: Path, warehouse: Warehouse) -> str:
    """All that stands in the lake and in the database."""
    files = [gzip.decompress(path.read_bytes()).decode() for path in lake.rglob("*.jsonl.gz")]
    assert files
    tables = contents(warehouse.url.get_secret_value(), "ops", "snapshots")
    return "\n".join([*files, *(row for rows in tables.values() for row in rows)])


@pytest.fixture
def echoing() -> Iterator[str]:
    with running(SimulatorConfig(artists=60, quirks=False)) as url:
        httpx.post(f"{url}/_simulator/faults", json={"fault": "token_echo"}).raise_for_status()
        yield url


def test_a_token_in_an_answer_is_kept_nowhere(
    settings: Settings, warehouse: Warehouse, landing: Landing, echoing: str, tmp_path: Path
) -> None:
    chosen = settings.model_copy(update={"simulator_url": echoing})
    artists = Catalogue(artists=60, quirks=False).artist_ids(7)

    async def observe() -> None:
        source = open_source(chosen, "simulated", PostgresState(warehouse), run_id="run")
        try:
            for entity in ("artists", "top_tracks", "new_releases"):
                await land(source, landing, entity, DAY, artists, "run")
        finally:
            await source.aclose()

    asyncio.run(observe())
    loaded = load_source("artist_snapshots", "simulated", DAY, landing, warehouse, "run")
    assert loaded is not None
    assert loaded.rows.num_rows == 7
    found = kept(tmp_path, warehouse)
    assert '\\"authorization\\":' in found.replace('": ', '":'), "it did come back"
    assert "Bearer" not in found


def test_a_token_in_a_refusal_is_kept_nowhere(
    warehouse: Warehouse, landing: Landing, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def script(seen: Seen) -> Reply:
        if seen.path == "/v1/search":
            return Reply(body={"artists": {"items": []}})
        words = f"Forbidden for {seen.headers['authorization']}"
        return Reply(403, {"error": {"status": 403, "message": words}})

    async def observe() -> str:
        clock = FakeClock()
        async with Upstream(script, clock) as upstream:
            upstream.token_script = lambda _: Reply(body={"access_token": CANARY, "expires_in": 3600})
            source = upstream.source(clock=clock, memory=PostgresState(warehouse))
            try:
                landed = await land(source, landing, "top_tracks", DAY, ids(3), "run", clock)
            finally:
                await source.aclose()
            assert CANARY in upstream.requests[0].headers["authorization"]
        return repr(landed)

    with caplog.at_level("DEBUG"):
        told = asyncio.run(observe())
        load_source("top_tracks", "spotify", DAY, landing, warehouse, "run")
    found = kept(tmp_path, warehouse)
    reasons = [one.capability.reason for one in all_capabilities(warehouse)]
    assert any("Forbidden for ***" in reason for reason in reasons), reasons
    assert "Forbidden for ***" in found
    for text in (found, told, caplog.text):
        assert CANARY not in text
