"""What every command that works needs: settings, database, Dagster's home, the simulated upstream."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from spotify_assets.dbt_manifest import ensure_manifest
from spotify_assets.installation import ENV_FILE_VARIABLE, PROJECT_ROOT, env_file
from spotify_assets.lake.landing import Landing
from spotify_assets.private_folders import close_to_others, make_private_folder
from spotify_assets.process_environment import provide
from spotify_assets.settings import Settings, load_settings
from spotify_assets.warehouse.connection import CONNECT_SECONDS, Warehouse
from spotify_assets.warehouse.embedded.location import cluster_folder
from spotify_assets.warehouse.errors import DatabaseUnavailable, MigrationError
from spotify_assets.warehouse.open import open_warehouse

_T = TypeVar("_T")

SIMULATED_NOTE = "SIMULATED upstream: invented artists and numbers. For real ones, set SOURCES."


@dataclass(frozen=True, slots=True)
class Environment:
    """What a command works with."""

    settings: Settings
    warehouse: Warehouse
    landing: Landing

    @property
    def simulated(self) -> bool:
        """Whether the simulated upstream is observed."""
        return self.settings.simulated


def open_environment(
    settings: Settings | None = None, *, connect_seconds: float = CONNECT_SECONDS
) -> Environment:
    """Settings (from the environment when absent), a migrated database, and the lake."""
    settings = settings or load_settings()
    try:
        _close_home(settings)
    except OSError as error:
        raise click.ClickException(
            f"{settings.spotify_assets_home} cannot be used: {error.strerror}. "
            "Set SPOTIFY_ASSETS_HOME to a folder that you may write to."
        ) from None
    warehouse = open_warehouse(settings, connect_seconds=connect_seconds)
    return Environment(settings, warehouse, Landing(settings.effective_lake_url))


def _close_home(settings: Settings) -> None:
    """Make the home, or close to others what an earlier version left open."""
    home = make_private_folder(settings.spotify_assets_home)
    cluster = cluster_folder(home.resolve())
    # As root, the account of a server whose files lie in the home has to pass it.
    passes = os.geteuid() == 0 and cluster == home.resolve() / "postgres" and (cluster / "data").exists()
    close_to_others(home, passing=stat.S_IXGRP if passes else 0)
    for path in home.iterdir():
        if path.name != "postgres":
            close_to_others(path)


def patiently(attempt: Callable[[], _T], seconds: float | None) -> _T:
    """Try again for a while: another service may be about to make the database's users and schemas.

    Args:
        attempt: What needs the database.
        seconds: How long; None to try once.
    """
    deadline = time.monotonic() + (seconds or 0)
    while True:
        try:
            return attempt()
        except (DatabaseUnavailable, MigrationError) as error:
            if time.monotonic() >= deadline:
                raise
            click.echo(f"Waiting: {error}", err=True)
        time.sleep(2)


def enter_dagster(seconds: float | None = None) -> tuple[Settings, Path | None]:
    """Give this process and its children the environment that Dagster's own programs need.

    Those that only keep or show Dagster's records need no other user of the database: where
    DATABASE_DAGSTER_URL stands alone, nothing else is opened.

    Args:
        seconds: How long to wait for the database, its users and its schemas; None to expect them now.

    Returns:
        The settings, and the home of the embedded server if that is the database.
    """
    settings = load_settings()
    records = Warehouse.reach_dagster(settings)
    if settings.database_url is not None or records is None:
        environment = patiently(lambda: open_environment(settings), seconds)
        export_dagster(environment)
        return settings, environment.warehouse.home
    patiently(lambda: _await_records(records), seconds)
    _export(settings, records)
    return settings, None


def _await_records(records: Warehouse) -> None:
    with records.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(has_schema_privilege(to_regnamespace('dagster'), 'create'), false) "
            "or to_regclass('dagster.event_logs') is not null"
        )
        if not (cursor.fetchone() or (False,))[0]:
            raise DatabaseUnavailable(f"Dagster has no records yet in {records.where}")


def export_dagster(environment: Environment) -> None:
    """Say to Dagster, here and in child processes, where its records and logs are.

    Dagster's home is a folder of the platform's home, with a copy of the project's `dagster.yaml`, so that
    what Dagster leaves there never lies in the checkout.
    """
    settings = environment.settings
    _export(settings, Warehouse.reach_dagster(settings) or environment.warehouse)
    ensure_manifest(settings.spotify_assets_home)


def _export(settings: Settings, records: Warehouse) -> None:
    home = make_private_folder(settings.spotify_assets_home / "dagster")
    copy = home / f".dagster.yaml.{os.getpid()}"
    copy.write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    copy.replace(home / "dagster.yaml")
    provide(
        {
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_URL": records.dagster_url().get_secret_value(),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            # A range run says of each day of each asset that it was materialized: written together.
            "DAGSTER_EVENT_BATCH_SIZE": "500",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
    )
    if file := env_file():
        os.environ[ENV_FILE_VARIABLE] = str(file)


@contextmanager
def upstream(settings: Settings) -> Iterator[None]:
    """While the block runs, the upstream that the settings choose can be asked.

    The simulated one runs as a process of its own, over real HTTP on loopback, unless one is named by
    SIMULATOR_URL already.
    """
    if not settings.simulated or settings.simulator_url:
        yield
        return
    command = [sys.executable, "-m", "spotify_assets.cli.runtime.simulator_process"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101 - asked for above
            url = process.stdout.readline().strip()
            if not url:
                raise click.ClickException(
                    "The simulated upstream did not start; try: spotify-assets simulate"
                )
            os.environ["SIMULATOR_URL"] = url
            yield
        finally:
            os.environ.pop("SIMULATOR_URL", None)
            process.terminate()
