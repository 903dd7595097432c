"""The completeness check: all that was asked for came, and all that came was loaded. Warns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs.unnamed import show_missing, show_quarantined, unnamed
from spotify_assets.sources.protocol import ARTIST_ENTITIES

if TYPE_CHECKING:
    from spotify_assets.warehouse.ledger import LedgerEntry

NAME = "completeness"
SHOWN = 100


def completeness_spec(table: Table, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one table; it warns and blocks nothing."""
    return dg.AssetCheckSpec(
        NAME,
        asset=key,
        description=f"Every {table.requested_per} that this run asked for was loaded: nothing missing, "
        "nothing in quarantine.",
    )


def check_completeness(key: dg.AssetKey, loads: Sequence[LedgerEntry]) -> dg.AssetCheckResult:
    """Compare what was asked for with what was loaded, from the ledger's rows of this run."""
    missing = Counter(
        (load.day.isoformat(), load.source, unnamed(reason))
        for load in loads
        for reason in load.missing.values()
        if not _is_expected(load, reason)
    )
    quarantined = sum(load.quarantined for load in loads)
    metadata: dict[str, dg.MetadataValue] = {
        "requested": dg.MetadataValue.int(sum(load.requested for load in loads)),
        "missing": dg.MetadataValue.int(missing.total()),
        "quarantined": dg.MetadataValue.int(quarantined),
    }
    if missing:
        metadata["missing_by_reason"] = dg.MetadataValue.table(
            [
                dg.TableRecord({"day": day, "source": source, "reason": reason, "missing": count})
                for (day, source, reason), count in missing.most_common(SHOWN)
            ]
        )
        metadata["show_missing"] = show_missing(
            loads[0].table, max(load.day for load in loads if load.missing)
        )
    if quarantined:
        newest = max(load.day for load in loads if load.quarantined)
        metadata["show_quarantined"] = show_quarantined(loads[0].table, newest)
    complete = not missing and not quarantined
    return dg.AssetCheckResult(
        passed=complete,
        asset_key=key,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=None
        if complete
        else f"{missing.total()} missing, {quarantined} in quarantine (see spotify-assets status)",
    )


def _is_expected(load: LedgerEntry, reason: str) -> bool:
    """Whether nobody misses it: what a source never tells, or refuses of what a day may lack."""
    from spotify_assets.warehouse.ledger import MAY_NOT, never_offered

    may_lack = TABLES[load.table].entity not in ARTIST_ENTITIES
    return never_offered(load.source, reason) or (may_lack and reason.startswith(MAY_NOT))
