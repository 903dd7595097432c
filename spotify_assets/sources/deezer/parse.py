"""From landed exchanges to records: what Deezer's responses say.

Shapes: https://developers.deezer.com/api (artist, artist/top, artist/albums, editorial/releases). Errors
come as ``{"error": …}`` with HTTP 200.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.jsontext import NotJson, decode_json
from spotify_assets.sources.parsing import (
    WORLDWIDE,
    Reading,
    body,
    in_order,
    inner,
    kind,
    number_as_text,
    read_lists,
    seconds_as_ms,
    text,
    text_as_number,
)
from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.reasons.answers import failed, no_data
from spotify_assets.sources.reasons.reason import Reason
from spotify_assets.sources.records import RECENT_DAYS, ArtistSnapshot, NewRelease, Parsed, TopTrack
from spotify_assets.sources.release_dates import parse_release_date

MOST_TOP_TRACKS = 10
ARTIST = "artist:"
"""Prefix of the key of one artist's albums."""
EDITORIAL = "editorial:0"
"""Key of the editors' list of releases."""
NO_DATA = 800
"""The code of the error for an artist without albums."""
PAGE_SIZE = 100
EDITORIAL_PAGES = 2
"""The editors' list is about 200 albums long."""
MOST_PAGES = 10
"""Pages of one artist's albums; nobody has more than 1,000, and a page that repeats for ever ends here."""


def parse(entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
    """Read the landed responses of one entity and day.

    Keys in `Parsed.requested` and `Parsed.missing` are artist ids (``artists``), ``artist_id/XW``
    (``top_tracks``), and album ids, ``artist:ID`` and ``editorial:0`` (``new_releases``). Of an artist's
    albums those count as new that came out at most `RECENT_DAYS` days before the day observed, or after it.

    Args:
        entity: Which of the three.
        exchanges: What was landed, repeated attempts and failures included.
    """
    reading = Reading()
    readers = {"artists": _artists, "top_tracks": _top_tracks, "new_releases": _new_releases}
    readers[entity](in_order(exchanges, reading), reading)
    return reading.done()


def _artists(exchanges: Iterable[Exchange], reading: Reading) -> None:
    for exchange in exchanges:
        asked = text(exchange.request, "artist_id")
        piece, problem = body(exchange)
        if problem:
            reading.miss(asked, problem)
            continue
        reading.answer(asked)
        if not isinstance(piece, dict):
            reading.reject(exchange, piece, f"artist {asked} is {kind(piece)}, not an object")
            continue
        reading.parsed.records.append(
            ArtistSnapshot(
                artist_id=number_as_text(piece.get("id")),
                requested_id=asked,
                observed_at=exchange.observed_at,
                name=piece.get("name"),
                followers=piece.get("nb_fan"),
                image_url=_picture(piece, "picture"),
            )
        )


def _top_tracks(exchanges: Iterable[Exchange], reading: Reading) -> None:
    lists: dict[str, tuple[Exchange, list[Any]]] = {}
    for exchange in exchanges:
        key = f"{text(exchange.request, 'artist_id')}/{WORLDWIDE}"
        tracks, problem = _data(exchange)
        if problem or not tracks:
            reading.miss(key, problem or no_data("no top tracks"))
        else:
            reading.answer(key)
            lists[key] = (exchange, tracks)
    read_lists(lists, reading, _top_track, MOST_TOP_TRACKS, "track")


def _top_track(piece: Mapping[str, Any], artist_id: str, position: int, exchange: Exchange) -> TopTrack:
    return TopTrack(
        market=WORLDWIDE,
        artist_id=artist_id,
        position=position,
        observed_at=exchange.observed_at,
        track_id=number_as_text(piece.get("id")),
        isrc=piece.get("isrc"),
        name=piece.get("title"),
        primary_artist_id=number_as_text(inner(piece, "artist", "id")),
        album_id=number_as_text(inner(piece, "album", "id")),
        album_name=inner(piece, "album", "title"),
        rank_value=piece.get("rank"),
        duration_ms=seconds_as_ms(piece.get("duration")),
        explicit=piece.get("explicit_lyrics"),
    )


def _new_releases(exchanges: Iterable[Exchange], reading: Reading) -> None:
    albums: dict[str, tuple[dict[str, Any], Exchange]] = {}
    nameless: list[NewRelease] = []
    lists: dict[str, dict[int, int | None]] = {}
    for exchange in exchanges:
        key, index = text(exchange.request, "key"), exchange.request.get("index")
        at = index if isinstance(index, int) else 0
        listed, problem = _data(exchange)
        if problem and at == 0 and _is_empty(exchange):
            listed, problem = [], None  # an artist without albums
        if problem:
            reading.miss(key, problem)
            continue
        lists.setdefault(key, {})[at] = next_index(key, at, body(exchange)[0])
        for piece in _new_ones(listed, key, exchange, reading):
            if isinstance(album_id := number_as_text(piece.get("id")), str):
                known = albums[album_id][0] if album_id in albums else {}
                albums[album_id] = ({**known, **piece}, exchange)
            else:
                nameless.append(_new_release(piece, exchange))
    for key, pages in lists.items():
        _close_or_reopen(key, pages, reading)
    for album_id, (piece, exchange) in albums.items():
        reading.answer(album_id)
        reading.parsed.records.append(_new_release(piece, exchange))
    reading.parsed.records.extend(nameless)


def _is_empty(exchange: Exchange) -> bool:
    """Whether the answer is the error that there are no data."""
    try:
        data = decode_json(exchange.body)
    except NotJson:
        return False
    error = data.get("error") if isinstance(data, dict) else None
    return isinstance(error, dict) and text_as_number(error.get("code")) == NO_DATA


def next_index(key: str, at: int, page: Any) -> int | None:
    """Where the page after one of a list starts, if there is one and it is to be read.

    Args:
        key: Which list: ``artist:ID`` or ``editorial:0``.
        at: Where the page started.
        page: The page itself.
    """
    most = EDITORIAL_PAGES if key == EDITORIAL else MOST_PAGES
    index = at + PAGE_SIZE
    return index if index < PAGE_SIZE * most and has_next(page) else None


def has_next(page: Any) -> bool:
    """Whether a page holds something and names another one."""
    listed = page.get("data") if isinstance(page, dict) else None
    return isinstance(listed, list) and bool(listed) and bool(page.get("next"))


def _close_or_reopen(key: str, pages: Mapping[int, int | None], reading: Reading) -> None:
    """A list whose every page came is answered; one that was cut off stays open, and what came is kept.

    Args:
        key: Which list.
        pages: Where each page that came starts, and where it said that the next one does.
        reading: Told the outcome.
    """
    at: int | None = 0
    while at is not None and at in pages:
        at = pages[at]
    if at is None:
        reading.answer(key)
    elif key not in reading.open:
        reading.miss(key, failed(f"its page {at // PAGE_SIZE + 1} never came"))


def _new_ones(listed: list[Any], key: str, exchange: Exchange, reading: Reading) -> Iterator[dict[str, Any]]:
    """The albums of a page that count as new; those of an artist do not say whose they are, so we do."""
    for piece in listed:
        if not isinstance(piece, dict):
            reading.reject(exchange, piece, f"an entry of {key} is {kind(piece)}, not an album")
        elif not key.startswith(ARTIST):
            yield piece
        elif is_recent(piece, exchange.observed_at.date()):
            yield {**piece, "_artist_id": key.removeprefix(ARTIST)}


def is_recent(album: Mapping[str, Any], day: date) -> bool:
    """Whether an album came out at most `RECENT_DAYS` before `day` or is yet to come; unknown: it is not."""
    released, _ = parse_release_date(album.get("release_date"))
    return released is not None and released >= day - timedelta(days=RECENT_DAYS)


def _new_release(piece: Mapping[str, Any], exchange: Exchange) -> NewRelease:
    written = piece.get("release_date")
    released, precision = parse_release_date(written)
    artist_id = number_as_text(inner(piece, "artist", "id"))
    if artist_id is None:
        artist_id = piece.get("_artist_id")
    name = inner(piece, "artist", "name")
    album_id: Any = number_as_text(piece.get("id"))
    return NewRelease(
        album_id=album_id,
        observed_at=exchange.observed_at,
        name=piece.get("title"),
        album_type=piece.get("record_type"),
        artist_ids=[] if artist_id is None else [artist_id],
        artist_names=[] if name is None else [name],
        release_date=released,
        release_date_precision=precision,
        release_date_text=written,
        total_tracks=piece.get("nb_tracks"),
        upc=piece.get("upc"),
        image_url=_picture(piece, "cover"),
    )


def _picture(piece: Mapping[str, Any], name: str) -> Any:
    """The largest picture; one without a hash in its address (``/artist//``) is none."""
    address = piece.get(f"{name}_xl")
    return None if isinstance(address, str) and "//" in address.partition("://")[2] else address


def _data(exchange: Exchange) -> tuple[list[Any], Reason | None]:
    page, problem = body(exchange)
    if problem:
        return [], problem
    if not isinstance(page, dict):
        return [], failed(f"the response is {kind(page)}, not an object")
    data = page.get("data")
    if not isinstance(data, list):
        return [], failed(f"'data' in the response is {kind(data)}, not a list")
    return data, None
