"""A simulated upstream, a lake and artists to ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_server import running


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running(SimulatorConfig(artists=60, quirks=False)) as url:
        yield url


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def artists() -> list[str]:
    return Catalogue(artists=60, quirks=False).artist_ids(7)


@pytest.fixture
def simulated(settings: Settings, simulator: str) -> Settings:
    return settings.model_copy(update={"simulator_url": simulator})
