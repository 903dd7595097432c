"""The questions that Spotify's Web API can be asked, as few as its batch sizes allow.

Limits of the calls: https://developer.spotify.com/documentation/web-api (50 artists, 20 albums and 50 tracks
in a batch; 50 new releases on a page). In Development Mode there are no batches, and 10 albums on a page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from spotify_assets.sources.http.request import Request
from spotify_assets.sources.protocol import ASKED_ONCE, Entity
from spotify_assets.sources.spotify.access import (
    ALBUM_BATCHES,
    ARTIST_BATCHES,
    AUDIO_FEATURES,
    NEW_RELEASES,
    TOP_TRACKS,
    Access,
    field_name,
)

ARTISTS_IN_BATCH = 50
ALBUMS_IN_BATCH = 20
TRACKS_IN_BATCH = 50
NEW_RELEASES_ON_PAGE = 50
LEAST_ON_PAGE = 10
"""Albums and search results on a page, for apps in Development Mode; more is refused (400)."""

SEARCH_PAGES = 5
"""Pages of a search for new albums that are read: the best known of the last two weeks."""

RELEASE_GROUPS = ("album", "single")
"""Asked for one by one, because each is sorted by date and the two together are not."""

BATCH_ANSWERS = frozenset({400, 403, 404})
"""A batch that holds one id the upstream dislikes is refused whole (400); see `halves`. An app may not be
allowed to make the call at all (403)."""
MAY_BE_REFUSED = frozenset({403, 404})

_PLAIN = re.compile(r"[0-9A-Za-z]+")


def askable(ids: Iterable[str]) -> tuple[list[str], list[str]]:
    """Each id once, in order: those that can stand in a URL as they are, and the others."""
    once = list(dict.fromkeys(ids))
    return [i for i in once if _PLAIN.fullmatch(i)], [i for i in once if not _PLAIN.fullmatch(i)]


def batches(
    what: str, path: str, ids: Sequence[str], size: int, params: tuple[tuple[str, str], ...] = ()
) -> Iterator[Request]:
    """The fewest questions that ask for all `ids`, order kept.

    Args:
        what: What they are, for messages.
        path: Call that takes ``ids``.
        ids: Each once.
        size: Most ids that the call takes.
        params: Further parameters.
    """
    todo = iter(ids)
    asked = 0
    while batch := list(islice(todo, size)):
        label = f"{what} {asked + 1} to {asked + len(batch)} of {len(ids)}"
        asked += len(batch)
        yield _batch(label, path, batch, params)


def _batch(label: str, path: str, ids: list[str], params: tuple[tuple[str, str], ...]) -> Request:
    return Request(label, path, (("ids", ",".join(ids)), *params), {"ids": ids}, answers=BATCH_ANSWERS)


def halves(request: Request) -> list[Request]:
    """The same question in two parts; empty when it cannot be divided."""
    ids = request.context.get("ids")
    if not isinstance(ids, list) or len(ids) < 2:
        return []
    parts = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    return [
        replace(
            request,
            label=f"{request.label} (part {n})" if len(part) > 1 else f"one of {request.label}",
            params=(("ids", ",".join(part)), *request.params[1:]),
            context={"ids": part},
        )
        for n, part in enumerate(parts, 1)
    ]


CONTROL = Request(
    "a search",
    "/search",
    (("q", "a"), ("type", "artist"), ("limit", "1")),
    landed=False,
    answers=frozenset({400, 404}),
)
"""A call that every app may make."""


def top_tracks(artist_id: str, market: str) -> Request:
    """An artist's top tracks in one market."""
    return Request(
        f"top tracks of an artist in {market}",
        f"/artists/{artist_id}/top-tracks",
        (("market", market),),
        {"artist_id": artist_id, "market": market},
        answers=MAY_BE_REFUSED,
    )


def one_artist(artist_id: str) -> Request:
    """One artist, by the call that every app may make."""
    return Request("an artist", f"/artists/{artist_id}", context={"artist_id": artist_id})


def one_album(album_id: str, market: str) -> Request:
    """One album's details, by the call that every app may make."""
    return Request("an album", f"/albums/{album_id}", (("market", market),), {"album_id": album_id})


def new_releases() -> Request:
    """The first page of the list of new releases."""
    params = (("limit", str(NEW_RELEASES_ON_PAGE)), ("offset", "0"))
    return Request(
        "new releases, page 1", "/browse/new-releases", params, {"page": 1}, answers=frozenset({403})
    )


def newest_albums(market: str) -> Request:
    """The first page of a search for albums of the last two weeks."""
    params = (("q", "tag:new"), ("type", "album"), ("limit", str(LEAST_ON_PAGE)), ("market", market))
    return Request("newest albums, page 1", "/search", params, {"page": 1, "list": "search"})


def artist_albums(artist_id: str, group: str, market: str) -> Request:
    """The first page of an artist's albums of one kind, newest first."""
    return Request(
        f"{group}s of an artist, page 1",
        f"/artists/{artist_id}/albums",
        (("include_groups", group), ("limit", str(LEAST_ON_PAGE)), ("market", market)),
        {"artist_id": artist_id, "group": group, "page": 1},
    )


# --- keys, and what they cost ---

LIST_KEY = "list:search"
"""Key of the search for new albums among what `expected` names for new releases."""


def release_key(artist_id: str, group: str) -> str:
    """Key of an artist's newest releases of one kind."""
    return f"artist:{artist_id}/{group}"


REFUSED_KEY = "audio features"
"""Stands for all tracks where an app is known not to see audio features."""


def artist_markets(keys: Sequence[str], markets: Sequence[str]) -> list[tuple[str, str]]:
    """The artists and markets that keys of top tracks stand for; all markets where a key names none."""
    pairs: dict[tuple[str, str], None] = {}
    for key in keys:
        artist_id, slash, market = key.partition("/")
        for each in (market,) if slash else markets:
            pairs[artist_id, each] = None
    return list(pairs)


def askable_release_keys(keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """Keys of new releases whose artist's id can stand in a URL, and the other ids."""
    named = {key: key.removeprefix("artist:").partition("/")[0] for key in keys if key != LIST_KEY}
    odd = askable(named.values())[1]
    return [key for key in keys if named.get(key) not in odd], odd


def expected(access: Access, entity: Entity, keys: Sequence[str], markets: Sequence[str]) -> list[str]:
    """The keys that answers about the artists `keys` will account for; see `SpotifySource.expected`."""
    if entity == "audio_features" and keys and access.may(AUDIO_FEATURES) is False:
        return [REFUSED_KEY]
    if entity == "artists" or entity in ASKED_ONCE:
        return list(dict.fromkeys(keys))
    if entity == "top_tracks":
        return [f"{artist_id}/{market}" for artist_id, market in artist_markets(keys, markets)]
    if access.may(NEW_RELEASES) is not False:
        return []
    once = dict.fromkeys(keys)
    return [LIST_KEY, *(release_key(key, group) for key in once for group in RELEASE_GROUPS)]


def cost(access: Access, entity: Entity, artists: int, markets: Sequence[str]) -> int:
    """The calls that observing `entity` of so many artists takes; see `SpotifySource.cost`."""
    if entity in ASKED_ONCE:
        return 0  # what will be new is not known ahead
    if entity == "artists":
        batched = access.may(ARTIST_BATCHES) is not False
        return math.ceil(artists / ARTISTS_IN_BATCH) if batched else artists
    if entity == "top_tracks":
        return 0 if access.may(TOP_TRACKS) is False else artists * len(markets)
    if access.may(NEW_RELEASES) is False:
        lists = SEARCH_PAGES + artists * len(RELEASE_GROUPS)
        return lists + _cost_of_details(access, SEARCH_PAGES * LEAST_ON_PAGE)
    return 100 // NEW_RELEASES_ON_PAGE + _cost_of_details(access, 100)


def _cost_of_details(access: Access, albums: int) -> int:
    if access.may(ALBUM_BATCHES) is not False:
        return math.ceil(albums / ALBUMS_IN_BATCH)
    return albums if access.may(field_name("album", "popularity")) else 0
