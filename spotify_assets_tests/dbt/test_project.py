"""What the project promises to those who build on it: it parses anywhere, and every table explains itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey
from dagster_dbt import DagsterDbtTranslator

from spotify_assets_tests.dbt.conftest import DBT_PROJECT

LAYERS = {"stg": "staging", "int": "intermediate"}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The manifest of a parse with no setting, no database, and every warning an error."""
    folder = tmp_path_factory.mktemp("parse")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(Path(sys.executable).parent / "dbt"), "--warn-error", "--show-all-deprecations", "parse"]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    loaded: dict[str, Any] = json.loads((folder / "target" / "manifest.json").read_text())
    return loaded


def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_every_table_and_column_says_what_it_is(manifest: dict[str, Any]) -> None:
    files = {path.stem for path in (DBT_PROJECT / "models").rglob("*.sql")}
    assert {model["name"] for model in models(manifest)} == files
    for model in models(manifest):
        assert "Grain:" in model["description"], model["name"]
        assert model["config"]["contract"]["enforced"], model["name"]
        silent = [name for name, column in model["columns"].items() if not column["description"].strip()]
        assert silent == [], model["name"]
        untyped = [name for name, column in model["columns"].items() if not column["data_type"]]
        assert untyped == [], model["name"]
    for source in manifest["sources"].values():
        assert "Grain:" in source["description"], source["name"]


def test_marts_read_no_staging(manifest: dict[str, Any]) -> None:
    for model in models(manifest):
        if model["config"]["schema"] == "marts":
            parents = [manifest["nodes"].get(parent) for parent in model["depends_on"]["nodes"]]
            layers = [parent["schema"] if parent else "source" for parent in parents]
            assert layers
            assert set(layers) <= {"intermediate", "marts", "seeds"}, model["name"]


def test_every_computation_has_a_unit_test(manifest: dict[str, Any]) -> None:
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    assert tested == {model["name"] for model in models(manifest) if model["config"]["schema"] != "staging"}


def test_dagster_sees_layers_as_key_and_group(manifest: dict[str, Any]) -> None:
    translator = DagsterDbtTranslator()
    for model in models(manifest):
        layer = LAYERS.get(model["name"].split("_")[0], "marts")
        spec = translator.get_asset_spec(manifest, model["unique_id"], None)
        assert spec.key == AssetKey([layer, model["name"]])
        assert spec.group_name == layer
        assert model["schema"] == layer
    for source in manifest["sources"].values():
        spec = translator.get_asset_spec(manifest, source["unique_id"], None)
        assert spec.key == AssetKey([source["source_name"], source["name"]])
