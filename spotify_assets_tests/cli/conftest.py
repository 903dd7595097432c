"""Homes and databases for commands that run in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spotify_assets.cli import main
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.command import Done, Installation
from spotify_assets_tests.support.manifest import build_manifest
from spotify_assets_tests.support.simulator_server import running


@pytest.fixture(scope="session", autouse=True)
def manifest() -> None:
    build_manifest()


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    with running(SimulatorConfig(artists=200)) as url:
        yield url


@pytest.fixture
def database(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    with database_server.database(database_server.template) as url:
        yield url


@pytest.fixture
def installation(tmp_path: Path, database: str, simulator: str) -> Installation:
    """An empty platform that observes a simulated upstream which runs already."""
    return Installation(tmp_path, {"DATABASE_URL": database, "SIMULATOR_URL": simulator})


@pytest.fixture
def cli(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """The command line in this process, which spares its start; `installation` starts it as its own."""
    for name, value in {"SPOTIFY_ASSETS_HOME": str(installation.home), **installation.variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        try:
            code = main(list(arguments)) or 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return run
