"""What Dagster offers no public way to: no other module of `defs` names `dagster._core`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as CheckedMaterialization,
)


def checked_materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]
) -> Mapping[str, CheckedMaterialization]:
    """What an evaluation of a check has to point at: the newest materialization of each partition.

    Without it Dagster takes the check's status of that partition for one of an older materialization.
    """
    newest = instance.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(partitions)
    )
    if not newest:
        return {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, storage_ids=list(newest.values())), limit=len(newest)
    ).records
    return {
        record.partition_key: CheckedMaterialization(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in records
        if record.partition_key is not None
    }


def report_evaluation(instance: dg.DagsterInstance, evaluation: dg.AssetCheckEvaluation, run_id: str) -> None:
    """Record an evaluation that no step of a run has made, under the id of what has made it.

    Not by `report_runless_asset_event`: without a run, Dagster keeps one evaluation of a check and partition,
    and refuses the next (a unique index).

    Args:
        instance: Dagster's records.
        evaluation: What was found.
        run_id: A run of Dagster's or, as that of an import from the command line, of our own.
    """
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
    instance.report_dagster_event(dg.DagsterEvent(kind, "", event_specific_data=evaluation), run_id)
