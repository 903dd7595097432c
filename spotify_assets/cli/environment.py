"""What every command that works needs: settings, database, Dagster's home, the simulated upstream.

Belongs here: bringing these up in the right order and telling child processes where they are.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from spotify_assets.installation import ENV_FILE_VARIABLE, PROJECT_ROOT, env_file
from spotify_assets.lake.landing import Landing
from spotify_assets.operations.dbt_manifest import ensure_manifest
from spotify_assets.private_folders import close_to_others, make_private_folder
from spotify_assets.process_environment import provide
from spotify_assets.settings import Settings, load_settings
from spotify_assets.warehouse.cluster_place import cluster_folder
from spotify_assets.warehouse.connection import CONNECT_SECONDS, Warehouse

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
    warehouse = Warehouse.open(settings, connect_seconds=connect_seconds)
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


def export_dagster(environment: Environment) -> None:
    """Say to Dagster, here and in child processes, where its records and logs are.

    Dagster's home is a folder of the platform's home, with a copy of the project's `dagster.yaml`, so that
    what Dagster leaves there never lies in the checkout.
    """
    home = environment.settings.spotify_assets_home / "dagster"
    make_private_folder(home)
    copy = home / f".dagster.yaml.{os.getpid()}"
    copy.write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    copy.replace(home / "dagster.yaml")
    provide(
        {
            "DAGSTER_HOME": str(home),
            "DAGSTER_POSTGRES_URL": environment.warehouse.dagster_url().get_secret_value(),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            # A range run says of each day of each asset that it was materialized: written together.
            "DAGSTER_EVENT_BATCH_SIZE": "500",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
    )
    if file := env_file():
        os.environ[ENV_FILE_VARIABLE] = str(file)
    ensure_manifest(environment.settings.spotify_assets_home)


@contextmanager
def upstream(settings: Settings) -> Iterator[None]:
    """While the block runs, the upstream that the settings choose can be asked.

    The simulated one runs as a process of its own, over real HTTP on loopback, unless one is named by
    SIMULATOR_URL already.
    """
    if not settings.simulated or settings.simulator_url:
        yield
        return
    command = [sys.executable, "-m", "spotify_assets.cli.simulator_process"]
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
