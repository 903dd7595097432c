"""Dagster's pools, made ready before a run needs them.

Dagster makes a pool's places when a step first asks for one; on PostgreSQL, of two runs that do so at the
same moment one fails (it goes on in a transaction that its failed insert has ended). So they are made
beforehand, by one process at a time.
"""

from __future__ import annotations

import dagster as dg

from spotify_assets.warehouse.connection import Warehouse

_LOCK = "select pg_advisory_xact_lock(hashtextextended('spotify_assets pools', 0))"


def make_ready(instance: dg.DagsterInstance, warehouse: Warehouse, job: dg.JobDefinition) -> None:
    """Make the places of every pool that the job's steps use, unless they are there already."""
    pools = {pool for node in job.all_node_defs if (pool := getattr(node, "pool", None))}
    storage = instance.event_log_storage
    if pools <= storage.get_concurrency_keys():
        return
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_LOCK)
        for pool in sorted(pools - storage.get_concurrency_keys()):
            storage.initialize_concurrency_limit_to_default(pool)
