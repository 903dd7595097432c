"""The check that every watched artist was looked for where an observed source needs its id. Warns.

Who is known where stands in `artists.identities`.
"""

from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import ARTIST_SNAPSHOTS
from spotify_assets.defs.ingestion.keys import raw_key
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import SettingsResource, WarehouseResource

if TYPE_CHECKING:
    from spotify_assets.settings import Settings
    from spotify_assets.warehouse.connection import Warehouse

NAME = "artists_identified"


def identified_check() -> dg.AssetChecksDefinition:
    """The check, beside the observation of artists; it warns and blocks nothing."""
    key = raw_key(ARTIST_SNAPSHOTS)

    @dg.asset_check(
        asset=key,
        name=NAME,
        description="Every watched artist was looked for at each observed source that has ids of its own. "
        "One that is not there is no failure: it is looked for again after 30 days.",
    )
    def artists_identified(
        settings: dg.ResourceParam[SettingsResource], warehouse: dg.ResourceParam[WarehouseResource]
    ) -> dg.AssetCheckResult:
        return check_identified(key, warehouse.open(), settings.read())

    return artists_identified


def check_identified(key: dg.AssetKey, warehouse: "Warehouse", settings: "Settings") -> dg.AssetCheckResult:
    """Count who has no id yet at the observed sources. Names nobody: what Dagster keeps outlasts a purge.

    Args:
        key: The asset that the check stands on.
        warehouse: The database.
        settings: Which sources are observed.
    """
    from spotify_assets.artists.identities import unresolved
    from spotify_assets.artists.matching import without_id
    from spotify_assets.artists.resolve import targets_of

    open_, rows = [], []
    for target in targets_of(settings):
        unknown = unresolved(warehouse, target)
        not_looked_for = sum(one.looked_for_at is None for one in unknown)
        if unknown:
            rows.append(
                dg.TableRecord({"ids": target, "without": len(unknown), "not_looked_for_yet": not_looked_for})
            )
        if not_looked_for:
            open_.append(without_id(not_looked_for, target))
    return dg.AssetCheckResult(
        passed=not open_,
        asset_key=key,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"without_an_id": dg.MetadataValue.table(rows)} if rows else {},
        description=f"{'; '.join(open_)}: the next run goes on, `spotify-assets watch identify` does it now."
        if open_
        else None,
    )


def definitions(location: CodeLocation) -> dg.Definitions:
    """The check, where a source is observed that knows artists by another id."""
    knows_others = set(location.settings.observed_sources) - {"spotify", "simulated"}
    return dg.Definitions(asset_checks=[identified_check()] if knows_others else [])
