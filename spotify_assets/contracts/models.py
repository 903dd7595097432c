"""Pandera models: columns, types, keys, ranges and units of every loaded table.

Types are Arrow's, so that a column goes from response to COPY without a change of mind about null.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, cast

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.typing.pandas import Series
from pyarrow import compute

from spotify_assets.contracts.tables import TABLES

Text = Annotated[pd.ArrowDtype, pyarrow.string()]
Integer = Annotated[pd.ArrowDtype, pyarrow.int64()]
Number = Annotated[pd.ArrowDtype, pyarrow.float64()]
Boolean = Annotated[pd.ArrowDtype, pyarrow.bool_()]
Day = Annotated[pd.ArrowDtype, pyarrow.date32()]
Instant = Annotated[pd.ArrowDtype, pyarrow.timestamp("us", tz="UTC")]
TextList = Annotated[pd.ArrowDtype, pyarrow.list_(pyarrow.string())]
_TEXT = pd.ArrowDtype(pyarrow.string())
_LIST = pd.ArrowDtype(pyarrow.list_(pyarrow.string()))

IDENTIFIER = r"[!-~]{1,300}$"
"""Printable ASCII without spaces: ids of every known upstream, and nothing that could surprise."""
TEXT_LIMIT = 1_000
"""Longest name, title, label or URL that is believed (characters)."""
LIST_LIMIT = 500
"""Most genres, artists … of one row that are believed."""
LIST_TEXT_BYTES = 2_000
"""Longest text of a list (bytes in UTF-8): an entry of a PostgreSQL index holds at most 2,700."""
COUNT_LIMIT = 2**53
"""Counts above this cannot be told from their neighbours in JSON numbers."""
INTEGER_LIMIT = 2**31 - 1
"""Largest value of a PostgreSQL integer."""


def is_identifier(value: object) -> bool:
    """Whether a value may be an id in any table."""
    return isinstance(value, str) and re.fullmatch(IDENTIFIER, value) is not None


def _id(description: str, *, nullable: bool = False) -> Any:
    return pa.Field(str_matches=IDENTIFIER, nullable=nullable, description=description)


def _text(description: str) -> Any:
    return pa.Field(str_length={"max_value": TEXT_LIMIT}, nullable=True, description=description)


def _count(description: str, limit: int = COUNT_LIMIT) -> Any:
    return pa.Field(ge=0, le=limit, nullable=True, description=description)


def _popularity(of: str) -> Any:
    return pa.Field(
        ge=0, le=100, nullable=True, description=f"Popularity of the {of}, index 0–100; null: not told"
    )


def _share(description: str) -> Any:
    return pa.Field(ge=0, le=1, nullable=True, description=f"{description}, 0–1")


def _precision() -> Any:
    return pa.Field(
        isin=["day", "month", "year"], nullable=True, description="What release_date covers from its day on"
    )


def _all_in_list(lists: pd.Series[Any], rule: Callable[[pyarrow.Array], pyarrow.Array]) -> pd.Series[bool]:
    """Whether every text of each list holds to a rule; lists without texts do."""
    values = pyarrow.Array.from_pandas(lists)
    broken = compute.list_parent_indices(values).filter(compute.invert(rule(compute.list_flatten(values))))
    holds = np.ones(len(lists), dtype=bool)
    holds[broken.to_numpy(zero_copy_only=False)] = False
    return cast("pd.Series[bool]", pd.Series(holds, index=lists.index))


def _has_no_nul(texts: pyarrow.Array) -> pyarrow.Array:
    return compute.invert(compute.match_substring(texts, "\x00"))


def _is_short(texts: pyarrow.Array) -> pyarrow.Array:
    return compute.and_(
        compute.less_equal(compute.utf8_length(texts), TEXT_LIMIT),
        compute.less_equal(compute.binary_length(texts), LIST_TEXT_BYTES),
    )


class Snapshot(pa.DataFrameModel):
    """What every observation has."""

    snapshot_date: Series[Day] = pa.Field(description="UTC day the row was observed on")
    source: Series[Text] = pa.Field(
        str_matches=r"[a-z][a-z0-9_-]{0,39}$", description="Series the row belongs to"
    )
    observed_at: Series[Instant] = pa.Field(description="When the response had arrived (UTC)")

    @pa.dataframe_check
    @classmethod
    def _observed_on_its_day(cls, frame: pd.DataFrame) -> Series[bool]:
        return cast("Series[bool]", frame["observed_at"].dt.date == frame["snapshot_date"])

    # Of every column, so that none can be forgotten: PostgreSQL stores no NUL, and marts put the texts of
    # lists (genres) into indexes, which hold no long ones.
    @pa.check(".*", regex=True)
    @classmethod
    def _no_nul(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        if values.dtype == _LIST:
            return _all_in_list(values, _has_no_nul)
        return ~values.str.contains("\x00", regex=False) if values.dtype == _TEXT else True

    @pa.check(".*", regex=True)
    @classmethod
    def _short_texts(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        return _all_in_list(values, _is_short) if values.dtype == _LIST else True

    @pa.check(".*", regex=True)
    @classmethod
    def _short_list(cls, values: pd.Series[Any]) -> pd.Series[bool] | bool:
        if values.dtype != _LIST:
            return True
        lengths = compute.fill_null(compute.list_value_length(pyarrow.Array.from_pandas(values)), 0)
        return pd.Series(lengths.to_numpy() <= LIST_LIMIT, index=values.index)


class ArtistSnapshots(Snapshot):
    """Grain: snapshot_date, source, artist_id."""

    artist_id: Series[Text] = _id("Id the upstream answered with")
    requested_id: Series[Text] = _id("Id that was asked for; differs after a merge")
    name: Series[Text] = _text("Name as shown; may be empty for a removed artist")
    popularity: Series[Integer] = _popularity("artist")
    followers: Series[Integer] = _count("Followers or fans (people)")
    listeners: Series[Integer] = _count("Listeners (people)")
    plays: Series[Integer] = _count("Plays, cumulative (count)")
    genres: Series[TextList] = pa.Field(nullable=True, description="Genres as the upstream names them")
    image_url: Series[Text] = _text("Largest image")

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["artist_snapshots"].key]


class TopTracks(Snapshot):
    """Grain: snapshot_date, source, market, artist_id, position."""

    market: Series[Text] = pa.Field(str_matches=r"[A-Z]{2}$", description="Market, ISO 3166-1 alpha-2")
    artist_id: Series[Text] = _id("Artist whose list it is")
    position: Series[Integer] = pa.Field(ge=1, le=100, description="Place in the list, from 1")
    track_id: Series[Text] = _id("Track; not stable for a song", nullable=True)
    isrc: Series[Text] = _id("International Standard Recording Code", nullable=True)
    name: Series[Text] = _text("Title as shown")
    primary_artist_id: Series[Text] = _id("First artist of the track", nullable=True)
    album_id: Series[Text] = _id("Album the track is shown with", nullable=True)
    album_name: Series[Text] = _text("Title of that album")
    popularity: Series[Integer] = _popularity("track")
    rank_value: Series[Integer] = _count("The source's own rank score", INTEGER_LIMIT)
    duration_ms: Series[Integer] = _count("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = _precision()

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["top_tracks"].key]


class NewReleases(Snapshot):
    """Grain: snapshot_date, source, album_id."""

    album_id: Series[Text] = _id("Album")
    name: Series[Text] = _text("Title as shown")
    album_type: Series[Text] = _text("album, single, compilation … as the upstream says")
    artist_ids: Series[TextList] = pa.Field(description="Artists; in the order shown, where told")
    artist_names: Series[TextList] = pa.Field(description="Their names in that order, or one credit for all")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = _precision()
    release_date_text: Series[Text] = _text("Release date as the upstream wrote it")
    total_tracks: Series[Integer] = _count("Tracks on the album", INTEGER_LIMIT)
    popularity: Series[Integer] = _popularity("album")
    label: Series[Text] = _text("Label")
    upc: Series[Text] = _text("Universal Product Code")
    image_url: Series[Text] = _text("Largest cover")

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["new_releases"].key]


class PlaylistTracks(Snapshot):
    """Grain: snapshot_date, source, playlist_id, position."""

    playlist_id: Series[Text] = _id("Chart or playlist")
    position: Series[Integer] = pa.Field(ge=1, le=32_767, description="Place in the list, from 1")
    playlist_name: Series[Text] = _text("Its title")
    market: Series[Text] = pa.Field(
        str_matches=r"[A-Z]{2}$", nullable=True, description="Market, ISO 3166-1 alpha-2"
    )
    track_id: Series[Text] = _id("Track; not stable for a song", nullable=True)
    isrc: Series[Text] = _id("International Standard Recording Code", nullable=True)
    name: Series[Text] = _text("Title as shown")
    artist_ids: Series[TextList] = pa.Field(nullable=True, description="Artists, in the order shown")
    artist_names: Series[TextList] = pa.Field(nullable=True, description="Their names, in the same order")
    album_id: Series[Text] = _id("Album the track is shown with", nullable=True)
    album_name: Series[Text] = _text("Title of that album")
    album_type: Series[Text] = _text("album, single, compilation … as the upstream says")
    total_tracks: Series[Integer] = _count("Tracks on that album", INTEGER_LIMIT)
    popularity: Series[Integer] = _popularity("track")
    rank_value: Series[Integer] = _count("The source's own rank score", INTEGER_LIMIT)
    duration_ms: Series[Integer] = _count("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = _precision()

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["playlist_tracks"].key]


class AlbumTracks(Snapshot):
    """Grain: snapshot_date (the day asked), source, album_id, disc_number, track_number."""

    album_id: Series[Text] = _id("Album")
    disc_number: Series[Integer] = pa.Field(ge=1, le=32_767, description="Disc, from 1")
    track_number: Series[Integer] = pa.Field(ge=1, le=32_767, description="Place on the disc, from 1")
    track_id: Series[Text] = _id("Track; not stable for a song", nullable=True)
    name: Series[Text] = _text("Title as shown")
    artist_ids: Series[TextList] = pa.Field(nullable=True, description="Artists, in the order shown")
    artist_names: Series[TextList] = pa.Field(nullable=True, description="Their names, in the same order")
    duration_ms: Series[Integer] = _count("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["album_tracks"].key]


class TrackDetails(Snapshot):
    """Grain: snapshot_date (the day asked), source, track_id."""

    track_id: Series[Text] = _id("Track that was asked for; not stable for a song")
    isrc: Series[Text] = _id("International Standard Recording Code", nullable=True)
    name: Series[Text] = _text("Title as shown")
    artist_ids: Series[TextList] = pa.Field(nullable=True, description="Artists, in the order shown")
    artist_names: Series[TextList] = pa.Field(nullable=True, description="Their names, in the same order")
    album_id: Series[Text] = _id("Album the track is shown with", nullable=True)
    album_name: Series[Text] = _text("Title of that album")
    album_type: Series[Text] = _text("album, single, compilation … as the upstream says")
    popularity: Series[Integer] = _popularity("track")
    rank_value: Series[Integer] = _count("The source's own rank score", INTEGER_LIMIT)
    duration_ms: Series[Integer] = _count("Length (milliseconds)", INTEGER_LIMIT)
    explicit: Series[Boolean] = pa.Field(nullable=True, description="Marked as explicit")
    release_date: Series[Day] = pa.Field(nullable=True, description="First day of the release date's span")
    release_date_precision: Series[Text] = _precision()

    class Config:
        """No column absent, none unknown, no key twice."""

        strict = True
        unique = ["snapshot_date", "source", *TABLES["track_details"].key]


class AudioFeatures(Snapshot):
    """Grain: snapshot_date (the day asked), source, track_id."""

    track_id: Series[Text] = _id("Track; not stable for a song")
    acousticness: Series[Number] = _share("Confidence that it is acoustic")
    danceability: Series[Number] = _share("How suitable it is for dancing")
    energy: Series[Number] = _share("Intensity and activity")
    instrumentalness: Series[Number] = _share("Confidence that nobody sings or speaks")
    key: Series[Integer] = pa.Field(ge=-1, le=11, nullable=True, description="Pitch class, 0 is C; -1: none")
    liveness: Series[Number] = _share("Confidence that an audience is heard")
    loudness: Series[Number] = pa.Field(ge=-100, le=20, nullable=True, description="Mean loudness (dB)")
    mode: Series[Integer] = pa.Field(isin=[0, 1], nullable=True, description="1 for major, 0 for minor")
    speechiness: Series[Number] = _share("How much of it is spoken")
    tempo: Series[Number] = pa.Field(ge=0, le=1_000, nullable=True, description="Beats per minute")
    time_signature: Series[Integer] = pa.Field(ge=0, le=32, nullable=True, description="Beats in a bar")
    valence: Series[Number] = _share("How positive it sounds")
    duration_ms: Series[Integer] = _count("Length (milliseconds)", INTEGER_LIMIT)

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
