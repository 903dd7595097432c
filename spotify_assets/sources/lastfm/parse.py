"""From landed exchanges to records: what Last.fm's responses say.

Numbers come as texts. With ``autocorrect`` the artist answered may be another than the one asked for; both
ids are kept. Shapes: https://www.last.fm/api/show/artist.getInfo and artist.getTopTracks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.lastfm.names import id_of
from spotify_assets.sources.parsing import (
    WORLDWIDE,
    Reading,
    body,
    in_order,
    inner,
    kind,
    read_lists,
    text,
    text_as_number,
)
from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.reasons.answers import failed, no_data
from spotify_assets.sources.reasons.reason import Reason, ReasonCode
from spotify_assets.sources.records import ArtistSnapshot, Parsed, TopTrack

MOST_TOP_TRACKS = 10
NOBODY = "[unknown]"
"""The entry that Last.fm counts plays without an artist's name under, and may answer with for others."""
SENT_NOBODY = Reason(
    ReasonCode.NOT_FOUND, f"Last.fm answered with {NOBODY}, its entry for plays without a name"
)


def parse(entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
    """Read the landed responses of one entity and day.

    Keys in `Parsed.requested` and `Parsed.missing` are artist ids (see `names`) for ``artists`` and
    ``artist_id/XW`` for ``top_tracks``; Last.fm knows no new releases.

    Args:
        entity: Which of them.
        exchanges: What was landed, repeated attempts and failures included.
    """
    reading = Reading()
    responses = in_order(exchanges, reading)
    if entity == "artists":
        _artists(responses, reading)
    elif entity == "top_tracks":
        _top_tracks(responses, reading)
    return reading.done()


def _artists(exchanges: Iterable[Exchange], reading: Reading) -> None:
    for exchange in exchanges:
        asked = text(exchange.request, "artist_id")
        data, problem = body(exchange)
        piece = data.get("artist") if isinstance(data, dict) else None
        if problem or not isinstance(piece, dict):
            reading.miss(
                asked, problem or failed(f"'artist' in the response is {kind(piece)}, not an object")
            )
            continue
        name = piece.get("name")
        if _is_nobody(name, asked):
            reading.miss(asked, SENT_NOBODY)
            continue
        reading.answer(asked)
        reading.parsed.records.append(
            ArtistSnapshot(
                artist_id=id_of(name) if isinstance(name, str) else asked,
                requested_id=asked,
                observed_at=exchange.observed_at,
                name=name,
                listeners=text_as_number(inner(piece, "stats", "listeners")),
                plays=text_as_number(inner(piece, "stats", "playcount")),
                genres=_tags(piece),
            )
        )


def _is_nobody(name: object, asked: str) -> bool:
    return name == NOBODY and asked != id_of(NOBODY)


def _tags(piece: Mapping[str, Any]) -> Any:
    """The names of the tags; a single one comes without its list."""
    tags = inner(piece, "tags", "tag") if isinstance(piece.get("tags"), dict) else None
    if tags is None:
        return None
    listed = tags if isinstance(tags, list) else [tags]
    return [tag.get("name") if isinstance(tag, dict) else tag for tag in listed]


def _top_tracks(exchanges: Iterable[Exchange], reading: Reading) -> None:
    lists: dict[str, tuple[Exchange, list[Any]]] = {}
    for exchange in exchanges:
        asked = text(exchange.request, "artist_id")
        key = f"{asked}/{WORLDWIDE}"
        data, problem = body(exchange)
        found = data.get("toptracks") if isinstance(data, dict) else None
        tracks = found.get("track") if isinstance(found, dict) else None
        if isinstance(tracks, dict):  # a single track comes without its list
            tracks = [tracks]
        if problem or not isinstance(tracks, list):
            reading.miss(key, problem or failed("the response has no list of tracks"))
        elif not tracks:
            reading.miss(key, no_data("no top tracks"))
        elif isinstance(tracks[0], dict) and _is_nobody(inner(tracks[0], "artist", "name"), asked):
            reading.miss(key, SENT_NOBODY)
        else:
            reading.answer(key)
            lists[key] = (exchange, tracks)
    read_lists(lists, reading, _top_track, MOST_TOP_TRACKS, "track")


def _top_track(piece: Mapping[str, Any], artist_id: str, position: int, exchange: Exchange) -> TopTrack:
    name = inner(piece, "artist", "name")
    return TopTrack(
        market=WORLDWIDE,
        artist_id=artist_id,
        position=position,
        observed_at=exchange.observed_at,
        track_id=piece.get("mbid") or None,
        name=piece.get("name"),
        primary_artist_id=id_of(name) if isinstance(name, str) else name,
        rank_value=text_as_number(piece.get("playcount")),
    )
