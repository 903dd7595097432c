"""The list of tables that Python loads, light enough to be read while definitions load.

Belongs here: names, keys and what feeds what. The rules for columns stand in the models beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from spotify_assets.sources.base import Entity


@dataclass(frozen=True, slots=True)
class Table:
    """One loaded table of schema ``snapshots``.

    Attributes:
        name: Table name, also the name of its asset.
        entity: What is asked from upstreams to fill it.
        key: Primary key within one (snapshot date, source).
        description: What a row is.
        requested_per: What a missing entry stands for, in words.
    """

    name: str
    entity: Entity
    key: tuple[str, ...]
    description: str
    requested_per: str


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

TABLES: dict[str, Table] = {table.name: table for table in (ARTIST_SNAPSHOTS, TOP_TRACKS, NEW_RELEASES)}
