"""`watch identify`: who watched artists are elsewhere, looked up or corrected by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import click
from rich.table import Table

from spotify_assets.artists import identities, watchlist
from spotify_assets.artists.matching import Identity, service_of
from spotify_assets.artists.references import Service, parse_reference
from spotify_assets.artists.resolve import Identified, by_hand, identify, targets_of
from spotify_assets.cli.commands.artists.finding import watched
from spotify_assets.cli.runtime.console import command, console, literal, say, shown
from spotify_assets.cli.runtime.environment import Environment, open_environment, upstream
from spotify_assets.settings import load_settings
from spotify_assets.sources.lastfm.names import id_of, name_of
from spotify_assets.sources.spotify.ids import NotAnArtist
from spotify_assets.warehouse.upstream_state.state import PostgresState

HOW: Mapping[str, str] = {
    "hand": "entered by hand",
    "answered": "said by the source itself",
    "musicbrainz": "linked in MusicBrainz",
    "wikidata": "stated in Wikidata",
    "name": "by its name only",
    "not found": "not found",
}
WHEN_ADDED_SECONDS = 30.0
"""How long `watch add` looks for the identities of whom it added; the rest is left for `watch identify`."""


def told(identity: Identity) -> str:
    """An identity in one line: which id, how it was found, and how sure that is."""
    if (identity.source, identity.artist_id) == (identity.target, identity.target_id):
        return f"itself ({HOW[identity.method]})"
    if identity.source == identity.target:
        return f"now {identity.target_id} ({HOW[identity.method]})"
    if identity.target_id is None:
        return f"{identity.target}: not found"
    ident = name_of(identity.target_id) if service_of(identity.target) == "lastfm" else identity.target_id
    return f"{identity.target} {ident} ({HOW[identity.method]}, {identity.confidence:.0%} sure)"


def as_json(identity: Identity) -> dict[str, object]:
    """An identity for programs."""
    return {
        "target": identity.target, "target_id": identity.target_id, "method": identity.method,
        "confidence": round(identity.confidence, 3), "resolved_at": identity.resolved_at.isoformat(),
        "note": identity.note,
    }  # fmt: skip


def look_for(
    environment: Environment, seconds: float, only: Sequence[tuple[str, str]] | None = None
) -> Identified:
    """Look for the ids that the observed sources need, within a time; keeps the raw answers in the lake."""
    if only is not None and not needed(environment, only):
        return Identified()
    with upstream(environment.settings):
        return identify(
            environment.warehouse,
            load_settings() if environment.settings.simulated else environment.settings,
            PostgresState(environment.warehouse),
            budget_seconds=seconds,
            only=only,
            landing=environment.landing,
            run_id="watch",
        )


def needed(environment: Environment, artists: Iterable[tuple[str, str]]) -> bool:
    """Whether an observed source knows any of the artists under another id than the one that is watched."""
    targets = targets_of(environment.settings)
    return any(target != source for source, _ in artists for target in targets)


def print_problems(outcome: Identified) -> None:
    """Say who is left and why."""
    for problem in outcome.problems:
        say(f"could not look further: {shown(problem)}", fg="yellow", err=True)
    if outcome.left:
        who = "1 artist is" if outcome.left == 1 else f"{outcome.left:,} artists are"
        say(
            f"{who} still to be looked for: {command()} watch identify",
            fg="yellow",
            err=True,
        )


@click.command("identify")
@click.argument("artist", required=False)
@click.option("--musicbrainz", metavar="MBID", help="Its MBID, or a link to MusicBrainz.")
@click.option("--deezer", metavar="ID", help="Its id at Deezer, or a link.")
@click.option("--lastfm", metavar="NAME", help="Its name at Last.fm.")
@click.option("--spotify", metavar="ID", help="Its id at Spotify, or a link.")
@click.option("--seconds", type=click.FloatRange(min=0), default=600.0, show_default=True,
              help="No artist is begun after this; one takes about two seconds.")  # fmt: skip
@click.option("--json", "print_json", is_flag=True, help="Print as JSON.")
def identify_command(
    artist: str | None,
    musicbrainz: str | None,
    deezer: str | None,
    lastfm: str | None,
    spotify: str | None,
    seconds: float,
    print_json: bool,
) -> None:
    """Find out who watched artists are in the ids of the observed sources, or say so by hand.

    Without ARTIST, everyone whose id is missing is looked for: links in MusicBrainz, then Wikidata, then the
    name. With ARTIST (id, link, or the name that `watch list` shows), only that one. With one of the options
    nothing is looked for: what you say stands above whatever is found. Say the id of the service that it is
    watched under where the artist has a new one there: that is asked for from then on. Say the very id that
    it is watched under where it was wrongly taken for another: it is itself from then on.

    \b
    Examples:
      spotify-assets watch identify
      spotify-assets watch identify "Duster"
      spotify-assets watch identify "Duster" --deezer 1234 --lastfm "Duster"
    """  # noqa: D301 - \b is for click
    said = {"musicbrainz": musicbrainz, "deezer": deezer, "lastfm": lastfm, "spotify": spotify}
    given = {service: value for service, value in said.items() if value}
    if given and artist is None:
        raise click.UsageError(f"say which artist: {command()} watch identify ARTIST --deezer ID")
    environment = open_environment()
    one = None if artist is None else _watched(environment, artist)
    if given and one is not None:
        outcome = Identified(found=_by_hand(environment, one, given))
        identities.save(environment.warehouse, outcome.found)
    else:
        outcome = look_for(environment, seconds, None if one is None else [(one.source, one.artist_id)])
    if print_json:
        click.echo(json.dumps(_json(outcome), indent=2))
        return
    _print(environment, outcome)
    print_problems(outcome)


def _watched(environment: Environment, text: str) -> watchlist.WatchedArtist:
    artists = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.settings.simulated)
    try:
        return watched(artists, environment.settings.upstream, text)
    except ValueError as error:
        raise click.ClickException(f"{shown(text)}: {error}") from None


def _by_hand(
    environment: Environment, artist: watchlist.WatchedArtist, given: Mapping[str, str]
) -> list[Identity]:
    key = (artist.source, artist.artist_id)
    known = identities.identities_of(environment.warehouse, [key]).get(key, [])
    is_said_to_be_another = any(one.target == artist.source for one in known)
    found = []
    for service, value in given.items():
        target_id = id_of(value.strip()) if service == "lastfm" else _id(service, value)
        identity = by_hand(artist.source, artist.artist_id, service, target_id)
        if (identity.target, target_id) == key and not is_said_to_be_another:
            raise click.ClickException(f"{artist.artist_id} is the id that it is watched under")
        found.append(identity)
    return found


def _id(service: str, value: str) -> str:
    text = f"deezer:{value}" if service == "deezer" and value.strip().isdigit() else value
    try:
        reference = parse_reference(text)
    except NotAnArtist as error:
        raise click.ClickException(f"--{service}: {error}") from None
    wanted: Service | str = service
    if reference is None or reference.service != wanted:
        raise click.ClickException(f"--{service}: {shown(value)} is no artist's id or link of {service}")
    return reference.artist_id


def _json(outcome: Identified) -> dict[str, object]:
    def rows(found: Iterable[Identity]) -> list[dict[str, object]]:
        return [{"source": one.source, "artist_id": one.artist_id, **as_json(one)} for one in found]

    return {
        "found": rows(outcome.found), "not_found": rows(outcome.not_found), "left": outcome.left,
        "problems": outcome.problems,
    }  # fmt: skip


def _print(environment: Environment, outcome: Identified) -> None:
    screen = console()
    concluded = [*outcome.found, *outcome.not_found]
    if not concluded:
        if not outcome.left:
            screen.print(
                "Nothing to look for: every id that the observed sources need is known or was looked for."
            )
        return
    artists = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.settings.simulated)
    names = {(artist.source, artist.artist_id): artist.name for artist in artists}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("artist", "at", "id", "how", "sure", "note"):
        table.add_column(name, overflow="fold")
    for one in sorted(concluded, key=lambda each: (each.source, each.artist_id, each.target)):
        table.add_row(
            literal(names.get((one.source, one.artist_id)) or one.artist_id),
            one.target,
            literal(one.target_id),
            HOW[one.method],
            f"{one.confidence:.0%}" if one.target_id is not None else "",
            literal(one.note),
        )
    screen.print(table)
    screen.print(
        f"{len(outcome.found):,} found, {len(outcome.not_found):,} not found. Correct one: "
        "spotify-assets watch identify ARTIST --deezer ID",
        markup=False,
        soft_wrap=True,
    )
