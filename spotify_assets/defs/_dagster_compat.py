"""What Dagster offers no public way to: no other module of `defs` names `dagster._core`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as CheckedMaterialization,
)
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor


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


def in_process_executor(
    during: Callable[[dg.DagsterInstance, str], AbstractContextManager[None]],
) -> dg.ExecutorDefinition:
    """Executes all steps of a run in its own process, never one twice.

    Args:
        during: Entered for as long as a run is executed, with Dagster's records and the run's id.
    """

    class Executor(InProcessExecutor):
        def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
            with during(plan_context.instance, plan_context.dagster_run.run_id):
                yield from super().execute(plan_context, execution_plan)

    @dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
    def in_process(_: dg.InitExecutorContext) -> Executor:
        return Executor(retries=RetryMode.DISABLED)

    return in_process


def workspace_opener(
    file: Path, *, read_only: bool = False
) -> Callable[[dg.DagsterInstance, str], AbstractContextManager[Any]]:
    """Opens what Dagster's web server shows: the code locations of a workspace file, and the records.

    Args:
        file: The workspace file.
        read_only: Whether nothing can be changed.
    """
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget

    def open_workspace(instance: dg.DagsterInstance, version: str) -> AbstractContextManager[Any]:
        return WorkspaceProcessContext(
            instance,
            version=version,
            read_only=read_only,
            workspace_load_target=WorkspaceFileTarget([str(file)]),
        )

    return open_workspace
