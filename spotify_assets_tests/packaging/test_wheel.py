"""The package built and installed elsewhere, as by `pip install .`: every command works, in an empty folder.

The dependencies are those of this environment, seen through a .pth file: installing them again shows nothing.
"""

from __future__ import annotations

import shutil
import signal
import site
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
import pytest
from packaging.version import Version

from spotify_assets.cli import COMMANDS
from spotify_assets.settings import PROJECT_ROOT
from spotify_assets_tests.browser.stack import free_port
from spotify_assets_tests.conftest import remove_home
from spotify_assets_tests.support.command import Done, clean_variables, eventually

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]

NO_SOURCE = shutil.ignore_patterns(
    ".*", "build", "dist", "*.egg-info", "target", "logs", "__pycache__", "spotify_assets_tests", "images"
)


@dataclass(frozen=True)
class Elsewhere:
    """A virtual environment with the package, a user's home directory, and an empty working folder."""

    root: Path

    @property
    def package(self) -> Path:
        """Where the package was installed."""
        (found,) = self.root.glob("venv/lib/python*/site-packages/spotify_assets")
        return found

    @property
    def home(self) -> Path:
        """Where data goes, for nobody said anything else."""
        return self.root / "user" / ".local" / "share" / "spotify-assets"

    @property
    def folder(self) -> Path:
        """The working folder."""
        return self.root / "empty"

    def environment(self) -> dict[str, str]:
        """The environment of commands: nothing that is chosen."""
        kept = {name: value for name, value in clean_variables().items() if not name.startswith("XDG_")}
        return kept | {"HOME": str(self.root / "user"), "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, *arguments: str) -> list[str]:
        """How to call the command line."""
        return [str(self.root / "venv" / "bin" / "spotify-assets"), *arguments]

    def run(self, *arguments: str) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*arguments), check=False, cwd=self.folder, env=self.environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)


def pip(*arguments: str) -> None:
    call = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(call, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, built = tmp_path_factory.mktemp("source") / "checkout", tmp_path_factory.mktemp("wheel")
    shutil.copytree(PROJECT_ROOT, source, ignore=NO_SOURCE)
    # What a checkout may hold that is no part of the package.
    (source / "spotify_assets_tests").mkdir()
    (source / "spotify_assets_tests" / "__init__.py").touch()
    for left in ("dbt_project/target/manifest.json", "build/lib/spotify_assets/gone.py"):
        (source / left).parent.mkdir(parents=True)
        (source / left).touch()
    try:
        at_hand = Version(version("setuptools")) >= Version("77")
    except PackageNotFoundError:
        at_hand = False
    pip(
        "wheel",
        "--no-deps",
        *(["--no-build-isolation"] if at_hand else []),
        "--wheel-dir",
        str(built),
        str(source),
    )
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    place = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    for folder in ("user", "empty"):
        (place.root / folder).mkdir()
    venv = place.root / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=120)
    pip("--python", str(venv / "bin" / "python"), "install", "--no-deps", str(wheel))
    (place.package.parent / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    for path in (place.package, *place.package.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    remove_home(place.home)


def test_it_holds_the_project_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"spotify_assets"}
    for wanted in (
        "dagster.yaml", "workspace.yaml", "dbt_project/dbt_project.yml", "dbt_project/profiles.yml",
        "dbt_project/models/marts/artists/artist_popularity_trend.sql",
        "file_imports/layouts/artist-history.toml",
        "warehouse/migrations/0001_snapshots.sql", "py.typed",
    ):  # fmt: skip
        assert f"spotify_assets/{wanted}" in names
    models = [name for name in names if name.endswith(".sql") and "/models/" in name]
    assert len(models) == len(list((PROJECT_ROOT / "dbt_project" / "models").rglob("*.sql")))
    assert not [name for name in names if "/target/" in name or name.endswith("gone.py")]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(elsewhere: Elsewhere, command: str) -> None:
    done = elsewhere.run(*command.split(), "--help").succeeded()
    assert "Usage: spotify-assets" in done.out


def test_every_command_works_in_an_empty_folder_and_writes_into_the_home_only(elsewhere: Elsewhere) -> None:
    as_installed = sorted(elsewhere.package.rglob("*"))
    assert "rising" in elsewhere.run("demo", "--artists", "10", "--days", "40").succeeded().out
    status = elsewhere.run("status").succeeded().out
    assert "10 artists tracked" in status
    assert str(elsewhere.home) in status
    page = Path(elsewhere.run("docs", "--build-only").succeeded().out.strip())
    assert page.is_relative_to(elsewhere.home)
    assert "artist_popularity_trend" in page.read_text("utf-8")
    rows = "select count(distinct snapshot_date) as days from artist_popularity_trend"
    assert "40" in elsewhere.run("sql", rows).succeeded().out
    for more in (("doctor", "--no-probe"), ("watch", "list"), ("prepare",), ("exec", "dagster", "--version")):
        elsewhere.run(*more).succeeded()
    assert sorted(elsewhere.package.rglob("*")) == as_installed
    assert list(elsewhere.folder.iterdir()) == []


def test_settings_of_the_working_folder_reach_every_process(elsewhere: Elsewhere) -> None:
    file = elsewhere.folder / ".env"
    file.write_text("SPOTIFY_ASSETS_START_DATE=2025-02-03\nSPOTIFY_ASSETS_SCHEDULE_HOUR=7\n")
    try:
        status = elsewhere.run("status").succeeded().out
        assert str(file) in status
        port, docs_port = free_port(), free_port()
        log = elsewhere.root / "up.log"
        with log.open("w") as output:
            up = subprocess.Popen(
                elsewhere.command("up", "--port", str(port), "--docs-port", str(docs_port)),
                cwd=elsewhere.folder, env=elsewhere.environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=output,
            )  # fmt: skip
        try:
            assert eventually(lambda: "Ctrl-C" in log.read_text() or up.poll() is not None, seconds=240)
            assert up.poll() is None, log.read_text()
            selector = '{repositoryName: "__repository__", repositoryLocationName: "spotify_assets"}'
            schedules = f"schedulesOrError(repositorySelector: {selector})"
            asked = {"query": f"{{{schedules} {{... on Schedules {{results {{cronSchedule}}}}}}}}"}
            told = httpx.post(f"http://127.0.0.1:{port}/graphql", json=asked, timeout=60).text
            assert "0 7 * * *" in told
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(120)
    finally:
        file.unlink()
    assert list(elsewhere.folder.iterdir()) == []
