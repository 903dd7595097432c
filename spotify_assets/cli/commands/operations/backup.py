"""`backup` and `restore`: everything into one file, and back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from spotify_assets.cli.commands.operations.purge import confirm
from spotify_assets.cli.runtime.console import command, console, progress, shown
from spotify_assets.cli.runtime.environment import open_environment
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import load_settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.roles.platform import grant

if TYPE_CHECKING:
    from spotify_assets.operations.archive import Manifest

KEY_NOTE = (
    "The key of users' sign-ins (user-tokens.key) and .env are not in it: keep them apart, or sign in again "
    "after a restore."
)


def _progress(screen: Console, text: str, *, silent: bool) -> AbstractContextManager[Callable[[str], None]]:
    return nullcontext(lambda _: None) if silent else progress(screen, text)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


@click.command("backup", short_help="Write warehouse, lake and Dagster's records into one file.")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def backup_command(target: Path, as_json: bool) -> None:
    """Write warehouse, Dagster's records and lake into one file; runs may go on meanwhile.

    TARGET is a file that is not there yet, or a folder, where the file is named for the moment. The database
    is dumped as it is when the command starts, and the lake copied after it, so that whatever was loaded can
    be loaded again.

    \b
    Examples:
      spotify-assets backup /backups
      spotify-assets backup before-upgrade.tar
    """  # noqa: D301 - \b is for click
    from spotify_assets.operations.backup import back_up  # noqa: PLC0415 - slow to import

    environment = open_environment()
    screen = console()
    place = (environment.warehouse, environment.landing, environment.settings.spotify_assets_home)
    with _progress(screen, "Backing up", silent=as_json) as show:
        file, manifest = back_up(*place, target, show)
    if as_json:
        click.echo(json.dumps({"file": str(file.resolve()), **manifest.as_json()}, indent=2))
        return
    screen.print(
        f"{shown(file)}: the database and {manifest.parts:,} files of the lake, {_megabytes(manifest.bytes)}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    screen.print(KEY_NOTE, markup=False, soft_wrap=True)
    screen.print(
        f"Check that it can be read: {command()} restore {shlex.quote(shown(file))} --dry-run",
        markup=False, soft_wrap=True,
    )  # fmt: skip


def _describe(manifest: Manifest) -> str:
    about = manifest.about
    return (
        f"made {about['made_at']} by version {about['version']} from PostgreSQL {about['postgres']}: the "
        f"database and {manifest.parts:,} files of the lake, {_megabytes(manifest.bytes)}"
    )


@click.command("restore", short_help="Put a backup in the place of what is there.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace the database and the lake that are there.")
@click.option("--dry-run", is_flag=True, help="Only check the file, and say what would be replaced.")
@click.option("--yes", is_flag=True, help="Do not ask before replacing.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def restore_command(file: Path, replace: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Put a backup in the place of what is there: database (Dagster's records too) and lake.

    The file is checked whole first. The database changes in one transaction; if anything fails before it is
    committed, everything stays as it was. A backup of an earlier version is brought up to date.

    \b
    Examples:
      spotify-assets restore /backups/spotify-assets-2026-11-25T0330Z.tar --dry-run
      spotify-assets restore backup.tar
      spotify-assets restore backup.tar --replace
    """  # noqa: D301 - \b is for click
    from spotify_assets.operations.archive import checked  # noqa: PLC0415 - slow to import
    from spotify_assets.operations.restore import restore, standing  # noqa: PLC0415 - slow to import

    settings = load_settings()
    screen = console()
    with _progress(screen, "Checking", silent=as_json) as show:
        manifest = checked(file, show)
    loader, landing = Warehouse.reach(settings), Landing(settings.effective_lake_url)
    owner = Warehouse.reach_owner(settings)
    warehouse = owner or loader
    there = standing(warehouse, landing)
    if not dry_run:
        if there and not replace:
            raise click.ClickException(
                f"The target is not empty: {' and '.join(there)}. Nothing was changed. Restore into an empty "
                "home (SPOTIFY_ASSETS_HOME) and database, or add --replace to lose what is there."
            )
        if there and not yes:
            confirm(f"{' and '.join(there)} will be replaced. Go on?")
        place = (warehouse, landing, settings.spotify_assets_home)
        with _progress(screen, "Restoring", silent=as_json) as show:
            migrations = restore(file, manifest, *place, show)
        if owner is not None:
            grant(owner, loader, Warehouse.reach_reader(settings))
    if as_json:
        outcome = {"restored": not dry_run, "replaced" if not dry_run else "would_replace": there}
        click.echo(json.dumps({**outcome, **manifest.as_json()}, indent=2))
        return
    screen.print(f"{shown(file)} is whole: {_describe(manifest)}", markup=False, soft_wrap=True)
    if dry_run:
        screen.print(
            f"Nothing was changed (--dry-run). There is now: {' and '.join(there) or 'nothing'}",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        return
    if migrations:
        screen.print(f"Brought up to date: {', '.join(migrations)}", markup=False, soft_wrap=True)
    screen.print(f"Restored. See what is there: {command()} status", markup=False, soft_wrap=True)
