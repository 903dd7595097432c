"""A signed-in client of a running simulator, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_server import running

DAY = "2026-11-20"


def sign_in(base: str) -> str:
    reply = httpx.post(f"{base}/api/token", auth=("any", "secret"), data={"grant_type": "client_credentials"})
    reply.raise_for_status()
    return f"Bearer {reply.json()['access_token']}"


@contextmanager
def client_of(base: str, day: str | None = DAY, **options: Any) -> Iterator[httpx.Client]:
    headers = {"Authorization": sign_in(base)}
    if day is not None:
        headers["X-Simulated-Date"] = day
    with httpx.Client(base_url=base, headers=headers, timeout=10, **options) as client:
        yield client


@contextmanager
def simulated(day: str | None = DAY, **switches: Any) -> Iterator[httpx.Client]:
    switches.setdefault("artists", 200)
    with running(SimulatorConfig(**switches)) as base, client_of(base, day) as client:
        yield client
