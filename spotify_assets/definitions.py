"""The Dagster code location: what lies in `defs`, with its resources.

Loaded by `workspace.yaml`, `dg` and the tests; must stay fast, so nothing heavy is imported before an
asset runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

from spotify_assets.defs.location import CodeLocation, load_all
from spotify_assets.defs.maintenance.killed_runs import living_executor
from spotify_assets.defs.partitions import daily_partitions
from spotify_assets.defs.resources import build_resources
from spotify_assets.process_environment import clean_environment
from spotify_assets.settings import Settings

# The door of each code server and run, whoever started it: libpq and dbt look at the environment later.
clean_environment()


def build_definitions(
    settings: Settings | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Put the code location together.

    Args:
        settings: Settings to use; read from the environment when absent, and again by each run.
        resource_overrides: Resources that replace the defaults by name, wherever they are used.
    """
    resources = build_resources(settings, resource_overrides)
    settings = resources["settings"].read()
    # Whose data an asset holds must be seen wherever the asset is.
    tags: dict[str, str] = {"upstream": "_".join(settings.observed_sources)}
    if settings.simulated:
        tags["dagster/kind/simulated"] = ""  # a kind is what the asset graph shows of an asset
    partitions = daily_partitions(settings.spotify_assets_start_date)
    with warnings.catch_warnings():
        # Chosen knowingly: backfills as one run (beta), partitions of checks and loading by module (preview).
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        found = load_all(CodeLocation(settings, partitions, tags, resources))
    common = dg.Definitions(resources=resources, executor=living_executor(resources["warehouse"]))
    return dg.Definitions.merge(found, common)


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    return build_definitions()
