"""What `up` watches while it runs: its home, its database, and the runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import psycopg2

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.dagster_runs import SeenRun, newest_run, runs_since
from spotify_assets.warehouse.errors import WarehouseError

WORDS = {"STARTED": "started", "SUCCESS": "succeeded", "FAILURE": "failed", "CANCELED": "was cancelled"}
"""States of a run that are worth a line."""


class HomeGone(click.ClickException):
    """The folder with everything in it was removed or replaced."""


class Watch:
    """Looks at home, database and runs each time it is asked to."""

    def __init__(self, home: Path, warehouse: Warehouse, web: str, say: Callable[[str], None]) -> None:
        """Begin to watch.

        Args:
            home: The platform's home.
            warehouse: The database.
            web: Address of the web UI.
            say: Prints a line.
        """
        self._home, self._warehouse, self._web, self._say = home, warehouse, web, say
        self._folder = _identity(home)
        self._answers = True
        self._seen: dict[str, str] = {}
        self._after = newest_run(warehouse)

    def look(self) -> None:
        """Say what is new.

        Raises:
            HomeGone: Nothing is left to serve.
        """
        if _identity(self._home) != self._folder:
            raise HomeGone(
                f"{self._home} was removed while the platform was running, and with it what lay there "
                "(of the embedded default, the database). Everything was stopped; start again with: "
                "spotify-assets up"
            )
        try:
            open_runs = [run_id for run_id, status in self._seen.items() if status in {"", "STARTED"}]
            runs = runs_since(self._warehouse, self._after, open_runs)
        except (WarehouseError, psycopg2.Error) as error:
            if self._answers:
                self._say(f"{_time()}  The database does not answer; waiting for it. {str(error).strip()}")
            self._answers = False
            return
        if not self._answers:
            self._say(f"{_time()}  The database answers again")
        self._answers = True
        for run in runs:
            self._tell(run)

    def _tell(self, run: SeenRun) -> None:
        before = self._seen.get(run.run_id, "")
        self._after = max(self._after, run.number)
        self._seen[run.run_id] = run.status if run.status in WORDS else ""
        if run.status not in WORDS or run.status == before:
            return
        day = f" of {run.day}" if run.day else ""
        where = f": {self._web}/runs/{run.run_id}" if run.status == "FAILURE" else ""
        self._say(f"{_time()}  {run.job}{day} {WORDS[run.status]}{where}")


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _time() -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC"
