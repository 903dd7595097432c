"""A lake and a simulated upstream."""

from spotify_assets_tests.support.ingestion import artists, landing, simulated, simulator

__all__ = ["artists", "landing", "simulated", "simulator"]
