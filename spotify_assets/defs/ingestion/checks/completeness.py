"""The completeness check: all that was asked for came, and all that came was loaded. Warns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.sources.protocol import ARTIST_ENTITIES
from spotify_assets.sources.reasons.reason import ReasonCode

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
    missing = [
        dg.TableRecord(
            {"day": load.day.isoformat(), "source": load.source, "missing": name, "reason": reason.sentence}
        )
        for load in loads
        for name, reason in load.missing.items()
        if not _is_expected(load, reason.code)
    ]
    quarantined = sum(load.quarantined for load in loads)
    metadata: dict[str, dg.MetadataValue] = {
        "requested": dg.MetadataValue.int(sum(load.requested for load in loads)),
        "missing": dg.MetadataValue.int(len(missing)),
        "quarantined": dg.MetadataValue.int(quarantined),
    }
    if missing:
        metadata["missing_entries"] = dg.MetadataValue.table(missing[:SHOWN])
    complete = not missing and not quarantined
    return dg.AssetCheckResult(
        passed=complete,
        asset_key=key,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=None
        if complete
        else f"{len(missing)} missing, {quarantined} in quarantine (see spotify-assets status)",
    )


def _is_expected(load: LedgerEntry, code: ReasonCode) -> bool:
    """Whether nobody misses it: what a source never offers, or refuses of what a day may lack."""
    may_lack = TABLES[load.table].entity not in ARTIST_ENTITIES
    return code is ReasonCode.NOT_OFFERED or (may_lack and code is ReasonCode.REFUSED)
