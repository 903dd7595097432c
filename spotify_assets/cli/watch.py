"""`watch`: who is tracked, since when, by whom."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.table import Table

from spotify_assets.cli.console import console, literal, shown
from spotify_assets.cli.environment import SIMULATED_NOTE, open_environment, upstream
from spotify_assets.settings import load_settings
from spotify_assets.sources.spotify.ids import NotAnArtist, parse_artist_reference
from spotify_assets.sources.spotify.lookup import ArtistHit
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.warehouse import watchlist


@click.group("watch", short_help="Say which artists are tracked.")
def watch_command() -> None:
    """Say which artists are tracked.

    \b
    Examples:
      spotify-assets watch add 0TnOYISbd1XYRBk9myaseg
      spotify-assets watch add https://open.spotify.com/artist/0TnOYISbd1XYRBk9myaseg
      spotify-assets watch add "Duster" "Alex G"
      spotify-assets watch add --file artists.txt
      spotify-assets watch list
    """  # noqa: D301 - \b is for click


async def _search(name: str) -> list[ArtistHit]:
    async with SpotifySource.from_settings(load_settings()) as source:
        return await source.search_artists(name)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that nobody has a name for
        return str(os.getuid())


def _followers(hit: ArtistHit) -> str:
    return "followers unknown" if hit.followers is None else f"{hit.followers:,} followers"


def _by_name(name: str) -> ArtistHit:
    """The artist of exactly this name, or the only one found."""
    hits = asyncio.run(_search(name))
    same = [hit for hit in hits if hit.name.casefold() == name.casefold()]
    if len(same) == 1 or (not same and len(hits) == 1):
        return (same or hits)[0]
    if not hits:
        raise click.ClickException(f"No artist called {name!r} was found. Give an id, URI or link instead.")
    found = "\n".join(f"  {hit.artist_id}  {shown(hit.name)}  ({_followers(hit)})" for hit in same or hits)
    raise click.ClickException(f"{name!r} may be any of these; add the one you mean by its id:\n{found}")


def _references(artists: Sequence[str], file: Path | None) -> list[str]:
    try:
        lines = file.read_text("utf-8-sig").splitlines() if file else []
    except UnicodeDecodeError:
        raise click.ClickException(f"{file} is no UTF-8 text: save it as UTF-8 and add it again") from None
    return [text for text in (*artists, *(line.split("#")[0].strip() for line in lines)) if text]


@watch_command.command("add")
@click.argument("artists", nargs=-1)
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A text file with one artist a line; # begins a comment.",
)  # fmt: skip
def add_command(artists: tuple[str, ...], file: Path | None) -> None:
    """Track artists, each given by id, URI, link or name.

    An id, URI or link is taken as it is, without asking the upstream; a name is searched for. Those that
    can be understood are added even if others cannot.

    \b
    Examples:
      spotify-assets watch add 0TnOYISbd1XYRBk9myaseg
      spotify-assets watch add "Duster" "Alex G"
      spotify-assets watch add --file artists.txt
    """  # noqa: D301 - \b is for click
    references = _references(artists, file)
    if not references:
        raise click.UsageError("name at least one artist, or --file")
    environment = open_environment()
    source = environment.settings.upstream
    if environment.simulated:
        click.secho(f"{SIMULATED_NOTE} It knows none of Spotify's artists.", fg="yellow", err=True)
    problems, added = [], 0
    with ExitStack() as asking:
        searched = False
        for reference in references:
            try:
                artist_id, name = parse_artist_reference(reference), None
                if artist_id is None:
                    if not searched:
                        asking.enter_context(upstream(environment.settings))
                        searched = True
                    hit = _by_name(reference)
                    artist_id, name = hit.artist_id, hit.name
            except (NotAnArtist, click.ClickException) as error:
                reason = error.message if isinstance(error, click.ClickException) else error
                problems.append(f"{shown(reference)}: {reason}")
                continue
            new = watchlist.add(environment.warehouse, source, artist_id, name, added_by=_user())
            added += new
            called = f"  {shown(name)}" if name else ""
            click.echo(f"{'tracking' if new else 'already tracked'}: {artist_id}{called}  ({source})")
    if added:
        click.echo("Next: spotify-assets materialize")
    if problems:
        raise click.ClickException("not added:\n  " + "\n  ".join(problems))


@watch_command.command("remove")
@click.argument("artists", nargs=-1, required=True)
def remove_command(artists: tuple[str, ...]) -> None:
    """Stop tracking artists, given by id, URI, link, or the name that `watch list` shows.

    What was observed of them stays.

    \b
    Examples:
      spotify-assets watch remove 0TnOYISbd1XYRBk9myaseg
    """  # noqa: D301 - \b is for click
    environment = open_environment()
    source = environment.settings.upstream
    tracked = watchlist.tracked(environment.warehouse, source)
    problems = []
    for reference in artists:
        try:
            artist_id = parse_artist_reference(reference)
        except NotAnArtist as error:
            problems.append(f"{shown(reference)}: {error}")
            continue
        named = [
            artist.artist_id for artist in tracked if (artist.name or "").casefold() == reference.casefold()
        ]
        if artist_id is None and len(named) == 1:
            artist_id = named[0]
        if artist_id is None and named:
            problems.append(f"{shown(reference)}: may be any of {', '.join(named)}; give the id")
        elif artist_id is None or not watchlist.remove(environment.warehouse, source, artist_id):
            problems.append(f"{shown(reference)}: is not tracked (spotify-assets watch list)")
        else:
            click.echo(f"no longer tracked: {artist_id}  ({source})")
    if problems:
        raise click.ClickException("not removed:\n  " + "\n  ".join(problems))


@watch_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_command(as_json: bool) -> None:
    """List who is tracked.

    \b
    Examples:
      spotify-assets watch list
      spotify-assets watch list --json
    """  # noqa: D301 - \b is for click
    environment = open_environment()
    artists = watchlist.tracked(environment.warehouse, environment.settings.upstream)
    if as_json:
        rows = [
            {
                "source": artist.source, "artist_id": artist.artist_id, "name": artist.name,
                "added_at": artist.added_at.isoformat(), "added_by": artist.added_by,
            }
            for artist in artists
        ]  # fmt: skip
        click.echo(json.dumps(rows, indent=2))
        return
    screen = console()
    if environment.simulated:
        screen.print(SIMULATED_NOTE, style="yellow")
    if not artists:
        screen.print("No artist is tracked yet: spotify-assets watch add ARTIST (id, URI, link or name)")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("artist_id", "name", "source", "since", "by"):
        table.add_column(name)
    for artist in artists:
        table.add_row(
            literal(artist.artist_id),
            literal(artist.name),
            artist.source,
            f"{artist.added_at:%Y-%m-%d}",
            literal(artist.added_by),
        )
    screen.print(table)
