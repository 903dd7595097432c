"""The places that a purge empties and searches: landing, tables, Dagster's old events, log files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as PgConnection  # noqa: N812 - it is a class

from spotify_assets.contracts.tables import TABLES
from spotify_assets.erasure import dagster_events, ledger, search
from spotify_assets.erasure import rows as tables
from spotify_assets.erasure.albums_and_tracks import forget_works
from spotify_assets.erasure.artist import Artist, mentions
from spotify_assets.erasure.dagster_events import OldListings
from spotify_assets.erasure.exchanges import forget
from spotify_assets.erasure.rows import Rows
from spotify_assets.ingest.load import load_source, user_facing_errors
from spotify_assets.lake import files as lake
from spotify_assets.lake.landing import Landing, check_source_name
from spotify_assets.settings import LIVE_SOURCES, SIMULATED_SOURCES
from spotify_assets.sources.exchange import Exchange
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import current_load
from spotify_assets.warehouse.loading.ledger_adjustment import adjust_ledger, asked

RUN_ID = "purge"
LANDING, EVENTS, LOGS = "landing (raw responses)", "Dagster's events", "log files"
LOG_FOLDERS = ("logs", "dagster")
"""Where log files lie, under SPOTIFY_ASSETS_HOME."""
_LOG_NAMES = {".log", ".out", ".err"}
_REMOVED_LINE = "(a line was removed by a purge)"

Key = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class Place:
    """One place that was searched.

    Attributes:
        name: What it is.
        found: Entries about what was to go, before: rows, files, responses or lines.
        left: Entries found afterwards.
    """

    name: str
    found: int
    left: int

    @property
    def removed(self) -> int:
        """Entries removed."""
        return max(self.found - self.left, 0)


@dataclass(slots=True)
class Purged:
    """What a purge did, and what a second search found.

    Attributes:
        what: What was to go.
        dry_run: Whether it was only searched for.
        places: Every place searched.
        notes: What a person should know besides.
    """

    what: str
    dry_run: bool
    places: list[Place] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Entries found before."""
        return sum(place.found for place in self.places)

    @property
    def left(self) -> int:
        """Entries that should be gone and are not; 0 for a dry run."""
        return 0 if self.dry_run else sum(place.left for place in self.places)

    def as_json(self) -> dict[str, Any]:
        """The outcome for programs."""
        return {
            "what": self.what,
            "dry_run": self.dry_run,
            "found": self.found,
            "left": self.left,
            "places": [
                {"place": p.name, "found": p.found, "removed": p.removed, "left": p.left} for p in self.places
            ],
            "notes": self.notes,
        }


def check_source(warehouse: Warehouse, landing: Landing, source: str) -> None:
    """Make sure that a source exists: of a misspelt one nothing would be found, and all would seem well.

    Raises:
        ValueError: Nothing knows it; says which ones are known.
    """
    check_source_name(source)
    with warehouse.connect() as connection:
        found = {*lake.sources(landing), *search.known_sources(connection)}
    known = [*LIVE_SOURCES, *SIMULATED_SOURCES]
    known += sorted(found - set(known))
    if source not in known:
        raise ValueError(f"There is no source {source!r}. Known are: {', '.join(known)}")


def count_exchanges(
    landing: Landing,
    change: Callable[[Exchange], Exchange | None],
    source: str | None,
    before: date | None,
) -> int:
    """Count the exchanges that `change` would change or drop."""
    found = lake.go_through(landing, change, source=source, before=before, dry_run=True)
    return sum(rewritten.exchanges for rewritten in found)


def without(exchange: Exchange, artists: Sequence[Artist], at: datetime, works: set[str]) -> Exchange | None:
    """An exchange without an artist under any of their ids; `works` as in `erasure.exchanges`."""
    left: Exchange | None = exchange
    for artist in artists:
        left = forget(left, artist, at, works) if left is not None else None
    return forget_works(left, works, at) if left is not None else None


def names_any(exchange: Exchange, artists: Sequence[Artist]) -> bool:
    """Whether an id of the artist stands anywhere in an exchange, whether or not `without` recognises it."""
    return any(mentions(exchange, artist) for artist in artists)


def search_tables(
    warehouse: Warehouse, rows: Sequence[Rows], shown: Sequence[OldListings], before: date | None
) -> dict[str, int]:
    """Count the rows that are meant, by table, and what Dagster shows of them."""
    found: dict[str, int] = {}
    with warehouse.connect() as connection, connection.cursor() as cursor:
        for table in tables.tables(connection):
            count = sum(tables.count(cursor, table, one) for one in rows)
            if table.called == ledger.LEDGER:
                count = max(count, sum(ledger.count_missing(cursor, one) for one in rows))
            if count:
                found[table.called] = count
        events = sum(_events(connection, one, before, dry_run=True) for one in shown)
        found[EVENTS] = max(events, dagster_events.mentions(cursor, [i for s in shown for i in s.ids]))
    return found


def _events(connection: PgConnection, shown: OldListings, before: date | None, *, dry_run: bool) -> int:
    with connection.cursor() as cursor:
        day = None if before is None else before.isoformat()
        return dagster_events.clear_events(cursor, shown, before=day, dry_run=dry_run)


def remove_rows(
    warehouse: Warehouse, rows: Sequence[Rows], shown: Sequence[OldListings], before: date | None
) -> None:
    """Remove rows from all tables, in one transaction."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        for table in tables.tables(connection):
            for one in rows:
                tables.remove(cursor, table, one)
        for one in rows:
            if one.artist_id is not None:
                ledger.forget_missing(cursor, one)
        for each in shown:
            _events(connection, each, before, dry_run=False)
        connection.commit()


def touched(warehouse: Warehouse, rows: Sequence[Rows]) -> dict[Key, int]:
    """Partitions that hold rows that are meant, with how many of the things asked for stand in each."""
    with warehouse.connect() as connection, connection.cursor() as cursor:
        keys: set[Key] = set()
        for one in rows:
            keys |= search.touched_partitions(cursor, one)
        return {key: asked(cursor, *key) for key in sorted(keys) if key[0] in TABLES}


def load_anew(warehouse: Warehouse, landing: Landing, partitions: dict[Key, int]) -> None:
    """Load partitions of which a part went from what is left in the lake, or book what is left of them."""
    with warehouse.holding() as kept:
        for (table, source, day), before in sorted(partitions.items()):
            if current_load(kept, table, source, day) is None:
                continue
            try:
                loaded = load_source(table, source, day, landing, kept, RUN_ID)
            except user_facing_errors:
                loaded = None
            if loaded is None:
                with kept.connect() as connection, connection.cursor() as cursor:
                    fewer = max(before - asked(cursor, table, source, day), 0)
                adjust_ledger(kept, table, source, day, RUN_ID, fewer)


def log_lines(home: Path, artists: Sequence[Artist], *, rewrite: bool) -> int:
    """Count the lines of log files that name an artist, and take them out if wanted."""
    found = 0
    for path in (path for folder in LOG_FOLDERS for path in sorted((home / folder).rglob("*"))):
        if path.suffix not in _LOG_NAMES or not path.is_file():
            continue
        lines = path.read_text("utf-8", errors="surrogateescape").splitlines(keepends=True)
        named = [any(_names(artist, line) for artist in artists) for line in lines]
        found += sum(named)
        if rewrite and any(named):
            kept = [f"{_REMOVED_LINE}\n" if gone else line for line, gone in zip(lines, named, strict=True)]
            path.write_text("".join(kept), "utf-8", errors="surrogateescape")
    return found


def _names(artist: Artist, line: str) -> bool:
    if artist.unmistakable and artist.artist_id in line:
        return True
    return artist.is_named_in(line)
