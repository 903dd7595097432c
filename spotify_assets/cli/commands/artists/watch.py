"""`watch`: who is tracked, since when, by whom, and who that is in other sources."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.matching import Identity
from spotify_assets.cli.commands.artists.artist_file import read_artists
from spotify_assets.cli.commands.artists.finding import watched
from spotify_assets.cli.commands.artists.identify import (
    WHEN_ADDED_SECONDS,
    as_json,
    identify_command,
    look_for,
    needed,
    print_problems,
    told,
)
from spotify_assets.cli.commands.artists.understanding import understand_all
from spotify_assets.cli.runtime.console import command, console, say, shown
from spotify_assets.cli.runtime.environment import SIMULATED_NOTE, Environment, open_environment
from spotify_assets.cli.runtime.tables import Column, fitting
from spotify_assets.serving.attribution import artist_link, credit

MOST_LINES = 40
"""Identities printed one by one when artists are added."""


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
      spotify-assets watch identify
    """  # noqa: D301 - \b is for click


watch_command.add_command(identify_command)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that nobody has a name for
        return str(os.getuid())


def _references(artists: Sequence[str], file: Path | None) -> list[str]:
    found = read_artists(file) if file is not None else None
    if found is not None:
        click.echo(f"{file}: {found}", err=True)
    return list(dict.fromkeys(text for text in (*artists, *(found.artists if found else ())) if text.strip()))


@watch_command.command("add")
@click.argument("artists", nargs=-1)
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A text file with one artist a line, in quotes if you like. Comments: a line that begins with # and "
    "a blank, and what follows two blanks and #.",
)  # fmt: skip
@click.option(
    "--priority", type=click.IntRange(-100, 100),
    help="Who comes first where a day's calls do not suffice for everyone: higher before lower (0).",
)  # fmt: skip
def add_command(artists: tuple[str, ...], file: Path | None, priority: int | None) -> None:
    """Track artists, each given by id, URI, link or name.

    Links of Spotify, Deezer, MusicBrainz, ListenBrainz and Last.fm are understood. A name is searched for. Of
    an id, URI or link the name is looked up, for up to 20 at once; it is added even if that fails. Those that
    can be understood are added even if others cannot. Then the ids that the other observed sources need are
    looked for.

    \b
    Examples:
      spotify-assets watch add 0TnOYISbd1XYRBk9myaseg
      spotify-assets watch add https://www.deezer.com/artist/27 deezer:4050205
      spotify-assets watch add "Duster" "Alex G" --priority 10
      spotify-assets watch add --file artists.txt
    """  # noqa: D301 - \b is for click
    references = _references(artists, file)
    if not references:
        raise click.UsageError("name at least one artist, or --file")
    environment = open_environment()
    if environment.simulated:
        say(f"{SIMULATED_NOTE} It knows none of Spotify's artists.", fg="yellow", err=True)
    understood = understand_all(environment, references)
    added: list[tuple[str, str]] = []
    for source, artist_id, name in understood.artists:
        new = watchlist.add(environment.warehouse, source, artist_id, name, _user(), priority)
        added += [(source, artist_id)] if new else []
        called = f"  {shown(name)}" if name else ""
        click.echo(f"{'tracking' if new else 'already tracked'}: {artist_id}{called}  ({source})")
    for note in understood.notes:
        say(f"note: {note}", err=True)
    if added and needed(environment, added):
        _identify(environment, added)
    if added:
        click.echo(f"Next: {command()} materialize")
    if understood.problems:
        raise click.ClickException("not added:\n  " + "\n  ".join(understood.problems))


def _identify(environment: Environment, added: list[tuple[str, str]]) -> None:
    """Look for whom was just added in the other sources, and say what was found."""
    outcome = look_for(environment, WHEN_ADDED_SECONDS, added)
    concluded = [*outcome.found, *outcome.not_found]
    for one in concluded[:MOST_LINES]:
        note = f"; {shown(one.note)}" if one.note else ""
        say(f"  {shown(one.artist_id)} = {shown(told(one))}{note}")
    if len(concluded) > MOST_LINES:
        click.echo(f"  … and {len(concluded) - MOST_LINES:,} more: {command()} watch list")
    print_problems(outcome)


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
    tracked = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.simulated)
    tracked = watchlist.with_names(environment.warehouse, tracked)
    problems = []
    for text in artists:
        try:
            artist = watched(tracked, environment.settings.upstream, text)
        except ValueError as error:
            problems.append(f"{shown(text)}: {error}")
            continue
        watchlist.remove(environment.warehouse, artist.source, artist.artist_id)
        tracked.remove(artist)
        click.echo(f"no longer tracked: {artist.artist_id}  ({artist.source})")
    if problems:
        raise click.ClickException("not removed:\n  " + "\n  ".join(problems))


@watch_command.command("list")
@click.option("--json", "print_json", is_flag=True, help="Print as JSON.")
def list_command(print_json: bool) -> None:
    """List who is tracked, and who that is in other sources, how that was found, and how sure it is.

    \b
    Examples:
      spotify-assets watch list
      spotify-assets watch list --json
    """  # noqa: D301 - \b is for click
    environment = open_environment()
    artists = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.simulated)
    artists = watchlist.with_names(environment.warehouse, artists)
    known = {
        key: [one for one in found if one.target_id is not None or one.source != one.target]
        for key, found in identities.identities_of(environment.warehouse).items()
    }
    if print_json:
        click.echo(json.dumps([_row(artist, known) for artist in artists], indent=2))
        return
    screen = console()
    if environment.simulated:
        screen.print(SIMULATED_NOTE, style="yellow")
    if not artists:
        screen.print(
            f"No artist is tracked yet: {command()} watch add ARTIST (id, URI, link or name)",
            markup=False, soft_wrap=True,
        )  # fmt: skip
        return
    columns = [
        Column("artist_id", whole=True), Column("name", unless=""), Column("source"),
        Column("since", dropped=2), Column("by", dropped=1), Column("elsewhere", unless=""),
    ]  # fmt: skip
    rows = [
        (
            artist.artist_id, artist.name, artist.source, f"{artist.added_at:%Y-%m-%d}", artist.added_by,
            "\n".join(map(told, known.get((artist.source, artist.artist_id), []))),
        )
        for artist in artists
    ]  # fmt: skip
    screen.print(fitting(columns, rows, screen.width))
    for line in credit(artist.source for artist in artists):
        screen.print(line, markup=False, soft_wrap=True, style="dim")


def _row(artist: watchlist.WatchedArtist, known: dict[tuple[str, str], list[Identity]]) -> dict[str, object]:
    found = known.get((artist.source, artist.artist_id), [])
    return {
        "source": artist.source, "artist_id": artist.artist_id, "name": artist.name,
        "added_at": artist.added_at.isoformat(), "added_by": artist.added_by, "priority": artist.priority,
        "link": artist_link(artist.source, artist.artist_id),
        "identities": [as_json(one) for one in found],
    }  # fmt: skip
