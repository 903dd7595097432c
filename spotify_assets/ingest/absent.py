"""Why a column of a loaded day is empty: absent is not zero, and it has a reason.

Belongs here: telling what a source never publishes from what it left out on a day. The reasons are kept in
the ledger with the load, and shown beside every null in the marts.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow

PUBLISHED: Mapping[str, frozenset[str]] = {
    "spotify": frozenset({"popularity", "followers", "genres", "isrc", "label", "upc"}),
    "listenbrainz": frozenset({"listeners", "plays", "rank_value"}),
    "deezer": frozenset({"followers", "rank_value"}),
    "lastfm": frozenset({"listeners", "plays", "rank_value", "genres"}),
}
"""Columns that say something about an artist, song or release, by the sources that publish them."""

COLUMNS = frozenset().union(*PUBLISHED.values())
NEVER = "not published by this source"
LEFT_OUT = "left out of every answer of this day: this app may not see it"


def absent_columns(source: str, rows: pyarrow.Table) -> dict[str, str]:
    """Columns that no row has a value for, each with the reason.

    Args:
        source: Series name.
        rows: The valid rows of one day; without rows nothing can be said.
    """
    if not rows.num_rows:
        return {}
    upstream = {"simulated": "spotify"}.get(source, source.removeprefix("simulated-"))
    published = PUBLISHED.get(upstream)
    return {
        name: LEFT_OUT if published is not None and name in published else NEVER
        for name in rows.schema.names
        if name in COLUMNS and rows.column(name).null_count == rows.num_rows
    }
