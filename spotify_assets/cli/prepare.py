"""`spotify-assets prepare`: what is built ahead so that definitions load fast and never race.

Belongs here: keeping dbt's manifest as new as the dbt project. `prepare_if_dev` of dagster-dbt would
parse in every process that loads the definitions.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import click

from spotify_assets.settings import PROJECT_ROOT

PROJECT = PROJECT_ROOT / "dbt_project"
TARGET = PROJECT / "target"
MANIFEST = TARGET / "manifest.json"
_INPUTS = ("*.sql", "*.yml", "*.md", "*.csv")


def dbt_command(*arguments: str) -> list[str]:
    """Dbt of this environment, on this project."""
    executable = Path(sys.executable).parent / "dbt"
    return [
        str(executable), "--no-use-colors", *arguments,
        "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
    ]  # fmt: skip


def _newest_input() -> float:
    # Not into target: runs under way make and remove folders of theirs there.
    rooms = [path for path in PROJECT.iterdir() if path != TARGET]
    files = (
        path
        for pattern in _INPUTS
        for room in rooms
        for path in (room.rglob(pattern) if room.is_dir() else [room] if room.match(pattern) else [])
    )
    return max((path.stat().st_mtime for path in files), default=0.0)


def _is_current() -> bool:
    return MANIFEST.exists() and MANIFEST.stat().st_mtime >= _newest_input()


def ensure_manifest() -> bool:
    """Parse the dbt project if it changed since; one process at a time.

    Returns:
        True if it was parsed now.

    Raises:
        click.ClickException: dbt could not parse the project; with what it said.
    """
    if _is_current():
        return False
    TARGET.mkdir(parents=True, exist_ok=True)
    with (TARGET / ".prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_current():
            return False
        done = subprocess.run(  # noqa: S603 - our own command
            [*dbt_command("parse"), "--quiet", "--target-path", str(TARGET)],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_LOG_PATH": str(TARGET)},
        )
        if done.returncode != 0:
            raise click.ClickException(f"dbt could not read {PROJECT}:\n{done.stdout}{done.stderr}".strip())
        # dbt leaves the file alone when nothing in it changed; its time is what says "current".
        os.utime(MANIFEST)
    return True


@click.command("prepare", short_help="Build what is built ahead: the dbt manifest.")
def prepare_command() -> None:
    """Build what is built ahead: the dbt manifest.

    \b
    Examples:
      spotify-assets prepare
    """  # noqa: D301 - \b is for click
    click.echo(f"dbt manifest: {'built' if ensure_manifest() else 'current'}")
