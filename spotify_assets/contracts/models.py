"""Pandera models: columns, types, keys, ranges and units of every loaded table.

Types are Arrow's, so that a column goes from response to COPY without a change of mind about null.
"""

from __future__ import annotations

import pandera.pandas as pa
import pyarrow
from pandera.typing.pandas import Series

from spotify_assets.contracts.fields import (
    INTEGER_LIMIT,
    Boolean,
    Day,
    Integer,
    Number,
    Snapshot,
    Text,
    TextList,
    count_field,
    id_field,
    popularity_field,
    precision_field,
    share_field,
    text_field,
)
from spotify_assets.contracts.tables import TABLES


class ArtistSnapshots(Snapshot):
    """Grain: snapshot_date, source, artist_id."""

    artist_id: Series[Text] = id_field("Id the upstream answered with")
    requested_id: Series[Text] = id_field("Id that was asked for; differs after a merge")
    name: Series[Text] = text_field("Name as shown; may be empty for a removed artist")
    popularity: Series[Integer] = popularity_field("artist")
    followers: Series[Integer] = count_field("Followers or fans (people)")
    listeners: Series[Integer] = count_field("Listeners (people)")
    plays: Series[Integer] = count_field("Plays, cumulative (count)")
    genres: Series[TextList] = pa.Field(nullable=True, description="Genres as the upstream names them")
    image_url: Series[Text] = text_field("Largest image")

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["artist_snapshots"].key]


class TopTracks(Snapshot):
    """Grain: snapshot_date, source, market, artist_id, position."""

    market: Series[Text] = pa.Field(str_matches=r"[A-Z]{2}$", description="Market, ISO 3166-1 alpha-2")
    artist_id: Series[Text] = id_field("Artist whose list it is")
    position: Series[Integer] = pa.Field(ge=1, le=100, description="Place in the list, from 1")
    track_id: Series[Text] = id_field("Track; not stable for a song", nullable=True)
    isrc: Series[Text] = id_field("International Standard Recording Code", nullable=True)
    name: Series[Text] = text_field("Title as shown")
    primary_artist_id: Series[Text] = id_field("First artist of the track", nullable=True)
    album_id: Series[Text] = id_field("Album the track is shown with", nullable=True)
    album_name: Series[Text] = text_field("Title of that album")
    popularity: Series[Integer] = popularity_field("track")
    rank_value: Series[Integer] = count_field("The source's own rank score", INTEGER_LIMIT)
    duration_ms: Series[Integer] = count_field("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = precision_field()

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["top_tracks"].key]


class NewReleases(Snapshot):
    """Grain: snapshot_date, source, album_id."""

    album_id: Series[Text] = id_field("Album")
    name: Series[Text] = text_field("Title as shown")
    album_type: Series[Text] = text_field("album, single, compilation … as the upstream says")
    artist_ids: Series[TextList] = pa.Field(description="Artists; in the order shown, where told")
    artist_names: Series[TextList] = pa.Field(description="Their names in that order, or one credit for all")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = precision_field()
    release_date_text: Series[Text] = text_field("Release date as the upstream wrote it")
    total_tracks: Series[Integer] = count_field("Tracks on the album", INTEGER_LIMIT)
    popularity: Series[Integer] = popularity_field("album")
    label: Series[Text] = text_field("Label")
    upc: Series[Text] = text_field("Universal Product Code")
    image_url: Series[Text] = text_field("Largest cover")

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["new_releases"].key]


class PlaylistTracks(Snapshot):
    """Grain: snapshot_date, source, playlist_id, position."""

    playlist_id: Series[Text] = id_field("Chart or playlist")
    position: Series[Integer] = pa.Field(ge=1, le=32_767, description="Place in the list, from 1")
    playlist_name: Series[Text] = text_field("Its title")
    market: Series[Text] = pa.Field(
        str_matches=r"[A-Z]{2}$", nullable=True, description="Market, ISO 3166-1 alpha-2"
    )
    track_id: Series[Text] = id_field("Track; not stable for a song", nullable=True)
    isrc: Series[Text] = id_field("International Standard Recording Code", nullable=True)
    name: Series[Text] = text_field("Title as shown")
    artist_ids: Series[TextList] = pa.Field(nullable=True, description="Artists, in the order shown")
    artist_names: Series[TextList] = pa.Field(nullable=True, description="Their names, in the same order")
    album_id: Series[Text] = id_field("Album the track is shown with", nullable=True)
    album_name: Series[Text] = text_field("Title of that album")
    album_type: Series[Text] = text_field("album, single, compilation … as the upstream says")
    total_tracks: Series[Integer] = count_field("Tracks on that album", INTEGER_LIMIT)
    popularity: Series[Integer] = popularity_field("track")
    rank_value: Series[Integer] = count_field("The source's own rank score", INTEGER_LIMIT)
    duration_ms: Series[Integer] = count_field("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = precision_field()

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["playlist_tracks"].key]


class AlbumTracks(Snapshot):
    """Grain: snapshot_date (the day asked), source, album_id, disc_number, track_number."""

    album_id: Series[Text] = id_field("Album")
    disc_number: Series[Integer] = pa.Field(ge=1, le=32_767, description="Disc, from 1")
    track_number: Series[Integer] = pa.Field(ge=1, le=32_767, description="Place on the disc, from 1")
    track_id: Series[Text] = id_field("Track; not stable for a song", nullable=True)
    name: Series[Text] = text_field("Title as shown")
    artist_ids: Series[TextList] = pa.Field(nullable=True, description="Artists, in the order shown")
    artist_names: Series[TextList] = pa.Field(nullable=True, description="Their names, in the same order")
    duration_ms: Series[Integer] = count_field("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["album_tracks"].key]


class TrackDetails(Snapshot):
    """Grain: snapshot_date (the day asked), source, track_id."""

    track_id: Series[Text] = id_field("Track that was asked for; not stable for a song")
    isrc: Series[Text] = id_field("International Standard Recording Code", nullable=True)
    name: Series[Text] = text_field("Title as shown")
    artist_ids: Series[TextList] = pa.Field(nullable=True, description="Artists, in the order shown")
    artist_names: Series[TextList] = pa.Field(nullable=True, description="Their names, in the same order")
    album_id: Series[Text] = id_field("Album the track is shown with", nullable=True)
    album_name: Series[Text] = text_field("Title of that album")
    album_type: Series[Text] = text_field("album, single, compilation … as the upstream says")
    popularity: Series[Integer] = popularity_field("track")
    rank_value: Series[Integer] = count_field("The source's own rank score", INTEGER_LIMIT)
    duration_ms: Series[Integer] = count_field("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = precision_field()

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["track_details"].key]


class AudioFeatures(Snapshot):
    """Grain: snapshot_date (the day asked), source, track_id."""

    track_id: Series[Text] = id_field("Track; not stable for a song")
    acousticness: Series[Number] = share_field("Confidence that it is acoustic")
    danceability: Series[Number] = share_field("How suitable it is for dancing")
    energy: Series[Number] = share_field("Intensity and activity")
    instrumentalness: Series[Number] = share_field("Confidence that nobody sings or speaks")
    key: Series[Integer] = pa.Field(ge=-1, le=11, nullable=True, description="Pitch class, 0 is C; -1: none")
    liveness: Series[Number] = share_field("Confidence that an audience is heard")
    loudness: Series[Number] = pa.Field(ge=-100, le=20, nullable=True, description="Mean loudness (dB)")
    mode: Series[Integer] = pa.Field(isin=[0, 1], nullable=True, description="1 for major, 0 for minor")
    speechiness: Series[Number] = share_field("How much of it is spoken")
    tempo: Series[Number] = pa.Field(ge=0, le=1_000, nullable=True, description="Beats per minute")
    time_signature: Series[Integer] = pa.Field(ge=0, le=32, nullable=True, description="Beats in a bar")
    valence: Series[Number] = share_field("How positive it sounds")
    duration_ms: Series[Integer] = count_field("Length (milliseconds)", INTEGER_LIMIT)

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["audio_features"].key]


MODELS: dict[str, type[Snapshot]] = {
    "artist_snapshots": ArtistSnapshots,
    "top_tracks": TopTracks,
    "new_releases": NewReleases,
    "playlist_tracks": PlaylistTracks,
    "album_tracks": AlbumTracks,
    "track_details": TrackDetails,
    "audio_features": AudioFeatures,
}


def arrow_schema(table: str) -> pyarrow.Schema:
    """Arrow columns of a table, in the model's order, all nullable until validated."""
    columns = MODELS[table].to_schema().columns
    return pyarrow.schema(
        [pyarrow.field(name, column.dtype.type.pyarrow_dtype) for name, column in columns.items()]
    )
