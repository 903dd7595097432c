"""What sources remember between runs, kept in the database: leave to call, and what they may see."""

from __future__ import annotations

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.capabilities import PostgresCapabilities
from spotify_assets.warehouse.upstream_state.quota import SharedQuota


class PostgresState:
    """The memory of all upstreams; fills `sources.memory.Memory`."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Keep the database at hand; nothing is read before it is asked for."""
        self._warehouse = warehouse

    def quota(self, upstream: str, credential: str) -> SharedQuota:
        """The books of calls that all processes share."""
        return SharedQuota(self._warehouse, upstream, credential)

    def capabilities(self, upstream: str, credential: str) -> PostgresCapabilities:
        """What may be seen."""
        return PostgresCapabilities(self._warehouse, upstream, credential)
