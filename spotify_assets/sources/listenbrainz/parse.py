"""From landed exchanges to records: what ListenBrainz's responses say.

Counts are cumulative over all time. ListenBrainz names no artist in its counts, so `name` is null.

Shapes: https://listenbrainz.readthedocs.io/en/latest/users/api/popularity.html and
``/1/explore/fresh-releases/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.parsing import WORLDWIDE, Reading, body, in_order, kind, read_lists, text, texts
from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.reasons.answers import LEFT_OUT, failed, no_data
from spotify_assets.sources.reasons.reason import Reason
from spotify_assets.sources.records import ArtistSnapshot, NewRelease, Parsed, TopTrack
from spotify_assets.sources.release_dates import parse_release_date

MOST_TOP_TRACKS = 10
"""Places kept of a list that may be hundreds long, so that every source keeps the same."""
NOBODY_LISTENS = no_data("unknown to ListenBrainz (no listens)")
"""Why an artist is missing that has no counts among others that have."""
SWITCHED_OFF = failed("no answer (no count for anybody: ListenBrainz may have switched its counts off)")
"""Why artists are missing where a list of several has no count at all."""
NO_RECORDINGS = no_data("no recordings that anybody listened to")
FRESH = "fresh releases"
"""The key of the list of fresh releases, which is read as a whole."""


def parse(entity: Entity, exchanges: Iterable[Exchange]) -> Parsed:
    """Read the landed responses of one entity and day.

    Keys in `Parsed.requested` and `Parsed.missing` are MBIDs (``artists``), ``MBID/XW`` (``top_tracks``), and
    release group MBIDs or ``fresh releases`` when the list never came (``new_releases``).

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
        asked = texts(exchange.request, "ids")
        answers, problem = _list(exchange)
        found = {}
        for piece in answers:
            mbid = piece.get("artist_mbid") if isinstance(piece, dict) else None
            if isinstance(mbid, str) and mbid.lower() in asked:
                found[mbid.lower()] = piece
            else:
                reading.reject(exchange, piece, "an answer that nobody asked for")
        counted = any(_counts(piece) != (None, None) for piece in found.values())
        if len(found) > 1 and not counted:
            problem = problem or SWITCHED_OFF
        for mbid in asked:
            listeners, plays = _counts(found.get(mbid, {}))
            if problem:
                reading.miss(mbid, problem)
            elif mbid not in found:
                reading.miss(mbid, LEFT_OUT)
            elif listeners is None and plays is None:
                reading.miss(mbid, NOBODY_LISTENS)
            else:
                reading.answer(mbid)
                reading.parsed.records.append(
                    ArtistSnapshot(mbid, mbid, exchange.observed_at, listeners=listeners, plays=plays)
                )


def _counts(piece: Mapping[str, Any]) -> tuple[Any, Any]:
    return piece.get("total_user_count"), piece.get("total_listen_count")


def _top_tracks(exchanges: Iterable[Exchange], reading: Reading) -> None:
    lists: dict[str, tuple[Exchange, list[Any]]] = {}
    for exchange in exchanges:
        key = f"{text(exchange.request, 'artist_id')}/{WORLDWIDE}"
        tracks, problem = _list(exchange)
        if problem or not tracks:
            reading.miss(key, problem or NO_RECORDINGS)
        else:
            reading.answer(key)
            lists[key] = (exchange, tracks)
    read_lists(lists, reading, _top_track, MOST_TOP_TRACKS, "recording")


def _top_track(piece: Mapping[str, Any], artist_id: str, position: int, exchange: Exchange) -> TopTrack:
    artists = piece.get("artist_mbids")
    return TopTrack(
        market=WORLDWIDE,
        artist_id=artist_id,
        position=position,
        observed_at=exchange.observed_at,
        track_id=piece.get("recording_mbid"),
        name=piece.get("recording_name"),
        primary_artist_id=artists[0] if isinstance(artists, list) and artists else None,
        album_id=piece.get("release_mbid"),
        album_name=piece.get("release_name"),
        rank_value=piece.get("total_listen_count"),
        duration_ms=piece.get("length"),
    )


def _new_releases(exchanges: Iterable[Exchange], reading: Reading) -> None:
    releases: dict[str, NewRelease] = {}
    nameless: list[NewRelease] = []
    for exchange in exchanges:
        data, problem = body(exchange)
        payload = data.get("payload") if isinstance(data, dict) else None
        listed = payload.get("releases") if isinstance(payload, dict) else None
        if problem or not isinstance(listed, list):
            reading.open[FRESH] = problem or failed("the response has no list of releases")
            continue
        reading.closed.add(FRESH)
        for piece in listed:
            if not isinstance(piece, dict):
                reading.reject(exchange, piece, f"an entry of the list is {kind(piece)}, not a release")
                continue
            release = _new_release(piece, exchange)
            album_id: Any = release.album_id
            if isinstance(album_id, str):
                reading.answer(album_id)
                releases[album_id] = release
            else:
                nameless.append(release)
    reading.requested.update((key, None) for key in reading.open if key not in reading.closed)
    reading.parsed.records.extend([*releases.values(), *nameless])


def _new_release(piece: Mapping[str, Any], exchange: Exchange) -> NewRelease:
    written, credit = piece.get("release_date"), piece.get("artist_credit_name")
    day, precision = parse_release_date(written)
    artists = piece.get("artist_mbids")
    # Of several releases of a group the upstream names any one, another one each day; the group stays.
    album_id: Any = piece.get("release_group_mbid")
    return NewRelease(
        album_id=album_id,
        observed_at=exchange.observed_at,
        name=piece.get("release_name"),
        album_type=_lower(piece.get("release_group_primary_type")),
        artist_ids=[] if artists is None else artists,
        artist_names=[] if credit is None else [credit],
        release_date=day,
        release_date_precision=precision,
        release_date_text=written,
        image_url=_cover(piece),
    )


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _cover(piece: Mapping[str, Any]) -> str | None:
    """The cover at the Cover Art Archive (https://musicbrainz.org/doc/Cover_Art_Archive/API)."""
    release, image = piece.get("caa_release_mbid"), piece.get("caa_id")
    if not isinstance(release, str) or not isinstance(image, int):
        return None
    return f"https://coverartarchive.org/release/{release}/{image}-500.jpg"


def _list(exchange: Exchange) -> tuple[list[Any], Reason | None]:
    data, problem = body(exchange)
    if problem:
        return [], problem
    if not isinstance(data, list):
        return [], failed(f"the response is {kind(data)}, not a list")
    return data, None
