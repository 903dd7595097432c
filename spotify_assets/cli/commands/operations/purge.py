"""`purge`: remove what a source, an artist or a user brought, and prove it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from spotify_assets.artists.references import parse_reference
from spotify_assets.cli.runtime.console import console, shown
from spotify_assets.cli.runtime.environment import Environment, open_environment
from spotify_assets.sources.spotify.ids import NotAnArtist

if TYPE_CHECKING:
    from spotify_assets.erasure.purge import Purged


def confirm(question: str) -> None:
    """Ask before what cannot be undone.

    Raises:
        click.Abort: The answer is no.
        click.UsageError: Nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{question} Nobody is here to answer: add --yes to go on, or --dry-run to look"
        )
    click.confirm(question, abort=True)


def print_purged(screen: Console, purged: Purged) -> None:
    """The table of places searched, with what a person should know besides."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("place")
    for name in ("found", "removed", "left"):
        table.add_column(name, justify="right")
    for place in purged.places:
        removed = "–" if purged.dry_run else f"{place.removed:,}"
        left = "–" if purged.dry_run else f"{place.left:,}"
        table.add_row(place.name, f"{place.found:,}", removed, left)
    screen.print(table)
    for note in purged.notes:
        screen.print(f"note: {shown(note)}", markup=False, soft_wrap=True)
    if purged.dry_run:
        screen.print(f"Nothing was removed (--dry-run): {shown(purged.what)}", markup=False)
    elif purged.left:
        screen.print(
            f"{purged.left:,} entries about {shown(purged.what)} are left. Something may have written them "
            "meanwhile: end running jobs, and purge again",
            markup=False, soft_wrap=True,
        )  # fmt: skip
    else:
        screen.print(f"Searched again: nothing about {shown(purged.what)} is left", markup=False)


def _artist_id(reference: str) -> str:
    """The id that a reference names, as `watch` reads it; anything else is taken as an id as it is."""
    found = parse_reference(reference)
    return reference if found is None else found.artist_id


def _task(
    environment: Environment, source: str | None, artist: str | None, user: str | None, before: date | None
) -> Callable[[bool], list[Purged]]:
    """What to do, given whether it is a dry run."""
    from spotify_assets.erasure.places import check_source  # noqa: PLC0415 - slow to import
    from spotify_assets.erasure.purge import enforce_retention, purge_artist, purge_source, purge_user  # noqa: PLC0415 - slow to import

    place = (environment.warehouse, environment.landing, environment.settings.spotify_assets_home)
    if source is not None:
        check_source(*place[:2], source)
    if artist is not None:
        ident = _artist_id(artist)
        return lambda dry: [purge_artist(*place, ident, source=source, before=before, dry_run=dry)]
    if user is not None:
        return lambda dry: [purge_user(*place[:2], user, source=source, before=before, dry_run=dry)]
    if source is not None:
        return lambda dry: [purge_source(*place, source, before=before, dry_run=dry)]
    days = environment.settings.spotify_retention_days
    if days is None:
        raise click.ClickException(
            "Nothing expires: SPOTIFY_RETENTION_DAYS is not set. Set it to the days that content from "
            "Spotify is to be kept."
        )
    return lambda dry: enforce_retention(*place, days, dry_run=dry)


@click.command("purge", short_help="Remove what a source, an artist or a user brought, and prove it.")
@click.option(
    "--source", metavar="NAME", help="Everything of this source; with --artist or --user, only there."
)
@click.option(
    "--artist", metavar="ID", help="Everything about this artist: an id in any source, a link or URI."
)
@click.option("--user", metavar="ID", help="Everything that this user brought, and their sign-in.")
@click.option("--expired", is_flag=True, help="What is older than SPOTIFY_RETENTION_DAYS.")
@click.option(
    "--before", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only days before this one (UTC)."
)
@click.option("--dry-run", is_flag=True, help="Only say what there is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def purge_command(
    source: str | None,
    artist: str | None,
    user: str | None,
    expired: bool,
    before: datetime | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove what a source, an artist or a user brought: from lake, warehouse, marts and quarantine.

    Afterwards every place is searched again; the exit code is 1 if anything is left. It cannot be undone: a
    past day cannot be observed again.

    \b
    Examples:
      spotify-assets purge --source spotify --dry-run
      spotify-assets purge --artist 0TnOYISbd1XYRBk9myaseg
      spotify-assets purge --user 31abc --before 2026-01-01
      spotify-assets purge --expired --yes
    """  # noqa: D301 - \b is for click
    if (artist is not None) + (user is not None) > 1 or (expired and (source or artist or user or before)):
        raise click.UsageError(
            "choose one of --artist, --user, --expired; --source and --before go with the others"
        )
    if not (source or artist or user or expired):
        raise click.UsageError("say what to remove: --source, --artist, --user or --expired")
    environment = open_environment()
    try:
        task = _task(environment, source, artist, user, before.date() if before else None)
        if not dry_run and not yes:
            for found in task(True):
                confirm(f"{found.found:,} entries about {shown(found.what)} will be removed for good. Go on?")
        outcome = task(dry_run)
    except (NotAnArtist, ValueError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps([purged.as_json() for purged in outcome], indent=2))
    else:
        for purged in outcome:
            print_purged(console(), purged)
    if any(purged.left for purged in outcome):
        raise click.exceptions.Exit(1)
