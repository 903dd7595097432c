"""Understanding whom a person wants to track: references, names, and what the artists are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

from spotify_assets.artists import watchlist
from spotify_assets.artists.matching import in_world_of
from spotify_assets.artists.references import parse_reference
from spotify_assets.cli.commands.artists.finding import by_name, can_look_up, names_by_id
from spotify_assets.cli.runtime.console import command, shown
from spotify_assets.cli.runtime.environment import Environment, upstream
from spotify_assets.settings import Settings, load_settings
from spotify_assets.sources.protocol import SourceError
from spotify_assets.sources.spotify.ids import NotAnArtist
from spotify_assets.warehouse.upstream_state.state import PostgresState

Artist = tuple[str, str, str | None]
"""Namespace, id, and name where it is known."""
MOST_LOOK_UPS = 20
"""Ids that are looked up when they are added: a long list would use up the calls of a day."""


@dataclass(slots=True)
class Understood:
    """What was understood of a list.

    Attributes:
        artists: Namespace, id and, where known, name of each artist.
        problems: What could not be understood, and why.
        notes: What else a person should know.
    """

    artists: list[Artist] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def understand_all(environment: Environment, references: Sequence[str]) -> Understood:
    """Understand references and names; asks the upstream for what only it knows.

    Raises:
        SourceError: A name is to be searched for, and the upstream cannot be asked.
    """
    understood = Understood()
    with ExitStack() as stack:
        asking = any(map(_is_name, references))
        if asking:
            stack.enter_context(upstream(environment.settings))
        for reference in references:
            try:
                understood.artists.append(_understand(environment, reference))
            except (NotAnArtist, click.ClickException) as error:
                reason = error.message if isinstance(error, click.ClickException) else error
                understood.problems.append(f"{shown(reference)}: {reason}")
        understood.artists = _named(understood.artists, _known_names(environment))
        nameless = _nameless(environment.settings, understood.artists)
        if nameless and not asking:
            stack.enter_context(upstream(environment.settings))
        _look_up(environment, nameless, understood)
    return understood


def _is_name(text: str) -> bool:
    try:
        return parse_reference(text) is None
    except NotAnArtist:
        return False


def _understand(environment: Environment, text: str) -> tuple[str, str, str | None]:
    """Namespace, id and, if it was searched for, name of the artist that a text means."""
    reference = parse_reference(text)
    if reference is not None:
        return in_world_of(environment.settings.upstream, reference.service), reference.artist_id, None
    found = by_name(_asked(environment), PostgresState(environment.warehouse), text)
    return found.namespace, found.artist_id, found.name


def _asked(environment: Environment) -> Settings:
    """Settings that know a simulated upstream which has been started meanwhile."""
    return load_settings() if environment.settings.simulated else environment.settings


def _known_names(environment: Environment) -> dict[tuple[str, str], str]:
    """Names of those who are tracked already."""
    tracked = watchlist.tracked_anywhere(environment.warehouse, simulated=environment.simulated)
    named = watchlist.with_names(environment.warehouse, tracked)
    return {(one.source, one.artist_id): one.name for one in named if one.name}


def _nameless(settings: Settings, artists: Sequence[Artist]) -> Mapping[str, Sequence[str]]:
    """Ids of those whose name is not known, by source, where it can be asked."""
    found: dict[str, list[str]] = {}
    for source, artist_id, name in artists:
        if name is None and can_look_up(settings, source):
            found.setdefault(source, []).append(artist_id)
    return found if sum(map(len, found.values())) <= MOST_LOOK_UPS else {}


def _named(artists: Sequence[Artist], names: Mapping[tuple[str, str], str]) -> list[Artist]:
    return [
        (source, artist_id, name or names.get((source, artist_id))) for source, artist_id, name in artists
    ]


def _look_up(environment: Environment, nameless: Mapping[str, Sequence[str]], understood: Understood) -> None:
    names: dict[tuple[str, str], str] = {}
    for source, ids in nameless.items():
        try:
            known = names_by_id(_asked(environment), PostgresState(environment.warehouse), source, ids)
        except SourceError as error:
            understood.notes.append(f"added without looking up who it is: {shown(error)}")
            continue
        names |= {(source, artist_id): name for artist_id, name in known.items()}
        understood.notes += [
            f"{source} knows nobody by the id {shown(artist_id)}; if it is a mistake: "
            f"{command()} watch remove {shown(artist_id)}"
            for artist_id in ids
            if artist_id not in known
        ]
    understood.artists = _named(understood.artists, names)
