"""Jobs: which assets run together."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

OBSERVE_DAY = "observe_day"


def observe_day_job() -> UnresolvedAssetJobDefinition:
    """The main job: observe a day, load it, build the marts on top."""
    return dg.define_asset_job(
        OBSERVE_DAY,
        selection=dg.AssetSelection.all(),
        description="Observe a day, load it, and build the marts on top.",
    )
