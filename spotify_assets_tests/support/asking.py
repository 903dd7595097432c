"""A process of its own that asks an upstream for top tracks, sharing leave to call through the database.

Run as `python -m spotify_assets_tests.support.asking DATABASE_URL UPSTREAM_URL …`: prints a line when it is
ready, waits for a line, asks, and prints what came of it as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.clock import Clock, SystemClock
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.quota import Quota, UncountedQuota
from spotify_assets.sources.http.request import Request
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.protocol import SourceError
from spotify_assets.sources.spotify.auth import ClientCredentials
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.quota import SharedQuota


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking.

    Attributes:
        answered: Questions that were answered.
        calls: Requests that left, sign-in included.
        throttled: Answers with status 429.
        failures: Questions without an answer.
        stopped: Name of the error that ended it, if one did.
        message: Its words.
        seconds: How long it took.
    """

    answered: int
    calls: int
    throttled: int
    failures: int
    stopped: str
    message: str
    seconds: float


class ShiftedClock(SystemClock):
    """A clock that was set wrong."""

    def __init__(self, days: float) -> None:
        self._shift = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._shift


def requests(artists: Sequence[str]) -> Iterator[Request]:
    """One for each artist."""
    for artist in artists:
        yield Request(f"top tracks of {artist}", f"/artists/{artist}/top-tracks", (("market", "US"),))


async def ask(quota: Quota, upstream: str, artists: Sequence[str], clock: Clock) -> Outcome:
    """Ask for all of them, as far as there is leave."""
    answered: set[str] = set()

    def sink(exchange: Exchange) -> None:
        if exchange.status == 200:
            answered.add(exchange.url)

    accounts = PoliteClient(upstream, concurrency=1, quota=UncountedQuota(quota), clock=clock)
    sign_in = ClientCredentials(accounts, SecretStr("an-id"), SecretStr("a-secret"), clock)
    api = PoliteClient(f"{upstream}/v1", concurrency=16, quota=quota, authorization=sign_in, clock=clock)
    started = clock.monotonic()
    session = ObservationSession(
        source="simulated",
        entity="top_tracks",
        sink=sink,
        clock=clock,
        budget=api.budget(),
        deadline=started + 300,
        day=clock.now().date(),
        past=True,
    )
    stopped = message = ""
    try:
        await api.send_all(requests(artists), session)
    except SourceError as error:
        stopped, message = type(error).__name__, str(error)
    seconds = clock.monotonic() - started
    await api.aclose()
    await accounts.aclose()
    usage = session.usage
    return Outcome(
        len(answered), usage.calls, usage.throttled, len(session.failures), stopped, message, seconds
    )


def main() -> None:
    """Be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("upstream")
    parser.add_argument("--from", type=int, default=0, dest="first", help="number of the first artist")
    parser.add_argument("--artists", type=int, default=100)
    parser.add_argument("--per-second", type=float)
    parser.add_argument("--per-day", type=int)
    parser.add_argument("--clock-days", type=float, default=0.0, help="how far this clock is wrong")
    options = parser.parse_args()
    quota = SharedQuota(Warehouse(SecretStr(options.database)), "simulated", "none")
    quota.limit(options.per_second, options.per_day)
    catalogue = Catalogue(artists=options.first + options.artists, quirks=False)
    artists = catalogue.artist_ids()[options.first :]
    print("ready", flush=True)
    sys.stdin.readline()
    outcome = asyncio.run(ask(quota, options.upstream, artists, ShiftedClock(options.clock_days)))
    print(json.dumps(asdict(outcome)), flush=True)


class Asking:
    """A started process."""

    def __init__(self, database: str, upstream: str, **options: float | None) -> None:
        """Start it, ready to ask."""
        words = [
            word
            for name, value in options.items()
            if value is not None
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "spotify_assets_tests.support.asking", database, upstream, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def go(self) -> None:
        """Let it ask."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ready(self) -> None:
        """Wait until it could ask."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def outcome(self) -> Outcome:
        """Wait for its end."""
        out, _ = self.process.communicate(timeout=200)
        return Outcome(**json.loads(out))


@contextmanager
def started(database: str, upstream: str, count: int, **options: float | None) -> Iterator[list[Asking]]:
    """Start processes that ask for different artists, all ready; none is left at the end."""
    artists = int(options.pop("artists", None) or 100)
    made = [
        Asking(database, upstream, **{"from": number * artists}, artists=artists, **options)
        for number in range(count)
    ]
    try:
        for each in made:
            each.ready()
        yield made
    finally:
        for each in made:
            each.process.kill()
            each.process.communicate()


def asked(upstream: str, limit: int = 50_000) -> list[dict[str, Any]]:
    """The requests that the simulator saw, in order, the sign-ins included."""
    seen: list[dict[str, Any]] = httpx.get(
        f"{upstream}/_simulator/requests", params={"limit": limit}, timeout=30
    ).json()["requests"]
    return [each for each in seen if not each["path"].startswith("/_simulator")]


if __name__ == "__main__":
    main()
