"""Why a column of a loaded day is empty: absent is not zero, and it has a reason.

The reasons are kept in the ledger with the load, and shown beside every null in the marts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows as imported
from spotify_assets.sources.reasons.reason import Reason, ReasonCode

PUBLISHED: Mapping[str, frozenset[str]] = {
    "spotify": frozenset({"popularity", "followers", "genres", "isrc", "label", "upc"}),
    "listenbrainz": frozenset({"listeners", "plays", "rank_value"}),
    "deezer": frozenset({"followers", "rank_value"}),
    "lastfm": frozenset({"listeners", "plays", "rank_value", "genres"}),
}
"""Columns that say something about an artist, song or release, by the sources that publish them."""

COLUMNS = frozenset().union(*PUBLISHED.values())
_SPELT = {"isrc": "external_ids", "upc": "external_ids"}
"""What Spotify calls a column, where that is another name."""


def absent_columns(
    source: str, table: str, rows: pyarrow.Table, exchanges: Sequence[Exchange]
) -> dict[str, Reason]:
    """Columns that no row has a value for, each with the reason.

    Args:
        source: Series name.
        table: Table that the rows are for.
        rows: The valid rows of one day; without rows nothing can be said.
        exchanges: What they were read from.
    """
    if not rows.num_rows:
        return {}
    empty = [
        name
        for name in rows.schema.names
        if name in COLUMNS and rows.column(name).null_count == rows.num_rows
    ]
    return {name: Reason(_code(source, table, name, exchanges)) for name in empty}


def _code(source: str, table: str, name: str, exchanges: Sequence[Exchange]) -> ReasonCode:
    if all(exchange.method == imported.METHOD or not exchange.body for exchange in exchanges):
        return ReasonCode.NOT_IN_FILE
    upstream = {"simulated": "spotify"}.get(source, source.removeprefix("simulated-"))
    if name not in PUBLISHED.get(upstream, COLUMNS):
        return ReasonCode.NOT_PUBLISHED
    if upstream != "spotify":
        return ReasonCode.NO_VALUES
    spelt = f'"{_SPELT.get(name, name)}"'
    if any(exchange.status == 200 and spelt in exchange.body for exchange in exchanges):
        return ReasonCode.NO_VALUES
    # Of albums, lists tell less than the albums' own answers, which may have failed to come.
    return ReasonCode.NOT_TOLD if table == "new_releases" else ReasonCode.WITHHELD
