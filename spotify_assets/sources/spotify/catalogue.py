"""What is asked of Spotify once: tracks of new albums, their details, their audio features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.http.request import Request
from spotify_assets.sources.parsing import Reading, inner, kind, text, texts
from spotify_assets.sources.protocol import Entity, NotAllowed
from spotify_assets.sources.reasons.answers import LEFT_OUT, UNKNOWN, no_data
from spotify_assets.sources.records import AlbumTrack, AudioFeatures, Parsed, TrackDetails
from spotify_assets.sources.spotify import requests as send
from spotify_assets.sources.spotify.access import ALBUM_BATCHES, AUDIO_FEATURES, TRACK_BATCHES
from spotify_assets.sources.spotify.asking import Asking
from spotify_assets.sources.spotify.envelope import NOTHING, body_of, items_of, pair
from spotify_assets.sources.spotify.pieces import artist_lists, release_date_of

FEATURES_IN_BATCH = 100


async def ask_once(asking: Asking, entity: Entity, ids: Sequence[str]) -> None:
    """Ask about albums or tracks, in batches if possible and else one by one.

    Raises:
        NotAllowed: This app may not see audio features.
    """
    market = (("market", asking.market),)
    if entity == "album_tracks":
        batches = list(send.batches("albums", "/albums", ids, send.ALBUMS_IN_BATCH, market))
        left = await asking.capable(ALBUM_BATCHES, batches)
        await asking.every([_tracks_of(each, asking.market) for each in _ids(left)], asking.answered)
    elif entity == "track_details":
        batches = list(send.batches("tracks", "/tracks", ids, send.TRACKS_IN_BATCH, market))
        left = await asking.capable(TRACK_BATCHES, batches)
        await asking.every([_one_track(each, asking.market) for each in _ids(left)], asking.answered)
    else:
        batches = list(send.batches("audio features", "/audio-features", ids, FEATURES_IN_BATCH))
        refused = asking.access.may(AUDIO_FEATURES) is False
        if refused or not await asking.allows(AUDIO_FEATURES, batches):
            why = asking.access.why_not(AUDIO_FEATURES)
            raise NotAllowed(
                f"{asking.session.source} does not let this app see audio features ({why})", why, checked=True
            )
    await asking.settle()


def _ids(requests: Iterable[Request]) -> list[str]:
    return [each for request in requests for each in texts(request.context, "ids")]


def _tracks_of(album_id: str, market: str) -> Request:
    params = (("limit", "50"), ("market", market))
    return Request("tracks of an album", f"/albums/{album_id}/tracks", params, {"album_id": album_id})


def _one_track(track_id: str, market: str) -> Request:
    return Request("a track", f"/tracks/{track_id}", (("market", market),), {"track_id": track_id})


def parse_once(entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
    """Read landed responses about albums or tracks; keys are their ids."""
    name, alone = {
        "album_tracks": ("albums", "album_id"),
        "track_details": ("tracks", "track_id"),
        "audio_features": ("audio_features", "track_id"),
    }[entity]
    read: Callable[[Reading, Exchange, str, Mapping[str, Any]], None] = (
        _album if entity == "album_tracks" else _details if entity == "track_details" else _features
    )
    reading = Reading()
    for exchange in sorted(exchanges, key=lambda exchange: exchange.observed_at):
        data, problem = body_of(exchange)
        if asked_alone := text(exchange.request, alone):
            pairs: Iterable[tuple[str | None, Any]] = [(asked_alone, data)]
        else:
            answers, other = ([], None) if problem else items_of(data, name)
            problem = problem or other
            pairs = pair(texts(exchange.request, "ids"), answers)
        for asked, piece in pairs:
            if asked is None:
                reading.reject(exchange, piece, "an answer that nobody asked for")
            elif problem:
                reading.miss(asked, problem)
            elif piece is None:
                reading.miss(asked, UNKNOWN)
            elif piece is NOTHING:
                reading.miss(asked, LEFT_OUT)
            elif isinstance(piece, dict):
                read(reading, exchange, asked, piece)
            else:
                reading.answer(asked)
                reading.reject(exchange, piece, f"{asked} is {kind(piece)}, not an object")
    return reading.done()


def _album(reading: Reading, exchange: Exchange, album_id: str, piece: Mapping[str, Any]) -> None:
    page = piece.get("tracks", piece)
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list) or not items:
        reading.miss(album_id, no_data("no tracks in the answer"))
        return
    reading.answer(album_id)
    for track in items:
        if isinstance(track, dict):
            reading.parsed.records.append(_album_track(album_id, track, exchange.observed_at))
        else:
            reading.reject(exchange, track, f"a track of {album_id} is {kind(track)}, not an object")


def _album_track(album_id: str, piece: Mapping[str, Any], seen: datetime) -> AlbumTrack:
    artist_ids, artist_names = artist_lists(piece.get("artists"))
    number: Any = piece.get("track_number")
    return AlbumTrack(
        album_id=album_id,
        disc_number=piece.get("disc_number", 1),
        track_number=number,
        observed_at=seen,
        track_id=piece.get("id"),
        name=piece.get("name"),
        artist_ids=artist_ids,
        artist_names=artist_names,
        duration_ms=piece.get("duration_ms"),
        explicit=piece.get("explicit"),
    )


def _details(reading: Reading, exchange: Exchange, track_id: str, piece: Mapping[str, Any]) -> None:
    reading.answer(track_id)
    album = piece.get("album")
    release_date, precision = release_date_of(album if isinstance(album, dict) else {})
    artist_ids, artist_names = artist_lists(piece.get("artists"))
    reading.parsed.records.append(
        TrackDetails(
            track_id=track_id,
            observed_at=exchange.observed_at,
            isrc=inner(piece, "external_ids", "isrc"),
            name=piece.get("name"),
            artist_ids=artist_ids,
            artist_names=artist_names,
            album_id=inner(piece, "album", "id"),
            album_name=inner(piece, "album", "name"),
            album_type=inner(piece, "album", "album_type"),
            popularity=piece.get("popularity"),
            duration_ms=piece.get("duration_ms"),
            explicit=piece.get("explicit"),
            release_date=release_date,
            release_date_precision=precision,
        )
    )


_MEASURES = (
    "acousticness", "danceability", "energy", "instrumentalness", "key", "liveness", "loudness", "mode",
    "speechiness", "tempo", "time_signature", "valence", "duration_ms",
)  # fmt: skip


def _features(reading: Reading, exchange: Exchange, track_id: str, piece: Mapping[str, Any]) -> None:
    reading.answer(track_id)
    measures = {name: piece.get(name) for name in _MEASURES}
    reading.parsed.records.append(AudioFeatures(track_id, exchange.observed_at, **measures))
