"""Typed records: what a response says, in the platform's own terms, before any judgement.

One record class per table that Python loads. A field that the upstream did not send is ``None``
("absent is not zero"). Values keep whatever type the upstream sent; whether they are acceptable is
for `contracts` to say, so that a bad value is quarantined with its reason and not lost in a parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from spotify_assets.sources.reasons.reason import Reason

RECENT_DAYS = 90
"""Where a source has no list of new releases, an artist's albums of the last so many days make it."""


@dataclass(slots=True)
class ArtistSnapshot:
    """One artist as seen once (grain: snapshot date, source, artist).

    `artist_id` is the id the upstream answered with, `requested_id` the one that was asked for;
    they differ when an artist was merged into another. `popularity` is an index 0–100,
    `followers` and `listeners` are people, `plays` is a cumulative count.
    """

    artist_id: str
    requested_id: str
    observed_at: datetime
    name: str | None = None
    popularity: int | None = None
    followers: int | None = None
    listeners: int | None = None
    plays: int | None = None
    genres: list[str] | None = None
    image_url: str | None = None


@dataclass(slots=True)
class TopTrack:
    """One position in an artist's list of top tracks (grain: date, source, market, artist, position).

    `position` starts at 1 in the order of the response. `rank_value` is an upstream's own score
    (Deezer), `popularity` an index 0–100, `duration_ms` milliseconds.
    """

    market: str
    artist_id: str
    position: int
    observed_at: datetime
    track_id: str | None = None
    isrc: str | None = None
    name: str | None = None
    primary_artist_id: str | None = None
    album_id: str | None = None
    album_name: str | None = None
    popularity: int | None = None
    rank_value: int | None = None
    duration_ms: int | None = None
    explicit: bool | None = None
    release_date: date | None = None
    release_date_precision: str | None = None


@dataclass(slots=True)
class NewRelease:
    """One album on the list of new releases (grain: date, source, album).

    `release_date` is the first day of what `release_date_precision` (``day``, ``month``, ``year``)
    covers; `release_date_text` is what the upstream wrote.
    """

    album_id: str
    observed_at: datetime
    name: str | None = None
    album_type: str | None = None
    artist_ids: list[str] = field(default_factory=list)
    artist_names: list[str] = field(default_factory=list)
    release_date: date | None = None
    release_date_precision: str | None = None
    release_date_text: str | None = None
    total_tracks: int | None = None
    popularity: int | None = None
    label: str | None = None
    upc: str | None = None
    image_url: str | None = None


@dataclass(slots=True)
class PlaylistTrack:
    """One position of a chart or playlist (grain: snapshot date, source, playlist, position).

    `position` starts at 1. `market` is the country a chart is for; None where the source names none.
    `rank_value` is an upstream's own score (Deezer), `popularity` an index 0–100.
    """

    playlist_id: str
    position: int
    observed_at: datetime
    playlist_name: str | None = None
    market: str | None = None
    track_id: str | None = None
    isrc: str | None = None
    name: str | None = None
    artist_ids: list[str] | None = None
    artist_names: list[str] | None = None
    album_id: str | None = None
    album_name: str | None = None
    album_type: str | None = None
    total_tracks: int | None = None
    popularity: int | None = None
    rank_value: int | None = None
    duration_ms: int | None = None
    explicit: bool | None = None
    release_date: date | None = None
    release_date_precision: str | None = None


@dataclass(slots=True)
class AlbumTrack:
    """One track of an album (grain: day asked, source, album, disc, track number); numbers start at 1."""

    album_id: str
    disc_number: int
    track_number: int
    observed_at: datetime
    track_id: str | None = None
    name: str | None = None
    artist_ids: list[str] | None = None
    artist_names: list[str] | None = None
    duration_ms: int | None = None
    explicit: bool | None = None


@dataclass(slots=True)
class TrackDetails:
    """One track as it describes itself (grain: day asked, source, track asked for)."""

    track_id: str
    observed_at: datetime
    isrc: str | None = None
    name: str | None = None
    artist_ids: list[str] | None = None
    artist_names: list[str] | None = None
    album_id: str | None = None
    album_name: str | None = None
    album_type: str | None = None
    popularity: int | None = None
    rank_value: int | None = None
    duration_ms: int | None = None
    explicit: bool | None = None
    release_date: date | None = None
    release_date_precision: str | None = None


@dataclass(slots=True)
class AudioFeatures:
    """What a track sounds like, measured (grain: day asked, source, track).

    Shares are 0–1, `loudness` is in dB, `tempo` in beats a minute, `key` a pitch class (0 is C, -1 none),
    `mode` 1 for major and 0 for minor, `time_signature` beats in a bar.
    """

    track_id: str
    observed_at: datetime
    acousticness: float | None = None
    danceability: float | None = None
    energy: float | None = None
    instrumentalness: float | None = None
    key: int | None = None
    liveness: float | None = None
    loudness: float | None = None
    mode: int | None = None
    speechiness: float | None = None
    tempo: float | None = None
    time_signature: int | None = None
    valence: float | None = None
    duration_ms: int | None = None


Record = ArtistSnapshot | TopTrack | NewRelease | PlaylistTrack | AlbumTrack | TrackDetails | AudioFeatures


def subject(record: Record) -> str:
    """Whom or what a record is about, as a key that is asked for; one of a wrong type as text."""
    match record:
        case ArtistSnapshot():
            return str(record.requested_id)
        case TopTrack():
            return f"{record.artist_id}/{record.market}"
        case NewRelease() | AlbumTrack():
            return str(record.album_id)
        case PlaylistTrack():
            return str(record.playlist_id)
        case TrackDetails() | AudioFeatures():
            return str(record.track_id)


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that was asked for and did not come: its key and why."""

    key: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rejected:
    """A piece of a response that could not be read as a record, kept whole with the reason."""

    raw: object
    reason: str


@dataclass(slots=True)
class Parsed:
    """All that a set of responses says about one entity on one day.

    Attributes:
        records: In the order observed; the same key may occur more than once.
        missing: Keys asked for that no response answered with a record.
        rejected: Pieces that are no record at all.
        requested: Every key that was asked for, in order, once.
        superseded: Records of a list that were left out because the whole list was observed again later.
    """

    records: list[Record] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    superseded: int = 0
