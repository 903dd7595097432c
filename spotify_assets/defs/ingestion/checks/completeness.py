"""The completeness check: all that was asked for came, and all that came was loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from spotify_assets.contracts.tables import TABLES, Table
from spotify_assets.defs.ingestion.checks.verdict import SHOWN, Verdict, by_day
from spotify_assets.defs.unnamed import show_missing, show_quarantined, unnamed
from spotify_assets.sources.protocol import ARTIST_ENTITIES
from spotify_assets.sources.reasons.reason import ReasonCode

if TYPE_CHECKING:
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse
    from spotify_assets.warehouse.ledger import LedgerEntry


def completeness(
    table: Table, days: Sequence[date], warehouse: Warehouse, _landing: Landing
) -> dict[date, Verdict]:
    """Compare what was asked for with what was loaded, by the ledger."""
    from spotify_assets.warehouse.ledger import current_loads

    loads = current_loads(warehouse, table.name, min(days, default=None))
    return by_day(loads, days, _judge)


def _judge(loads: Sequence[LedgerEntry]) -> Verdict:
    missing = Counter(
        (load.day.isoformat(), load.source, unnamed(reason.sentence))
        for load in loads
        for reason in load.missing.values()
        if not _is_expected(load, reason.code)
    )
    quarantined = sum(load.quarantined for load in loads)
    queries = {}
    if missing:
        queries["show_missing"] = show_missing(loads[0].table, loads[0].day)
    if quarantined:
        queries["show_quarantined"] = show_quarantined(loads[0].table, loads[0].day)
    complete = not missing and not quarantined
    return Verdict(
        passed=complete,
        says=""
        if complete
        else f"{missing.total()} missing, {quarantined} in quarantine (see spotify-assets status)",
        findings=[
            {"day": day, "source": source, "reason": reason, "missing": count}
            for (day, source, reason), count in missing.most_common(SHOWN)
        ],
        counts={
            "requested": sum(load.requested for load in loads),
            "missing": missing.total(),
            "quarantined": quarantined,
        },
        label="missing_by_reason",
        queries=queries,
    )


def _is_expected(load: LedgerEntry, code: ReasonCode) -> bool:
    """Whether nobody misses it: what a source never offers, or refuses of what a day may lack."""
    may_lack = TABLES[load.table].entity not in ARTIST_ENTITIES
    return code is ReasonCode.NOT_OFFERED or (may_lack and code is ReasonCode.REFUSED)
