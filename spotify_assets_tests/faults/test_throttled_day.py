"""Today, live, and the upstream wants to be left alone for a day in the middle of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.faults.conftest import ARTISTS, INGEST, Platform, forget_requests, requests_seen
from spotify_assets_tests.support.command import change, contents, query
from spotify_assets_tests.support.simulator_server import running

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400, func_only=True)]

ASKED_BEFORE = 15


@pytest.fixture
def upstream() -> Iterator[str]:
    with running(SimulatorConfig(artists=200, quirks=False)) as url:
        yield url


@pytest.fixture
def live(tmp_path: Path, database_server: DatabaseServer, upstream: str) -> Iterator[Platform]:
    with database_server.database(database_server.template) as url:
        variables = {
            "DATABASE_URL": url, "SPOTIFY_API_URL": f"{upstream}/v1", "SPOTIFY_ACCOUNTS_URL": upstream,
            "SPOTIFY_CLIENT_ID": "someone", "SPOTIFY_CLIENT_SECRET": "something",
            "SPOTIFY_REQUESTS_PER_SECOND": "100",
        }  # fmt: skip
        made = Platform(tmp_path, variables, url)
        made.track()
        yield made


def top_tracks_of(platform: Platform) -> set[str]:
    return {
        artist for (artist,) in query(platform.url, "select distinct artist_id from snapshots.top_tracks")
    }


def test_it_ends_at_once_keeps_what_came_and_asks_only_the_rest(live: Platform, upstream: str) -> None:
    rule = {"fault": "rate_limited_day", "path": "/top-tracks", "after": ASKED_BEFORE}
    httpx.post(f"{upstream}/_simulator/faults", json=rule).raise_for_status()
    started = time.monotonic()
    done = live.run("materialize", *INGEST).succeeded()
    assert time.monotonic() - started < 90
    assert "86,400 s" in done.out
    assert "only what is missing is asked for again" in done.out
    assert re.search(rf"top_tracks +spotify +1 +{ARTISTS} +{ARTISTS - ASKED_BEFORE} ", done.out)
    assert "the upstream asked to be left alone before its turn came" in done.out
    kept = top_tracks_of(live)
    assert len(kept) == ASKED_BEFORE
    refused = [request for request in requests_seen(upstream) if request["status"] == 429]
    assert 1 <= len(refused) <= 32, "the pause was asked for, and not heeded"
    live.check_books()

    # It may answer again, but has not said so: no process asks anything before the time.
    httpx.delete(f"{upstream}/_simulator/faults").raise_for_status()
    forget_requests(upstream)
    live.run("materialize", *INGEST)
    assert requests_seen(upstream) == []
    assert top_tracks_of(live) == kept
    assert "paused" in live.run("status").succeeded().out

    change(live.url, "update ops.cooldowns set until = clock_timestamp()")
    before = contents(live.url)
    forget_requests(upstream)
    live.run("materialize", *INGEST).succeeded()
    asked = [
        request["path"].split("/")[3]
        for request in requests_seen(upstream)
        if "top-tracks" in request["path"]
    ]
    assert len(asked) == len(set(asked)) == ARTISTS - ASKED_BEFORE
    assert not set(asked) & kept
    assert not [request for request in requests_seen(upstream) if "top-tracks" not in request["path"]]
    after = contents(live.url)
    assert set(before["snapshots.top_tracks"]) < set(after["snapshots.top_tracks"])
    assert before["snapshots.artist_snapshots"] == after["snapshots.artist_snapshots"]
    assert len(top_tracks_of(live)) == ARTISTS
    live.check_books()
