"""The platform's own books as external assets: the ledger and the identities, which dbt reads.

No run materializes them: the ledger is written together with each partition, identities as they are found
out.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from spotify_assets.contracts.tables import TABLES
from spotify_assets.defs.ingestion.keys import snapshot_key
from spotify_assets.defs.location import CodeLocation

LAYER = "ops"


def build_book_specs(partitions: dg.PartitionsDefinition[str], tags: Mapping[str, str]) -> list[dg.AssetSpec]:
    """The ledger and the identities."""
    return [
        dg.AssetSpec(
            [LAYER, "current_partition_loads"],
            deps=[snapshot_key(table) for table in TABLES.values()],
            group_name=LAYER,
            partitions_def=partitions,
            tags=tags,
            kinds={"postgres"},
            description="What stands in the loaded tables, what is missing or absent there, and why.",
        ),
        dg.AssetSpec(
            [LAYER, "identities"],
            group_name=LAYER,
            tags=tags,
            kinds={"postgres"},
            description="Who is who across sources, how that was found, and how sure it is.",
        ),
    ]


def definitions(location: CodeLocation) -> dg.Definitions:
    """The ledger and the identities."""
    return dg.Definitions(assets=build_book_specs(location.partitions, location.tags))
