"""The main job: which assets run together every day."""

from __future__ import annotations

import dagster as dg

from spotify_assets.defs.daily.planner import OBSERVE_DAY
from spotify_assets.defs.monitoring.days import day_check_keys

observe_day = dg.define_asset_job(
    OBSERVE_DAY,
    # Whether a day is late or lost is asked by a job of its own, also where nothing is loaded.
    selection=dg.AssetSelection.all() - dg.AssetSelection.checks(*day_check_keys()),
    description="Observe a day, load it, and build the marts on top.",
)
