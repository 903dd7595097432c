"""What lies in the folder of definitions is loaded; a resource that is replaced is so everywhere."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from spotify_assets import defs
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.maintenance.retention import RETENTION
from spotify_assets.defs.resources import SettingsResource, WarehouseResource
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse

PLAIN = """
import dagster as dg

@dg.asset
def dropped() -> None: ...
"""
WITH_SETTINGS = """
import dagster as dg

def definitions(location) -> dg.Definitions:
    @dg.asset(name="configured", partitions_def=location.partitions, tags=location.tags)
    def configured() -> None: ...

    return dg.Definitions(assets=[configured])
"""


@pytest.mark.parametrize(("text", "name"), [(PLAIN, "dropped"), (WITH_SETTINGS, "configured")])
def test_a_file_that_is_dropped_in_is_loaded(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str
) -> None:
    (tmp_path / f"of_a_test_{name}.py").write_text(text)
    monkeypatch.setattr(defs, "__path__", [*defs.__path__, str(tmp_path)])
    graph = build_definitions(settings).resolve_asset_graph()
    assert dg.AssetKey([name]) in graph.get_all_asset_keys()


class Counted(WarehouseResource):
    """The database of a test, with the functions that it was opened for."""

    opened_by: set[str]
    warehouse: Warehouse

    def open(self) -> Warehouse:
        self.opened_by |= {frame.name for frame in traceback.extract_stack()}
        return self.warehouse


GIVEN: dict[str, Any] = {}


def retention_job() -> dg.JobDefinition:
    """For a run as a code server starts it, which makes the job anew."""
    return build_definitions(GIVEN["settings"], GIVEN["overrides"]).resolve_job_def(RETENTION)


def test_a_warehouse_that_is_replaced_is_used_by_jobs_checks_sensors_and_the_executor(
    settings: Settings, warehouse: Warehouse
) -> None:
    nowhere = settings.model_copy(update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none")})
    counted = Counted(SettingsResource(nowhere))
    counted.opened_by, counted.warehouse = set(), warehouse
    GIVEN.update(settings=nowhere, overrides={"warehouse": counted})
    definitions = build_definitions(nowhere, {"warehouse": counted})
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.execute_job(dg.reconstructable(retention_job), instance).success
        assert definitions.resolve_job_def("check_platform").execute_in_process(instance=instance).success
        repository = definitions.get_repository_def()
        with dg.build_sensor_context(instance, resources=repository.get_top_level_resources()) as context:
            repository.get_sensor_def("release_killed_runs").evaluate_tick(context)
    assert {"living", "remove_expired", "observed_days", "release_killed_runs"} <= counted.opened_by


def test_no_setting_is_part_of_a_definition(settings: Settings) -> None:
    secret = SecretStr("postgresql://u:of-nobody-elses-business@127.0.0.1:1/none")
    repository = build_definitions(settings.model_copy(update={"database_url": secret})).get_repository_def()
    shown = [str(job.get_job_snapshot()) for job in repository.get_all_jobs()]
    assert not any(
        "of-nobody-elses-business" in one for one in [*shown, str(repository.get_top_level_resources())]
    )


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import sys

    yield
    for name in [name for name in sys.modules if "of_a_test_" in name]:
        del sys.modules[name]
