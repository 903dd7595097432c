"""What sources remember between runs, kept in the database: leave to call, and what they may see."""

from __future__ import annotations

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.upstream_state.capabilities import KeptCapabilities
from spotify_assets.warehouse.upstream_state.quota import SharedAllowance


class KeptMemory:
    """The memory of all upstreams; fills `sources.memory.Memory`."""

    def __init__(self, warehouse: Warehouse) -> None:
        """Keep the database at hand; nothing is read before it is asked for."""
        self._warehouse = warehouse

    def allowance(self, upstream: str, credential: str) -> SharedAllowance:
        """The books of calls that all processes share."""
        return SharedAllowance(self._warehouse, upstream, credential)

    def capabilities(self, upstream: str, credential: str) -> KeptCapabilities:
        """What may be seen."""
        return KeptCapabilities(self._warehouse, upstream, credential)
