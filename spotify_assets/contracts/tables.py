"""The list of tables that Python loads, light enough to be read while definitions load.

The rules for columns stand in the models beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from spotify_assets.sources.protocol import ASKED_ONCE, Entity


@dataclass(frozen=True, slots=True)
class Table:
    """One loaded table of schema ``snapshots``.

    Attributes:
        name: Table name, also the name of its asset.
        entity: What is asked from upstreams to fill it.
        key: Primary key within one (snapshot date, source).
        description: What a row is.
        requested_per: What a missing entry stands for, in words.
        observed: Whether a source feeds it; otherwise only imported files do.
    """

    name: str
    entity: Entity
    key: tuple[str, ...]
    description: str
    requested_per: str
    observed: bool = True

    @property
    def daily(self) -> bool:
        """Whether each day is observed anew; what is asked once is asked on days with something new only."""
        return self.entity not in ASKED_ONCE


ARTIST_SNAPSHOTS = Table(
    name="artist_snapshots",
    entity="artists",
    key=("artist_id",),
    description="One tracked artist as seen on one UTC day by one source.",
    requested_per="tracked artist",
)
TOP_TRACKS = Table(
    name="top_tracks",
    entity="top_tracks",
    key=("market", "artist_id", "position"),
    description="One position in a tracked artist's list of top tracks, by market, day and source.",
    requested_per="tracked artist and market",
)
NEW_RELEASES = Table(
    name="new_releases",
    entity="new_releases",
    key=("album_id",),
    description="One album on a source's list of new releases, as seen on one UTC day.",
    requested_per="album on the list",
)

PLAYLIST_TRACKS = Table(
    name="playlist_tracks",
    entity="playlist_tracks",
    key=("playlist_id", "position"),
    description="One position of a chart or playlist, by day and source.",
    requested_per="chart or playlist",
    observed=False,
)
ALBUM_TRACKS = Table(
    name="album_tracks",
    entity="album_tracks",
    key=("album_id", "disc_number", "track_number"),
    description="One track of a new album, asked for once about each album.",
    requested_per="new album whose tracks are not known",
)
TRACK_DETAILS = Table(
    name="track_details",
    entity="track_details",
    key=("track_id",),
    description="One track of a new album as it describes itself, asked for once.",
    requested_per="track of a new album that is not known",
)
AUDIO_FEATURES = Table(
    name="audio_features",
    entity="audio_features",
    key=("track_id",),
    description="What one track of a new album sounds like, in the source's measures, asked for once.",
    requested_per="track of a new album whose audio features are not known",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ARTIST_SNAPSHOTS,
        TOP_TRACKS,
        NEW_RELEASES,
        PLAYLIST_TRACKS,
        ALBUM_TRACKS,
        TRACK_DETAILS,
        AUDIO_FEATURES,
    )
}

DAILY_TABLES = {name: table for name, table in TABLES.items() if table.daily}
"""Those of which each day is observed anew."""
OBSERVED_DAILY = {name: table for name, table in DAILY_TABLES.items() if table.observed}
"""Of these, what every daily run observes."""
