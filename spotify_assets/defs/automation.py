"""When marts and forecasts are built again: once what they read has changed, all in one run."""

from __future__ import annotations

from typing import Any

import dagster as dg

from spotify_assets.defs.location import CodeLocation

FOLLOW: Any = (
    # Not `any_deps_updated`: that passes over a run that was to build the asset too, and failed before.
    dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.newly_updated() | dg.AutomationCondition.will_be_requested()
    )
    .with_label("what it reads was loaded or built")
    .since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
    # Not `all_deps_blocking_checks_passed`: most days of a check by day were never evaluated.
    & ~dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.any_checks_match(dg.AutomationCondition.check_failed(), blocking_only=True)
    ).with_label("a day that it reads breaks its contract")
)
"""`eager` never fires below daily snapshots: some partition of those is always missing."""


def definitions(location: CodeLocation) -> dg.Definitions:  # noqa: ARG001 - alike everywhere
    """The sensor that evaluates the conditions, also where nobody has switched automation on."""
    sensor = dg.AutomationConditionSensorDefinition(
        "build_marts_after_loads",
        target=dg.AssetSelection.groups("staging", "intermediate", "marts", "forecasts"),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Builds marts and forecasts after what they read was loaded.",
    )
    return dg.Definitions(sensors=[sensor])
