"""Opening the database: it is reached, its schema brought up to date, and its roles granted what is new."""

from __future__ import annotations

from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import CONNECT_SECONDS, Warehouse
from spotify_assets.warehouse.migrate import is_current, migrate
from spotify_assets.warehouse.roles.platform import grant
from spotify_assets.warehouse.server.refusals import check_writable


def open_warehouse(settings: Settings, *, connect_seconds: float = CONNECT_SECONDS) -> Warehouse:
    """Start the embedded server, or use the one that DATABASE_URL names, and bring the schema up to date.

    Raises:
        DatabaseUnavailable: The server cannot be reached or refuses us.
        EmbeddedServerError: The embedded server cannot be started.
        MigrationError: The schema cannot be brought up to date.
    """
    warehouse = Warehouse.reach(settings, connect_seconds=connect_seconds)
    owner = Warehouse.reach_owner(settings, connect_seconds=connect_seconds)
    with warehouse.connect() as connection:
        check_writable(connection, where=warehouse.where, setting=warehouse.setting, user=warehouse.user)
        if owner is None:
            migrate(connection)
            return warehouse
        current = is_current(connection)
    if not current:
        with owner.connect() as connection:
            migrate(connection)
        grant(owner, warehouse, Warehouse.reach_reader(settings))
    return warehouse
