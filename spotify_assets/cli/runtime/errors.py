"""Which errors a person is expected to meet, and how they read."""

from __future__ import annotations


def user_facing_errors() -> tuple[type[Exception], ...]:
    """Errors whose message says what happened and what to do; anything else is a defect."""
    from dagster_postgres.utils import DagsterPostgresException  # noqa: PLC0415
    from psycopg2 import InterfaceError, OperationalError  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    from spotify_assets.dbt_manifest import ManifestError  # noqa: PLC0415
    from spotify_assets.file_imports.reader import ImportProblem  # noqa: PLC0415
    from spotify_assets.ingest.day_errors import PartitionError  # noqa: PLC0415
    from spotify_assets.lake.landing import LakeError  # noqa: PLC0415
    from spotify_assets.operations.archive import BackupError  # noqa: PLC0415
    from spotify_assets.settings import SettingsError  # noqa: PLC0415
    from spotify_assets.sources.protocol import SourceError  # noqa: PLC0415
    from spotify_assets.warehouse.errors import WarehouseError  # noqa: PLC0415

    own = (SettingsError, LakeError, SourceError, WarehouseError, PartitionError, ImportProblem, BackupError)
    # Locks of others, limits, a server that ends: not ours to prevent.
    return (*own, ManifestError, DBAPIError, DagsterPostgresException, OperationalError, InterfaceError)


def explain(error: Exception) -> str:
    """The message, without a class name or traceback."""
    from dagster_postgres.utils import DagsterPostgresException  # noqa: PLC0415
    from psycopg2 import InterfaceError, OperationalError  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    # Dagster's own records: our statements do not go through SQLAlchemy.
    if isinstance(error, DagsterPostgresException) and isinstance(error.__cause__, DBAPIError):
        error = error.__cause__
    if isinstance(error, DBAPIError):
        said = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
        return (
            f"Dagster could not keep its records in the database: {said[0]}. What was committed before "
            "stands. When the database works again, run again: only what is missing is done"
        )
    if isinstance(error, OperationalError | InterfaceError):
        said = str(error).strip().splitlines() or [type(error).__name__]
        where = f" ({said[1].strip()})" if said[1:] and said[1].startswith("LINE") else ""
        return (
            f"The database did not do what it was asked: {said[0]}{where}. What was committed before stands. "
            "When nothing locks its tables and it works again, run again"
        )
    return str(error).strip() or type(error).__name__
