"""From landed exchanges to records: what Spotify's responses say.

A field that was not sent is ``None``, one of another type is passed on as it is, so that the contract
quarantines the row with its reason.

Shapes: https://developer.spotify.com/documentation/web-api (Get Several Artists, Get Artist's Top
Tracks, Get New Releases, Get Several Albums).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.refusals import is_own, spotify_form
from spotify_assets.sources.parsing import Reading, kind, text, texts
from spotify_assets.sources.protocol import ARTIST_ENTITIES, Entity
from spotify_assets.sources.reasons.answers import LEFT_OUT, UNKNOWN, failed, no_data
from spotify_assets.sources.reasons.reason import Reason
from spotify_assets.sources.records import RECENT_DAYS, ArtistSnapshot, Parsed, Record
from spotify_assets.sources.release_dates import all_recent, last_day, parse_release_date
from spotify_assets.sources.spotify.catalogue import parse_once
from spotify_assets.sources.spotify.envelope import NOTHING, body_of, id_of, items_of, pair
from spotify_assets.sources.spotify.pieces import artist, new_release, top_track
from spotify_assets.sources.spotify.requests import SEARCH_PAGES

__all__ = ["parse", "parse_release_date"]

MOST_TOP_TRACKS = 10


def parse(entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
    """Read the landed responses of one entity and day.

    Keys in `Parsed.requested` and `Parsed.missing` are artist ids (``artists``), ``artist_id/market``
    (``top_tracks``), and for ``new_releases`` album ids, ``page N`` for a page of the list that never came,
    and what `SpotifySource.expected` names where an app may not see the list. Of an artist's own albums the
    recent ones (`RECENT_DAYS`) count as new.

    Args:
        entity: What it is about.
        exchanges: What was landed, repeated attempts and failures included.
    """
    if entity not in ARTIST_ENTITIES:
        return parse_once(entity, exchanges)
    readers = {"artists": _artists, "top_tracks": _top_tracks, "new_releases": _new_releases}
    return readers[entity](sorted(exchanges, key=lambda exchange: exchange.observed_at))


# --- artists ---


def _artists(exchanges: Iterable[Exchange]) -> Parsed:
    reading = Reading()
    snapshots: list[ArtistSnapshot] = []
    for exchange in exchanges:
        data, problem = body_of(exchange)
        if alone := text(exchange.request, "artist_id"):
            pairs: Iterable[tuple[str | None, Any]] = [(alone, data)]
        else:
            answers, other = ([], None) if problem else items_of(data, "artists")
            problem = problem or other
            pairs = pair(texts(exchange.request, "ids"), answers)
        for asked, piece in pairs:
            if problem and asked is not None:
                reading.miss(asked, problem)
            elif not problem and (found := _artist(reading, exchange, asked, piece)) is not None:
                snapshots.append(found)
    # A merged artist comes before the one that was asked for by its own id, which is to win.
    snapshots.sort(key=lambda snapshot: snapshot.artist_id == snapshot.requested_id)
    reading.parsed.records.extend(snapshots)
    return reading.done()


def _artist(reading: Reading, exchange: Exchange, asked: str | None, piece: Any) -> ArtistSnapshot | None:
    """One piece of an answer; what is no artist is noted."""
    if asked is None:
        reading.reject(exchange, piece, "an answer that nobody asked for")
    elif piece is None:
        reading.miss(asked, UNKNOWN)
    elif piece is NOTHING:
        reading.miss(asked, LEFT_OUT)
    elif isinstance(piece, dict):
        reading.answer(asked)
        return artist(asked, piece, exchange.observed_at)
    else:
        reading.answer(asked)
        reading.reject(exchange, piece, f"artist {asked} is {kind(piece)}, not an object")
    return None


# --- top tracks ---


def _top_tracks(exchanges: Iterable[Exchange]) -> Parsed:
    reading = Reading()
    lists: dict[str, tuple[Exchange, list[Any]]] = {}
    for exchange in exchanges:
        key = f"{text(exchange.request, 'artist_id')}/{text(exchange.request, 'market')}"
        data, problem = body_of(exchange)
        tracks, other = ([], None) if problem else items_of(data, "tracks")
        if why := problem or other:
            reading.miss(key, why)
        elif not tracks:
            reading.miss(key, no_data("no top tracks in this market"))
        else:
            reading.answer(key)
            # A later list replaces an earlier one whole, or a shorter one would be topped up by it.
            lists[key] = (exchange, tracks)
    for key, (exchange, tracks) in lists.items():
        for position, piece in enumerate(tracks, 1):
            if position > MOST_TOP_TRACKS:
                reason = f"position {position}, but there are at most {MOST_TOP_TRACKS}"
                reading.reject(exchange, piece, reason)
            elif isinstance(piece, dict):
                artist_id, _, market = key.rpartition("/")
                seen = exchange.observed_at
                reading.parsed.records.append(top_track(piece, artist_id, market, position, seen))
            else:
                reading.reject(exchange, piece, f"position {position} is {kind(piece)}, not a track")
    return reading.done()


# --- new releases ---


def _new_releases(exchanges: Iterable[Exchange]) -> Parsed:
    reading = Reading()
    releases: dict[str, tuple[Mapping[str, Any], datetime]] = {}
    details: dict[str, Mapping[str, Any]] = {}
    nameless: list[Record] = []
    cut: dict[str, int | None] = {}
    for exchange in exchanges:
        if "ids" in exchange.request or "album_id" in exchange.request:
            details |= _album_details(exchange)
            continue
        page = _page_key(exchange)
        items, problem = _page_items(exchange)
        if exchange.status == 403 and page.startswith("page ") and is_own(spotify_form, 403, exchange.body):
            reading.closed.add(page)
            continue  # not for this app: other questions make up for the list
        if problem:
            reading.open[page] = problem
            continue
        reading.closed.add(page)
        if not page.startswith("page "):
            reading.requested[page] = None
            cut[page] = _next_page(exchange)
        for piece in items:
            if (album_id := id_of(piece)) is not None:
                reading.answer(album_id)
                releases.pop(album_id, None)
                releases[album_id] = (piece, exchange.observed_at)
            elif isinstance(piece, dict):
                nameless.append(new_release(piece, {}, exchange.observed_at))
            else:
                reading.reject(exchange, piece, f"an entry of {page} is {kind(piece)}, not an album")
    _reopen(reading, cut)
    reading.requested.update((page, None) for page in reading.open if page not in reading.closed)
    reading.parsed.records.extend(
        new_release(piece, details.get(album_id, {}), seen) for album_id, (piece, seen) in releases.items()
    )
    reading.parsed.records.extend(nameless)
    return reading.done()


def _reopen(reading: Reading, cut: Mapping[str, int | None]) -> None:
    """Lists whose further page never came are asked for again; what came of them is kept."""
    for page, number in cut.items():
        if number is not None:
            reading.closed.discard(page)
            reading.open.setdefault(page, failed(f"its page {number} never came"))


def _album_details(exchange: Exchange) -> dict[str, Mapping[str, Any]]:
    """What albums' own objects add, by album; of a batch or of a single one."""
    data, _ = body_of(exchange)
    pieces = [data] if "album_id" in exchange.request else items_of(data, "albums")[0]
    return {ident: piece for piece in pieces if (ident := id_of(piece)) is not None}


def _page_key(exchange: Exchange) -> str:
    """What a page of albums answers: a part of the list, the search, or an artist's own albums of a kind."""
    if artist_id := text(exchange.request, "artist_id"):
        return f"artist:{artist_id}/{text(exchange.request, 'group')}"
    if kind := text(exchange.request, "list"):
        return f"list:{kind}"
    return f"page {exchange.request.get('page', '?')}"


def _next_page(exchange: Exchange) -> int | None:
    """Number of the page that was to be read after one of a search or of an artist's own albums, if any."""
    data, _ = body_of(exchange)
    page = data if "artist_id" in exchange.request else data.get("albums")
    number = exchange.request.get("page")
    if not isinstance(page, dict) or not page.get("next") or not isinstance(number, int):
        return None
    if "artist_id" not in exchange.request:
        return number + 1 if number < SEARCH_PAGES else None
    albums = [piece for piece in items_of(page, "items")[0] if id_of(piece) is not None]
    since = exchange.observed_at.date() - timedelta(days=RECENT_DAYS)
    return number + 1 if all_recent(albums, since) else None


def _is_old(piece: object, since: date) -> bool:
    """Whether an album was released before `since`; what has no readable date is for the contract."""
    last = last_day(piece.get("release_date")) if isinstance(piece, dict) else None
    return last is not None and last < since


def _page_items(exchange: Exchange) -> tuple[list[Any], Reason | None]:
    data, problem = body_of(exchange)
    if problem:
        return [], problem
    page = data if "artist_id" in exchange.request else data.get("albums")
    if not isinstance(page, dict):
        return [], failed(f"'albums' in the response is {kind(page)}, not a page")
    items, problem = items_of(page, "items")
    if "artist_id" in exchange.request:
        since = exchange.observed_at.date() - timedelta(days=RECENT_DAYS)
        items = [piece for piece in items if not _is_old(piece, since)]
    return items, problem
