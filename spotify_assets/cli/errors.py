"""Which errors a person is expected to meet, and how they read."""

from __future__ import annotations


def EXPECTED() -> tuple[type[Exception], ...]:  # noqa: N802 - used as the tuple that `except` takes
    """Errors whose message says what happened and what to do; anything else is a defect."""
    from spotify_assets.ingest.history import ImportProblem  # noqa: PLC0415
    from spotify_assets.ingest.land import PartitionError  # noqa: PLC0415
    from spotify_assets.lake.landing import LakeError  # noqa: PLC0415
    from spotify_assets.settings import SettingsError  # noqa: PLC0415
    from spotify_assets.sources.base import SourceError  # noqa: PLC0415
    from spotify_assets.warehouse.errors import WarehouseError  # noqa: PLC0415

    return (SettingsError, LakeError, SourceError, WarehouseError, PartitionError, ImportProblem)


def explain(error: Exception) -> str:
    """The message, without a class name or traceback."""
    return str(error).strip() or type(error).__name__
