"""Real runs of the real definitions, with a clock that a test sets and an upstream on loopback."""

from collections.abc import Iterator

import dagster as dg
import pytest

from spotify_assets.settings import Settings, load_settings
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.manifest import build_manifest
from spotify_assets_tests.support.simulator_server import running


@pytest.fixture(scope="session", autouse=True)
def manifest() -> None:
    build_manifest()


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running(SimulatorConfig(artists=60, quirks=False)) as url:
        yield url


@pytest.fixture
def live(settings: Settings, simulator: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a live upstream (the simulator asked as Spotify is)."""
    values = {
        "SPOTIFY_CLIENT_ID": "id", "SPOTIFY_CLIENT_SECRET": "secret",
        "SPOTIFY_API_URL": f"{simulator}/v1", "SPOTIFY_ACCOUNTS_URL": simulator,
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings()


@pytest.fixture
def simulated(settings: Settings, simulator: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the simulated upstream."""
    monkeypatch.setenv("SIMULATOR_URL", simulator)
    return load_settings()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
