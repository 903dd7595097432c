"""The worked examples of docs/contributing work as they stand on the page, on the real thing."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import dagster as dg
import pyarrow as pa
import pytest

import spotify_assets.sources
from spotify_assets.defs.resources import build_resources
from spotify_assets.settings import PROJECT_ROOT, Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.conftest import DatabaseServer
from spotify_assets_tests.dbt import conftest as dbt
from spotify_assets_tests.support.marts import data
from spotify_assets_tests.support.warehouse import artists, load

PAGES = PROJECT_ROOT / "docs" / "contributing"
MONDAY = date(2024, 3, 4)
EXAMPLE_MODULES = ("spotify_assets.sources.encore.parse", "spotify_assets.sources.encore.source")


def write_files(page: str, folder: Path) -> list[Path]:
    """Write each titled code block of a page to the path that its title names; gives the paths."""
    text = (PAGES / page).read_text("utf-8")
    written = []
    for title, content in re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', text, re.DOTALL | re.MULTILINE):
        path = folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        written.append(path)
    return written


def keep_only(wanted: str, models: Path) -> None:
    """Leave of a project's models one and what it is built on, so that dbt reads it in half the time."""
    described = {
        path.stem: "".join(part.read_text("utf-8") for part in (path, path.with_suffix(".yml")))
        for path in models.rglob("*.sql")
    }
    kept, new = set(), {wanted}
    while new:
        kept |= new
        named = {name for model in new for name in re.findall(r"ref\('(\w+)'\)", described[model])}
        new = named & set(described) - kept
    for path in [*models.rglob("*.sql"), models / "marts" / "_exposures.yml"]:
        if path.stem not in kept:
            path.unlink()
            path.with_suffix(".yml").unlink(missing_ok=True)


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(
    database_server: DatabaseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dbt.Project]:
    """A copy of the dbt project with the mart of the page in it, on a database of its own."""
    copy = tmp_path / "dbt_project"
    left_out = shutil.ignore_patterns("target", "logs", ".user.yml", "*.unit_tests.yml")
    shutil.copytree(dbt.DBT_PROJECT, copy, ignore=left_out)
    model, description = write_files("mart.md", tmp_path)
    assert (model.suffix, description.suffix) == (".sql", ".yml")
    keep_only(model.stem, copy / "models")
    monkeypatch.setattr(dbt, "DBT_PROJECT", copy)
    with database_server.database(database_server.template) as url:
        project = dbt.Project(url, tmp_path)
        try:
            for table in dbt.TABLES:
                project.execute(f"create table snapshots.{table}_all partition of snapshots.{table} default")
            yield project
        finally:
            project.close()


def test_a_mart(project: dbt.Project) -> None:
    followers = [100, 110, None, 130, 0, 150, 160, 170, 200]
    project.load(
        "artist_snapshots",
        [
            data.artist("s", "a", MONDAY + timedelta(days=n), followers=value)
            for n, value in enumerate(followers)
        ],
    )
    without_tests = ("--exclude-resource-type", "test", "unit_test")
    project.dbt("build", "--select", "+artist_popularity_trend", *without_tests)
    built = project.dbt("build", "--select", "artist_weekly_gain")
    assert {"model", "test", "unit_test"} <= {result["id"].split(".")[0] for result in built["results"]}
    rows = project.rows("marts.artist_weekly_gain")
    weeks = [(row["week_starts_on"], row["days_observed"], row["gain"]) for row in rows]
    assert weeks == [(MONDAY, 5, 60.0), (MONDAY + timedelta(days=7), 2, 30.0)]


def test_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, source, own_test = write_files("source.md", tmp_path)
    monkeypatch.setattr(spotify_assets.sources, "__path__", [*spotify_assets.sources.__path__, str(tmp_path)])
    try:
        load_module(own_test).test_what_is_asked_is_received_missing_or_rejected()
        imported = {module.__file__ for name, module in sys.modules.items() if name in EXAMPLE_MODULES}
        assert imported == {str(parse), str(source)}
    finally:
        for name in EXAMPLE_MODULES:
            sys.modules.pop(name, None)
        sys.modules.pop("spotify_assets.sources.encore", None)


def follower_drops(settings: Settings, check: dg.AssetChecksDefinition) -> dg.AssetCheckEvaluation:
    """Execute the check as the web UI does."""
    (key,) = check.check_keys
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(key.asset_key)],
        asset_checks=[check],
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.checks(key))],
        resources=build_resources(settings),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("checks").execute_in_process(instance=instance)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def load_followers(warehouse: Warehouse, day: date, followers: int) -> None:
    rows = artists(["a" * 22], day=day).append_column("followers", pa.array([followers], pa.int64()))
    load(warehouse, rows, day=day)


def test_a_check(settings: Settings, warehouse: Warehouse, tmp_path: Path) -> None:
    (path,) = write_files("check.md", tmp_path)
    check = load_module(path).follower_drops
    load_followers(warehouse, MONDAY, 1000)
    load_followers(warehouse, MONDAY + timedelta(days=1), 600)
    assert follower_drops(settings, check).passed
    load_followers(warehouse, MONDAY + timedelta(days=2), 299)
    found = follower_drops(settings, check)
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata["artists"].value == 1
