"""Two invented daily charts, served as playlists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from spotify_assets.simulator.catalogue.ids import PLAYLIST, IdCodec
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.spotify import objects
from spotify_assets.simulator.spotify.objects import Json
from spotify_assets.simulator.world.releases import Release

SIZE = 50
_NAMES = ("Simulated Top 50", "Simulated Risers 50")
_Ranked = list[tuple[int, Release, int, int]]


def playlist_ids(seed: int) -> tuple[str, str]:
    """Return the ids of the two charts: the most popular tracks, and the tracks rising most in a week."""
    codec = IdCodec(seed)
    return codec.encode(PLAYLIST, 0), codec.encode(PLAYLIST, 1)


def _most_popular(catalogue: Catalogue, day: int) -> _Ranked:
    leaders = sorted(range(catalogue.size), key=lambda index: -catalogue.life(index).smooth(day))[:100]
    return [
        (popularity, release, copy, position)
        for index in leaders
        for release, copy, position, popularity in catalogue.top_list(index, day, "US")
    ]


def _rising(catalogue: Catalogue, day: int) -> _Ranked:
    def gain(index: int) -> float:
        life = catalogue.life(index)
        return life.smooth(day) - life.smooth(day - 7)

    risers = sorted(range(catalogue.size), key=lambda index: -gain(index))[:100]
    return [
        (popularity - catalogue.track_popularity(release, position, day - 7), release, copy, position)
        for index in risers
        for release, copy, position, popularity in catalogue.top_list(index, day, "US")
    ]


@lru_cache(maxsize=64)
def _ranked(catalogue: Catalogue, chart: int, day: int) -> tuple[tuple[Release, int, int], ...]:
    draw: Callable[[Catalogue, int], _Ranked] = (_most_popular, _rising)[chart]
    found = sorted(draw(catalogue, day), key=lambda row: (-row[0], row[1].artist, row[1].slot, row[3]))
    return tuple((release, copy, position) for _, release, copy, position in found[:SIZE])


def _number(catalogue: Catalogue, playlist_id: str) -> int | None:
    parts = IdCodec(catalogue.seed).decode(PLAYLIST, playlist_id)
    return parts.artist if parts is not None and parts.artist < len(_NAMES) else None


def rows(catalogue: Catalogue, playlist_id: str, day: date) -> list[Json] | None:
    """Return the rows of a chart on a day, best first, or None for an unknown playlist."""
    chart = _number(catalogue, playlist_id)
    if chart is None:
        return None
    added = f"{day.isoformat()}T06:00:00Z"
    found = []
    for release, copy, position in _ranked(catalogue, chart, day.toordinal()):
        popularity = catalogue.track_popularity(release, position, day.toordinal())
        track = catalogue.track_object(release, copy, position, popularity)
        found.append(objects.playlist_row(track, added))
    return found


def playlist(catalogue: Catalogue, playlist_id: str, day: date, page: Json) -> Json:
    """Return a chart with its first page of rows."""
    name = _NAMES[_number(catalogue, playlist_id) or 0]
    return objects.playlist(
        playlist_id,
        name,
        f"{name} of {day.isoformat()}. All artists and songs are invented.",
        tracks=page,
        snapshot=f"simulated-{day.isoformat()}",
    )
