"""What is still to be asked about new albums: each album and each of its tracks once.

Only albums of watched artists count: about others nothing is kept that is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from spotify_assets.sources.protocol import Entity
from spotify_assets.sources.reasons.reason import ReasonCode
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import fetch_all

NEW_DAYS = 30
"""How long after it was seen an album, or a track of one, is still asked about."""

_NEW = {
    "album_tracks": (
        "select album_id as id, min(snapshot_date) as seen from snapshots.new_releases "
        "where source = %(source)s and snapshot_date > %(since)s and snapshot_date <= %(day)s "
        "and artist_ids && %(watched)s::text[] group by 1"
    ),
    "track_details": (
        "select track_id as id, min(snapshot_date) as seen from snapshots.album_tracks "
        "where source = %(source)s and snapshot_date > %(since)s and snapshot_date <= %(day)s "
        "and track_id is not null group by 1"
    ),
}
_NEW["audio_features"] = _NEW["track_details"]
_ID = {"album_tracks": "album_id", "track_details": "track_id", "audio_features": "track_id"}


def keys_to_ask(
    warehouse: Warehouse, entity: Entity, source: str, day: date, watched: Sequence[str]
) -> list[str]:
    """Albums or tracks seen up to a day that were neither told nor called unknown on an earlier day.

    Args:
        warehouse: The database.
        entity: One of `ASKED_ONCE`.
        source: Whose list of new releases it is about.
        day: UTC day on which they are to be asked for; what was told on the day itself counts as not told.
        watched: Ids of the watched artists there.

    Returns:
        Ids, those seen first first.
    """
    statement = (
        f"with new as ({_NEW[entity]}), unknown as (select m.key as id "  # noqa: S608 - constants
        "from ops.current_partition_loads as l cross join lateral jsonb_each(l.missing) as m (key, why) "
        "where l.table_name = %(table)s and l.source = %(source)s and l.partition_date < %(day)s "
        "and l.partition_date >= %(since)s "
        "and m.why ->> 'code' = %(not_found)s) "
        "select n.id from new as n where not exists (select from unknown as u where u.id = n.id) "
        f"and not exists (select from snapshots.{entity} as t where t.source = %(source)s "
        f"and t.{_ID[entity]} = n.id and t.snapshot_date < %(day)s) order by n.seen, n.id"
    )
    values = {
        "table": entity,
        "source": source,
        "day": day,
        "since": day - timedelta(days=NEW_DAYS),
        "watched": list(watched),
        "not_found": ReasonCode.NOT_FOUND,
    }
    return [ident for (ident,) in fetch_all(warehouse, statement, values)]
