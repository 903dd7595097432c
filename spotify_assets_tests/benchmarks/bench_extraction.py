"""How an upstream is asked: with how few requests, how close to a pace, how much faster than one by one.

Run as `python -m spotify_assets_tests.benchmarks.bench_extraction [--artists N]`. The upstream is the
simulator in a process of its own, answering after 50 ms; it computes each artist once, so an untimed pass
over the same artists comes first. Ours is the whole landing: asked, compressed and written to the lake.
The rival is spotipy, asking one question after another, timed over a sample and scaled.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import tempfile
import time
import warnings
from statistics import mean, median
from typing import Any

import httpx
from spotipy import Spotify
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyClientCredentials

from spotify_assets.ingest.land import Landed, land
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings, load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.spotify.requests import ARTISTS_IN_BATCH
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets_tests.benchmarks.common import Report, forget_settings, today, upstream

LATENCY_MS = 50.0


def observe(settings: Settings, artists: list[str], entities: tuple[Entity, ...]) -> float:
    """Ask and land into an empty lake, as a run does; returns the seconds.

    Raises:
        RuntimeError: Something was not answered, so the time means nothing.
    """

    async def work(lake: Landing) -> list[Landed]:
        async with SpotifySource.from_settings(settings) as source:
            return [await land(source, lake, entity, today(), artists, "bench") for entity in entities]

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started = time.perf_counter()
        landed = asyncio.run(work(Landing(folder)))
        seconds = time.perf_counter() - started
    if any(one.stopped or one.usage.failures or one.usage.retries for one in landed):
        raise RuntimeError(f"not everything was answered at the first try: {landed}")
    return seconds


class Server:
    """What the simulator says about what it was asked."""

    def __init__(self, url: str) -> None:
        """Keep the address."""
        self._url = f"{url}/_simulator/requests"

    def forget(self) -> None:
        """Begin a new count."""
        httpx.delete(self._url).raise_for_status()

    def asked(self, limit: int = 0) -> dict[str, Any]:
        """Counts, and the last `limit` requests."""
        answer = httpx.get(self._url, params={"limit": limit}, timeout=30)
        answer.raise_for_status()
        report: dict[str, Any] = answer.json()
        return report


def spotipy_seconds(url: str, artists: list[str], sample: int) -> tuple[float, float]:
    """Mean seconds of one batch of artists and of one list of top tracks, each question after the last."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    auth = SpotifyClientCredentials("id", "secret", cache_handler=MemoryCacheHandler())
    auth.OAUTH_TOKEN_URL = f"{url}/api/token"
    client = Spotify(auth_manager=auth)
    client.prefix = f"{url}/v1/"
    client.artist(artists[0])  # signs in and connects
    batches, tops = [], []
    for number in range(3):
        started = time.perf_counter()
        client.artists(artists[number * ARTISTS_IN_BATCH :][:ARTISTS_IN_BATCH])
        batches.append(time.perf_counter() - started)
    for artist_id in artists[: sample - 3]:
        started = time.perf_counter()
        client.artist_top_tracks(artist_id, country="US")
        tops.append(time.perf_counter() - started)
    return mean(batches), mean(tops)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artists", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=60, help="questions that spotipy asks")
    parser.add_argument("--pace", type=float, default=100.0, help="requests a second")
    parser.add_argument("--paced", type=int, default=400, help="artists asked about at that pace")
    options = parser.parse_args()
    forget_settings()
    report = Report("extraction")
    artists = Catalogue(artists=1000, quirks=False).artist_ids()[: options.artists]
    both: tuple[Entity, ...] = ("artists", "top_tracks")
    with upstream(LATENCY_MS) as url:
        server = Server(url)
        settings = load_settings(simulator_url=url)
        observe(settings, artists, both)

        server.forget()
        ours = [observe(settings, artists, both)]
        fewest = 1 + math.ceil(len(artists) / ARTISTS_IN_BATCH) + len(artists)
        asked = server.asked()
        report.add(
            f"requests for {len(artists):,} artists and top tracks / fewest possible",
            asked["total"] / fewest,
            1.0,
            direction="at most",
            requests=asked["total"],
            fewest=fewest,
            by_path=asked["by_path"],
        )

        ours += [observe(settings, artists, both) for _ in range(options.rounds - 1)]
        batch, top = spotipy_seconds(url, artists, options.sample)
        loop = math.ceil(len(artists) / ARTISTS_IN_BATCH) * batch + len(artists) * top
        report.add(
            "faster than a sequential spotipy loop (scaled from a sample)",
            loop / median(ours),
            8.0,
            seconds=median(ours),
            all_seconds=ours,
            spotipy_seconds=loop,
            spotipy_sample=options.sample,
            concurrency=settings.spotify_concurrency,
            latency_ms=LATENCY_MS,
        )
        ideal = math.ceil((fewest - 1) / settings.spotify_concurrency) * LATENCY_MS / 1000
        report.add("time / what the latency alone would take at that concurrency", median(ours) / ideal)

        server.forget()
        paced = settings.model_copy(update={"spotify_requests_per_second": options.pace})
        observe(paced, artists[: options.paced], ("top_tracks",))
        times = sorted(seen["time"] for seen in server.asked(options.paced + 1)["requests"])
        times = times[settings.spotify_concurrency :]  # the first ones wait for signing in, and catch up
        report.add(
            f"share of a pace of {options.pace:g} a second that is reached",
            (len(times) - 1) / (max(times) - min(times)) / options.pace,
            0.9,
            requests=len(times),
        )


if __name__ == "__main__":
    main()
