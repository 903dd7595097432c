"""One piece of a response as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spotify_assets.sources.records import ArtistSnapshot, NewRelease, TopTrack
from spotify_assets.sources.release_dates import parse_release_date


def artist(asked: str, piece: Mapping[str, Any], observed_at: datetime) -> ArtistSnapshot:
    """Read an artist object that answered the question for the id `asked`."""
    artist_id: Any = piece.get("id")
    return ArtistSnapshot(
        artist_id=artist_id,
        requested_id=asked,
        observed_at=observed_at,
        name=piece.get("name"),
        popularity=piece.get("popularity"),
        followers=_inner(piece, "followers", "total"),
        genres=piece.get("genres"),
        image_url=_image(piece),
    )


def top_track(
    piece: Mapping[str, Any], artist_id: str, market: str, position: int, observed_at: datetime
) -> TopTrack:
    """Read a track object at `position` (from 1) of the list asked for by artist and market."""
    album = piece.get("album")
    release_date, precision = release_date_of(album if isinstance(album, dict) else {})
    artists = piece.get("artists")
    first = artists[0] if isinstance(artists, list) and artists else None
    return TopTrack(
        market=market,
        artist_id=artist_id,
        position=position,
        observed_at=observed_at,
        track_id=piece.get("id"),
        isrc=_inner(piece, "external_ids", "isrc"),
        name=piece.get("name"),
        primary_artist_id=_inner({"artist": first}, "artist", "id"),
        album_id=_inner(piece, "album", "id"),
        album_name=_inner(piece, "album", "name"),
        popularity=piece.get("popularity"),
        duration_ms=piece.get("duration_ms"),
        explicit=piece.get("explicit"),
        release_date=release_date,
        release_date_precision=precision,
    )


def new_release(piece: Mapping[str, Any], detail: Mapping[str, Any], observed_at: datetime) -> NewRelease:
    """Read an album object of the list, with what the album's own object adds (empty: nothing)."""
    album_id: Any = piece.get("id")
    release_date, precision = release_date_of(piece)
    artist_ids, artist_names = artist_lists(piece.get("artists"))
    return NewRelease(
        album_id=album_id,
        observed_at=observed_at,
        name=piece.get("name"),
        album_type=piece.get("album_type"),
        artist_ids=artist_ids,
        artist_names=artist_names,
        release_date=release_date,
        release_date_precision=precision,
        release_date_text=piece.get("release_date"),
        total_tracks=piece.get("total_tracks"),
        popularity=detail.get("popularity", piece.get("popularity")),
        label=detail.get("label", piece.get("label")),
        upc=_inner(detail, "external_ids", "upc"),
        image_url=_image(piece),
    )


def artist_lists(artists: Any) -> tuple[Any, Any]:
    """Ids and names of the artists of an album or track, in the order shown."""
    if artists is None:
        return [], []
    if not isinstance(artists, list) or not all(isinstance(artist, dict) for artist in artists):
        return {"artists": artists}, []
    return [artist.get("id") for artist in artists], [artist.get("name") for artist in artists]


def _inner(piece: Mapping[str, Any], name: str, key: str) -> Any:
    """A field of an inner object; an inner value that is no object stays visible as a wrong type."""
    inner = piece.get(name)
    if inner is None:
        return None
    return inner.get(key) if isinstance(inner, dict) else {name: inner}


def _image(piece: Mapping[str, Any]) -> Any:
    """The widest image's address, or the first one's when no sizes are given."""
    images = piece.get("images")
    if images is None or images == []:
        return None
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        return {"images": images}

    def width(image: dict[str, Any]) -> float:
        value = image.get("width")
        return value if isinstance(value, int | float) else 0

    return max(images, key=width).get("url")


def release_date_of(piece: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The first day of an album's release date, and what it covers."""
    raw = piece.get("release_date")
    if raw is not None and not isinstance(raw, str):
        return {"release_date": raw}, None
    return parse_release_date(raw, piece.get("release_date_precision"))


@dataclass(frozen=True, slots=True)
class ArtistHit:
    """An artist that a search found, or a look-up by id.

    Attributes:
        artist_id: Spotify's id.
        name: As the upstream writes it.
        popularity: Index 0 to 100; ``None`` where this app may not see it.
        followers: People; ``None`` likewise.
        genres: As the upstream writes them; often empty.
    """

    artist_id: str
    name: str
    popularity: int | None
    followers: int | None
    genres: tuple[str, ...]


def artist_hits(items: Any) -> list[ArtistHit]:
    """Read a list of artist objects, leaving out whatever is none."""
    hits = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            continue
        followers, genres = item.get("followers"), item.get("genres")
        hits.append(
            ArtistHit(
                artist_id=item["id"],
                name=str(item.get("name") or ""),
                popularity=_whole(item.get("popularity")),
                followers=_whole(followers.get("total") if isinstance(followers, dict) else None),
                genres=tuple(g for g in genres if isinstance(g, str)) if isinstance(genres, list) else (),
            )
        )
    return hits


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
