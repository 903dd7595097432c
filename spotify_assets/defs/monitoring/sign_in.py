"""The sign-in check: no user's sign-in has ended or ends within two weeks. Warns.

When a sign-in counts as ending soon stands in `users.store`.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.contracts.tables import ARTIST_SNAPSHOTS
from spotify_assets.defs.ingestion.keys import raw_key
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import WarehouseResource

if TYPE_CHECKING:
    from spotify_assets.warehouse.connection import Warehouse

NAME = "sign_in_expiry"


def sign_in_check() -> dg.AssetChecksDefinition:
    """The check, beside the observation of artists; it warns and blocks nothing."""
    key = raw_key(ARTIST_SNAPSHOTS)

    @dg.asset_check(
        asset=key,
        name=NAME,
        description="No user's sign-in has ended or ends within two weeks. A sign-in lasts six months, "
        "whatever is done; `spotify-assets login` renews it.",
    )
    def sign_in_expiry(warehouse: dg.ResourceParam[WarehouseResource]) -> dg.AssetCheckResult:
        return check_sign_in(key, warehouse.open())

    return sign_in_expiry


def check_sign_in(
    key: dg.AssetKey, warehouse: "Warehouse", source: str | None = None, now: datetime | None = None
) -> dg.AssetCheckResult:
    """Look at every sign-in. Names nobody: what Dagster keeps would outlast a logout.

    Args:
        key: The asset that the check stands on.
        warehouse: The database.
        source: Only users of this upstream; by default all.
        now: The time; by default the machine's.
    """
    from spotify_assets.users.store import users

    now = now or datetime.now(UTC)
    found = users(warehouse, source)
    ended = [user for user in found if user.has_ended(now)]
    ending = [user for user in found if user.ends_soon(now)]
    metadata: dict[str, dg.MetadataValue] = {"signed_in": dg.MetadataValue.int(len(found))}
    if found:
        metadata["next_end"] = dg.MetadataValue.text(f"{min(user.expires_at for user in found):%Y-%m-%d}")
    parts = []
    if ended:
        parts.append(f"{len(ended)} of {len(found)} sign-ins ended: nothing of theirs is observed.")
    if ending:
        first = min(user.expires_at for user in ending)
        parts.append(
            f"{len(ending)} of {len(found)} sign-ins end within two weeks, the first on {first:%Y-%m-%d}."
        )
    return dg.AssetCheckResult(
        passed=not parts,
        asset_key=key,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
        description=" ".join([*parts, "`spotify-assets doctor` says whose; `spotify-assets login` renews."])
        if parts
        else None,
    )


def definitions(location: CodeLocation) -> dg.Definitions:
    """The check, where a source is observed that people sign in to."""
    signs_in = {"spotify", "simulated"} & set(location.settings.observed_sources)
    return dg.Definitions(asset_checks=[sign_in_check()] if signs_in else [])
