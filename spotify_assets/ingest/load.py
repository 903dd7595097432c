"""Loading one partition: landed responses to valid rows in their table.

The result depends on the lake alone, so any rerun gives the identical table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow

from spotify_assets.artists.identities import merged_ids, record_aliases
from spotify_assets.artists.matching import namespace_of
from spotify_assets.contracts.fields import is_identifier
from spotify_assets.contracts.tables import TABLES
from spotify_assets.contracts.validation import Quarantined, Validated, validate
from spotify_assets.ingest.absent import absent_columns
from spotify_assets.ingest.day_errors import PartitionError
from spotify_assets.ingest.plan import explained
from spotify_assets.ingest.read import parse_landed
from spotify_assets.ingest.removed import refuse_removed
from spotify_assets.lake.landing import LakeError, Landing
from spotify_assets.settings import LIVE_SOURCES, SIMULATED_SOURCES
from spotify_assets.sources.imported import rows as imported
from spotify_assets.sources.parsing import anything_observed
from spotify_assets.sources.protocol import ARTIST_ENTITIES
from spotify_assets.sources.records import ArtistSnapshot, Parsed
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.errors import RowsRejected, WarehouseError
from spotify_assets.warehouse.ledger import LedgerEntry, LoadSummary, QuarantinedRow
from spotify_assets.warehouse.loading.replace import replace_partition
from spotify_assets.warehouse.locks import loading

user_facing_errors = (PartitionError, WarehouseError, LakeError)
"""What may keep one day from loading, without being a reason to give up the others."""


class NothingLanded(PartitionError):
    """No source has landed anything for the day."""


class NothingValid(PartitionError):
    """Everything that was received breaks the contract."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One series of one partition, as loaded.

    Attributes:
        entry: The ledger's row.
        rows: What stands in the table now.
    """

    entry: LedgerEntry
    rows: pyarrow.Table


def load(table: str, day: date, landing: Landing, warehouse: Warehouse, run_id: str) -> list[Loaded]:
    """Load one partition of one table for every source that has landed something.

    Args:
        table: Table name, a key of `TABLES`.
        day: UTC day.
        landing: Where responses are kept.
        warehouse: Where rows go.
        run_id: Run that loads.

    Returns:
        One entry per source, in name order; each was committed by itself. None where nothing was landed of
        what a day may lack: charts, and what is asked once about new albums.

    Raises:
        NothingLanded: There is nothing to load; the table was left as it was.
        NothingValid: A source sent rows and none is acceptable; its partition was left as it was, those of
            the other sources are loaded.
    """
    entity = TABLES[table].entity
    loaded, invalid = [], []
    for source in landing.sources(entity, day):
        try:
            outcome = load_source(table, source, day, landing, warehouse, run_id)
        except NothingValid as problem:
            invalid.append(str(problem))
        else:
            loaded += [outcome] if outcome else []
    if invalid:
        others = f" Loaded all the same: {', '.join(item.entry.source for item in loaded)}." if loaded else ""
        raise NothingValid("\n".join(invalid) + others)
    if not loaded and entity in ARTIST_ENTITIES:
        raise NothingLanded(
            f"Nothing was landed for {entity} on {day}, so {table} was left as it was. Materialize "
            f"landing/raw_{entity} too (of a live source only today can be asked for), or import the day: "
            f"spotify-assets import {table.replace('_', '-')} FILE --source NAME."
        )
    return loaded


def load_source(
    table: str, source: str, day: date, landing: Landing, warehouse: Warehouse, run_id: str
) -> Loaded | None:
    """Load one series of one partition; None if its landings hold no observation and no reason for none.

    Raises:
        NothingValid: An upstream sent rows and none is acceptable.
        RawRemoved: What the partition was loaded from was removed by age.
        WarehouseError: The database refused or was busy.
    """
    with loading(warehouse, table, source, day):
        return _load_source(table, source, day, landing, warehouse, run_id)


def _load_source(
    table: str, source: str, day: date, landing: Landing, warehouse: Warehouse, run_id: str
) -> Loaded | None:
    refuse_removed(warehouse, table, day, [source])
    parts = landing.parts(source, TABLES[table].entity, day)
    exchanges = landing.read_parts(parts)
    if not anything_observed(exchanges) and not explained(exchanges):
        return None
    live = source in {*LIVE_SOURCES, *SIMULATED_SOURCES}
    merged = merged_ids(warehouse, namespace_of(source)) if live and table == "artist_snapshots" else {}
    parsed = parse_landed(source, TABLES[table].entity, exchanges, merged)
    outcome = validate(table, source, day, parsed.records, parsed.rejected)

    def replace(outcome: Validated) -> LedgerEntry:
        # A live upstream whose every row is wrong has changed, and the day must not be taken for loaded. A
        # file's wrong rows are a person's to correct.
        from_files = all(exchange.method == imported.METHOD for exchange in exchanges)
        if outcome.quarantined and not outcome.rows.num_rows and not from_files:
            first = outcome.quarantined[0]
            raise NothingValid(
                f"None of {len(outcome.quarantined)} rows of {source} for {day} fits {table}; it was left as "
                f"it was. The first: {'; '.join(first.reasons)}. The responses are safe in the lake: when "
                "the reader or the contract has been corrected, materialize the day again."
            )
        return replace_partition(
            warehouse,
            table=table,
            source=source,
            day=day,
            rows=outcome.rows,
            quarantined=[QuarantinedRow(row.raw, row.reasons) for row in outcome.quarantined],
            load=LoadSummary(
                requested=len(parsed.requested),
                received=outcome.rows.num_rows + len(outcome.quarantined),
                missing={missing.key: missing.reason for missing in parsed.missing},
                quarantined=len(outcome.quarantined),
                superseded=outcome.superseded + parsed.superseded,
                absent=absent_columns(source, table, outcome.rows, exchanges),
                run_id=run_id,
                lake_parts=len(parts),
            ),
        )

    try:
        entry = replace(outcome)
    except RowsRejected as problem:
        # What no rule foresaw costs its own rows only.
        if not problem.refused:
            raise
        outcome = _without(outcome, problem.refused, TABLES[table].key)
        entry = replace(outcome)
    if table == "artist_snapshots" and live:
        _record_aliases(warehouse, source, parsed, outcome.rows)
    return Loaded(entry, outcome.rows)


def _without(
    outcome: Validated, refused: Sequence[tuple[dict[str, Any], str]], key: tuple[str, ...]
) -> Validated:
    """The outcome with the rows that the database refused set aside, each with its reason."""
    keys = {tuple(row[name] for name in key) for row, _ in refused}
    standing = zip(*(outcome.rows.column(name).to_pylist() for name in key), strict=True)
    mask = pyarrow.array([values not in keys for values in standing], pyarrow.bool_())
    quarantined = [Quarantined(row, (reason,)) for row, reason in refused]
    return Validated(outcome.rows.filter(mask), [*outcome.quarantined, *quarantined], outcome.superseded)


def _record_aliases(warehouse: Warehouse, source: str, parsed: Parsed, rows: pyarrow.Table) -> None:
    """Keep which ids the upstream itself says are another artist's, or are no longer, as of this day.

    Of several answers for one artist the table holds one: who was answered as itself is in the records.
    """
    snapshots = [
        one for one in parsed.records if isinstance(one, ArtistSnapshot) and is_identifier(one.artist_id)
    ]
    itself = [(one.requested_id, one.artist_id) for one in snapshots if one.requested_id == one.artist_id]
    kept = zip(*(rows.column(name).to_pylist() for name in ("requested_id", "artist_id")), strict=True)
    unanswered = [(key, "") for key in parsed.requested if is_identifier(key)]
    times = rows.column("observed_at").to_pylist()
    if times:
        pairs = [*itself, *kept, *unanswered]
        record_aliases(warehouse, namespace_of(source), pairs, max(times))
