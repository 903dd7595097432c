"""Real files on a database of their own, imported by the command line as a user does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.support.command import Installation
from spotify_assets_tests.support.manifest import build_manifest


@contextmanager
def imported(server: DatabaseServer, home: Path, path: Path, first: str) -> Iterator[str]:
    """The URL of a database with a file's observations from `first` on, and all that is built on them."""
    build_manifest()
    with server.database(server.template) as url:
        variables = {"DATABASE_URL": url, "SPOTIFY_ASSETS_START_DATE": first}
        Installation(home, variables).run("import", str(path), seconds=900).succeeded()
        yield url
