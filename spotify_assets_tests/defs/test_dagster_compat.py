"""One test for each thing that is done past Dagster's public face: it fails where an upgrade changes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.defs import _dagster_compat as compat

KEY = dg.AssetKey(["snapshots", "of_a_test"])
DAYS = ["2026-11-01", "2026-11-02"]
SEEN: list[str] = []


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def test_an_evaluation_points_at_the_newest_materialization(instance: dg.DagsterInstance) -> None:
    for day in [*DAYS, DAYS[0]]:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))
    newest = instance.fetch_materializations(KEY, limit=1).records[0]
    checked = compat.checked_materializations(instance, KEY, [*DAYS, "2026-11-03"])
    assert checked.keys() == set(DAYS)
    assert checked[DAYS[0]].storage_id == newest.storage_id


def test_a_partition_can_be_evaluated_again_by_another_import_and_by_the_same(
    instance: dg.DagsterInstance,
) -> None:
    for run_id, passed in (("one", True), ("two", True), ("two", False)):
        evaluation = dg.AssetCheckEvaluation(KEY, "contract", passed, {}, partition=DAYS[0])
        compat.report_evaluation(instance, evaluation, run_id)
    check = dg.AssetCheckKey(KEY, "contract")
    records = instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
    assert [(one.run_id, one.status.value, one.partition) for one in records] == [
        ("two", "FAILED", DAYS[0]), ("one", "SUCCEEDED", DAYS[0])
    ]  # fmt: skip


def test_without_a_run_a_partition_is_evaluated_once_only(instance: dg.DagsterInstance) -> None:
    evaluation = dg.AssetCheckEvaluation(KEY, "contract", True, {}, partition=DAYS[0])
    instance.report_runless_asset_event(evaluation)
    with pytest.raises(Exception, match="UNIQUE"):  # else `report_evaluation` has become needless
        instance.report_runless_asset_event(evaluation)


@dg.op
def report(context: dg.OpExecutionContext) -> None:
    context.log.info("here")


@contextmanager
def during(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    SEEN.append(run.status.value)
    yield
    SEEN.append("done")


@dg.job(executor_def=compat.in_process_executor(during))
def reporting() -> None:
    report()


def test_a_run_is_executed_within_what_is_entered(instance: dg.DagsterInstance) -> None:
    SEEN.clear()
    assert dg.execute_job(dg.reconstructable(reporting), instance).success
    assert SEEN == ["STARTED", "done"]


def test_a_workspace_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text("load_from: []\n")
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        compat.workspace_opener(file, read_only=True)(instance, "1") as workspace,
    ):
        assert workspace.read_only
