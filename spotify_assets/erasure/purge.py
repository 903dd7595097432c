"""Purging: what one source, artist or user brought is removed from every place, and then looked for again.

The lake comes first: whatever is loaded afterwards, by whom ever, comes from it. Partitions of which only a
part went are loaded anew, so that the ledger says what stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from spotify_assets.contracts.tables import TABLES
from spotify_assets.erasure import rows as tables
from spotify_assets.erasure import search as purge_search
from spotify_assets.erasure.artist import Artist, learn_names
from spotify_assets.erasure.dagster_events import OldListings
from spotify_assets.erasure.places import (
    LANDING,
    LOG_FOLDERS,
    LOGS,
    Place,
    Purged,
    count_exchanges,
    load_anew,
    log_lines,
    names_any,
    remove_rows,
    search_tables,
    touched,
    without,
)
from spotify_assets.erasure.rows import Rows
from spotify_assets.lake import files as lake
from spotify_assets.lake.landing import Landing, check_source_name
from spotify_assets.sources.exchange import Exchange
from spotify_assets.warehouse.connection import Warehouse

__all__ = ["Place", "Purged", "enforce_retention", "purge_artist", "purge_source", "purge_user"]

RETAINED_SOURCES = ("spotify",)
"""Series that SPOTIFY_RETENTION_DAYS is about."""
_TABLE_OF: dict[str, str] = {table.entity: table.name for table in TABLES.values()}


def purge_source(
    warehouse: Warehouse,
    landing: Landing,
    home: Path,
    source: str,
    *,
    before: date | None = None,
    dry_run: bool = False,
) -> Purged:
    """Remove everything that one source brought.

    Args:
        warehouse: The database.
        landing: The raw part of the lake.
        home: SPOTIFY_ASSETS_HOME, for log files.
        source: Its series' name.
        before: Only days before this one; what has no day (the watchlist, identities) then stays.
        dry_run: Only search.

    Raises:
        ValueError: This cannot be a source's name.
        LakeError: A file cannot be deleted; what was removed until then is gone.
        WarehouseError: The database refused; nothing was removed from it.
    """
    check_source_name(source)
    purged = Purged(f"source {source}" + (f" before {before}" if before else ""), dry_run)
    rows, shown = Rows(source=source, before=before), OldListings((source,))

    def search() -> dict[str, int]:
        found = {LANDING: sum(1 for _ in lake.files(landing, source, before))}
        return found | search_tables(warehouse, [rows], [shown], before)

    found = search()
    if not dry_run:
        for file in list(lake.files(landing, source, before)):
            lake.remove(landing, file)
        remove_rows(warehouse, [rows], [shown], before)
    _conclude(purged, found, search)
    if any((home / folder).exists() for folder in LOG_FOLDERS):
        purged.notes.append(
            "Logs of runs may name what was asked for. They hold nothing of its content; to be rid of them "
            f"too, delete {home / 'logs'} and {home / 'dagster' / 'storage'}"
        )
    return purged


def enforce_retention(
    warehouse: Warehouse,
    landing: Landing,
    home: Path,
    days: int | None,
    *,
    today: date | None = None,
    sources: Sequence[str] = RETAINED_SOURCES,
    dry_run: bool = False,
) -> list[Purged]:
    """Remove what is older than it may be kept.

    Args:
        warehouse: The database.
        landing: The raw part of the lake.
        home: SPOTIFY_ASSETS_HOME.
        days: SPOTIFY_RETENTION_DAYS: today and the days before it that are kept; ``None`` keeps everything.
        today: The UTC day; by default the machine's.
        sources: Series it is about.
        dry_run: Only search.

    Returns:
        What was removed, by source; nothing where there is no limit.
    """
    if days is None:
        return []
    oldest = (today or datetime.now(UTC).date()) - timedelta(days=days - 1)
    return [
        purge_source(warehouse, landing, home, source, before=oldest, dry_run=dry_run) for source in sources
    ]


def purge_user(
    warehouse: Warehouse,
    landing: Landing,
    user_id: str,
    *,
    source: str | None = None,
    before: date | None = None,
    dry_run: bool = False,
) -> Purged:
    """Remove everything that one user brought: their sign-in, and rows and responses that bear their id.

    Args:
        warehouse: The database.
        landing: The raw part of the lake. A response about a user bears ``user_id`` in its request.
        user_id: Their id.
        source: Only as known to this upstream.
        before: Only days before this one; the sign-in then stays.
        dry_run: Only search.

    Raises:
        LakeError: A file cannot be rewritten; what was removed until then is gone.
        WarehouseError: The database refused; nothing was removed from it.
    """
    purged = Purged(f"user {user_id}" + (f" before {before}" if before else ""), dry_run)
    rows = Rows(user_id=user_id, source=source, before=before)

    def drop(exchange: Exchange) -> Exchange | None:
        return None if exchange.request.get("user_id") == user_id else exchange

    def search() -> dict[str, int]:
        found = {LANDING: count_exchanges(landing, drop, source, before)}
        return found | search_tables(warehouse, [rows], [], before)

    found = search()
    if not dry_run:
        for _ in lake.go_through(landing, drop, source=source, before=before):
            pass
        remove_rows(warehouse, [rows], [], before)
    _conclude(purged, found, search)
    return purged


def purge_artist(
    warehouse: Warehouse,
    landing: Landing,
    home: Path,
    artist_id: str,
    *,
    source: str | None = None,
    before: date | None = None,
    dry_run: bool = False,
) -> Purged:
    """Remove everything about one artist, by id, and by name where the name stands with it.

    Args:
        warehouse: The database.
        landing: The raw part of the lake.
        home: SPOTIFY_ASSETS_HOME, for log files.
        artist_id: Their id in any source. Without `source`, ids that are known to be the same artist's are
            purged as well; ids that only share a name are not, and are named in the notes.
        source: Only this series.
        before: Only days before this one; what has no day then stays.
        dry_run: Only search.

    Raises:
        LakeError: A file cannot be rewritten; what was removed until then is gone.
        WarehouseError: The database refused; what was committed until then stands.
    """
    if source is not None:
        check_source_name(source)
    purged = Purged(f"artist {artist_id}" + (f" of {source}" if source else ""), dry_run)
    artists = _everyone(warehouse, landing, artist_id, source, purged)
    works: set[str] = set()
    rows = [
        Rows(source, artist.artist_id, artist.unmistakable, tuple(sorted(artist.names)), works, before=before)
        for artist in artists
    ]
    shown = [OldListings.of_artist(artist) for artist in artists]
    now = datetime.now(UTC)

    def change(exchange: Exchange) -> Exchange | None:
        return without(exchange, artists, now, works)

    def look(exchange: Exchange) -> Exchange | None:
        changed = change(exchange)
        return None if changed is exchange and names_any(exchange, artists) else changed

    def search() -> dict[str, int]:
        found = {LANDING: count_exchanges(landing, look, source, before)}
        found |= search_tables(warehouse, rows, shown, before)
        if before is None:
            found[LOGS] = log_lines(home, artists, rewrite=False)
        return found

    found = search()
    if not dry_run:
        partitions = touched(warehouse, rows)
        for rewritten in lake.go_through(landing, change, source=source, before=before):
            file = rewritten.file
            if file.entity in _TABLE_OF:
                partitions.setdefault((_TABLE_OF[file.entity], file.source, file.day), 0)
        remove_rows(warehouse, rows, shown, before)
        load_anew(warehouse, landing, partitions)
        if before is None:
            log_lines(home, artists, rewrite=True)
    _conclude(purged, found, search)
    _note_namesakes(warehouse, rows, purged)
    return purged


def _everyone(
    warehouse: Warehouse, landing: Landing, artist_id: str, source: str | None, purged: Purged
) -> list[Artist]:
    """The artist under every id that is theirs, with the names that tables and responses give them."""
    ids = [artist_id]
    if source is None:
        with warehouse.connect() as connection:
            known, doubtful = purge_search.linked(connection, artist_id)
        ids += [ident for _, ident in known]
        for namespace, ident in known:
            purged.notes.append(f"Also purged, as the same artist: {ident} ({namespace})")
        for namespace, ident in doubtful:
            purged.notes.append(
                f"Left alone, because only the name is the same: {ident} ({namespace}). If it is the same "
                f"artist: spotify-assets purge --artist {ident!r}"
            )
    artists = [Artist(ident) for ident in dict.fromkeys(ids)]
    names: set[str] = set()
    with warehouse.connect() as connection:
        for artist in artists:
            for found in purge_search.known_names(connection, artist.artist_id, source).values():
                names |= found

    def learn(exchange: Exchange) -> Exchange:
        for artist in artists:
            names.update(learn_names(exchange, artist))
        return exchange

    count_exchanges(landing, learn, source, None)
    return [Artist(artist.artist_id, frozenset(names)) for artist in artists]


def _conclude(purged: Purged, found: dict[str, int], search: Callable[[], dict[str, int]]) -> None:
    left = found if purged.dry_run else search()
    for name in dict.fromkeys([*found, *left]):
        purged.places.append(Place(name, found.get(name, 0), left.get(name, 0)))


def _note_namesakes(warehouse: Warehouse, rows: Sequence[Rows], purged: Purged) -> None:
    """Say where the name still stands, under other ids: it may be another artist's, or a song's."""
    if purged.dry_run:
        return
    with warehouse.connect() as connection, connection.cursor() as cursor:
        for table in tables.tables(connection):
            if rows and (count := purge_search.namesakes(cursor, table, rows[0])):
                purged.notes.append(
                    f"{count:,} rows of {table.called} hold the name as part of something else (another "
                    "artist, a title); they were left"
                )
