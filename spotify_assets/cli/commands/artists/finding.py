"""Finding the artist that a person means: by a reference, by a name at an upstream, or on the watchlist."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import click

from spotify_assets.artists.matching import in_world_of
from spotify_assets.artists.musicbrainz.client import MusicBrainz
from spotify_assets.artists.references import parse_reference
from spotify_assets.artists.watchlist import WatchedArtist
from spotify_assets.cli.runtime.console import command, shown
from spotify_assets.settings import Settings
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.lastfm.names import id_of
from spotify_assets.sources.lastfm.source import LastfmSource
from spotify_assets.sources.parsing import text_as_number
from spotify_assets.sources.protocol import SourceError, UpstreamUnavailable
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import State


@dataclass(frozen=True, slots=True)
class Found:
    """An artist that a search found.

    Attributes:
        namespace: Whose id it is.
        artist_id: Its id there.
        name: As the upstream writes it.
        hint: What tells it from others of the same name.
    """

    namespace: str
    artist_id: str
    name: str
    hint: str

    @property
    def reference(self) -> str:
        """What to type for exactly this artist."""
        if self.namespace.endswith("lastfm"):
            return f"https://www.last.fm/music/{self.artist_id}"
        return f"deezer:{self.artist_id}" if self.namespace.endswith("deezer") else self.artist_id


async def _at_spotify(settings: Settings, memory: State, name: str) -> list[Found]:
    async with aclosing(SpotifySource.from_settings(settings, memory=memory)) as source:
        return [
            Found(settings.upstream, hit.artist_id, hit.name, _count(hit.followers, "followers"))
            for hit in await source.search_artists(name)
        ]


async def _at_deezer(settings: Settings, memory: State, name: str) -> list[Found]:
    namespace = in_world_of(settings.upstream, "deezer")
    async with aclosing(DeezerSource.from_settings(settings, memory, name=namespace)) as source:
        return [
            Found(
                namespace, str(hit.get("id")), str(hit.get("name") or ""), _count(hit.get("nb_fan"), "fans")
            )
            for hit in await source.search_artists(name)
        ]


async def _at_musicbrainz(settings: Settings, memory: State, name: str) -> list[Found]:
    namespace = in_world_of(settings.upstream, "musicbrainz")
    async with aclosing(MusicBrainz.from_settings(settings, memory)) as asker:
        return [
            Found(namespace, hit.mbid, hit.name, hit.hint or "no further description")
            for hit in await asker.search(name)
        ]


async def _at_lastfm(settings: Settings, memory: State, name: str) -> list[Found]:
    namespace = in_world_of(settings.upstream, "lastfm")
    async with aclosing(LastfmSource.from_settings(settings, memory, name=namespace)) as source:
        hits = [hit for hit in await source.search_artists(name) if isinstance(hit.get("name"), str)]
    return [
        Found(
            namespace,
            id_of(hit["name"]),
            hit["name"],
            _count(text_as_number(hit.get("listeners")), "listeners"),
        )
        for hit in hits
    ]


Names = Callable[[Settings, State, Sequence[str]], Coroutine[Any, Any, dict[str, str]]]
Search = Callable[[Settings, State, str], Coroutine[Any, Any, list[Found]]]

_SEARCHES: Mapping[str, Search] = {
    "spotify": _at_spotify,
    "simulated": _at_spotify,
    "deezer": _at_deezer,
    "simulated-deezer": _at_deezer,
    "listenbrainz": _at_musicbrainz,
    "simulated-listenbrainz": _at_musicbrainz,
    "lastfm": _at_lastfm,
    "simulated-lastfm": _at_lastfm,
}


def by_name(settings: Settings, memory: State, name: str) -> Found:
    """The artist of exactly this name, or the only one found, at the first observed source that can search.

    Where that one does not answer, the next one stands in.

    Raises:
        click.ClickException: Nobody or several may be meant; says whom to choose from.
        SourceError: The upstream cannot be asked.
    """
    searches = list(dict.fromkeys(_SEARCHES[one] for one in settings.observed_sources if one in _SEARCHES))
    if not searches:
        raise click.ClickException(
            "None of the sources that are observed can search by name. Give a link or an id instead."
        )
    hits = _first_answer(searches, settings, memory, name)
    same = [hit for hit in hits if hit.name.casefold() == name.casefold()]
    if len(same) == 1 or (not same and len(hits) == 1):
        return (same or hits)[0]
    if not hits:
        raise click.ClickException(f"No artist called {name!r} was found. Give an id, URI or link instead.")
    found = "\n".join(f"  {hit.reference}  {shown(hit.name)}  ({shown(hit.hint)})" for hit in same or hits)
    raise click.ClickException(f"{name!r} may be any of these; add the one you mean by its id:\n{found}")


def _first_answer(searches: Sequence[Search], settings: Settings, memory: State, name: str) -> list[Found]:
    """What the first source finds that answers; the first one's error if none does."""
    errors: list[SourceError] = []
    for search in searches:
        try:
            return asyncio.run(search(settings, memory, name))
        except SourceError as error:
            errors.append(error)
    raise errors[0]


async def _spotify_names(settings: Settings, memory: State, ids: Sequence[str]) -> dict[str, str]:
    async with aclosing(SpotifySource.from_settings(settings, memory=memory)) as source:
        hits = await source.find_artists(ids)
    # An artist that was merged into another is answered under the other's id.
    answered = {hit.artist_id: hit.name for hit in hits if hit.name}
    return {ids[0]: hits[0].name} if len(ids) == len(hits) == 1 else answered


async def _deezer_names(settings: Settings, memory: State, ids: Sequence[str]) -> dict[str, str]:
    namespace = in_world_of(settings.upstream, "deezer")
    async with aclosing(DeezerSource.from_settings(settings, memory, name=namespace)) as source:
        found = {artist_id: await source.name_of(artist_id) for artist_id in ids}
    return {artist_id: name for artist_id, name in found.items() if name}


_NAMES: Mapping[str, Names] = {
    "spotify": _spotify_names,
    "simulated": _spotify_names,
    "deezer": _deezer_names,
    "simulated-deezer": _deezer_names,
}
LOOK_UP_SECONDS = 20.0
"""How long somebody who adds an artist waits for its name."""


def can_look_up(settings: Settings, namespace: str) -> bool:
    """Whether a source that is observed tells whose an id is."""
    return namespace in _NAMES and namespace in settings.observed_sources


def names_by_id(settings: Settings, memory: State, namespace: str, ids: Sequence[str]) -> dict[str, str]:
    """What artists are called, of those that the upstream knows.

    Args:
        settings: Which upstream, and how.
        memory: What is remembered of it.
        namespace: Whose ids they are; one that can be looked up.
        ids: The ids.

    Raises:
        SourceError: The upstream cannot be asked.
    """

    async def ask() -> dict[str, str]:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                return await _NAMES[namespace](settings, memory, ids)
        except TimeoutError:
            raise UpstreamUnavailable(f"no answer within {LOOK_UP_SECONDS:.0f} seconds") from None

    return asyncio.run(ask())


def watched(artists: Sequence[WatchedArtist], upstream: str, text: str) -> WatchedArtist:
    """The artist on the watchlist that a reference, a name, or an id as `watch list` shows it means.

    Args:
        artists: The watchlist.
        upstream: Namespace of Spotify's ids.
        text: What was typed.

    Raises:
        ValueError: None of them, or several; `NotAnArtist` for a reference to something else.
    """
    reference = parse_reference(text)
    if reference is not None:
        key = (in_world_of(upstream, reference.service), reference.artist_id)
        found = [artist for artist in artists if (artist.source, artist.artist_id) == key]
    else:
        found = [
            artist
            for artist in artists
            if text.casefold() in ((artist.name or "").casefold(), artist.artist_id)
        ]
    if len(found) > 1:
        raise ValueError(f"may be any of {', '.join(artist.artist_id for artist in found)}; give the id")
    if not found:
        raise ValueError(f"is not tracked ({command()} watch list)")
    return found[0]


def _count(value: object, what: str) -> str:
    return f"{value:,} {what}" if isinstance(value, int) else f"{what} unknown"
