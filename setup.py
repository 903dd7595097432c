"""What pyproject.toml cannot say: the project's files that lie beside the package travel inside of it."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PROJECT = ("dbt_project", "dagster.yaml", "workspace.yaml")
WRITTEN_BY_DBT = shutil.ignore_patterns("target", "logs", "dbt_packages", ".user.yml", "__pycache__")


class BuildWithProject(build_py):
    """Copies dbt project and Dagster's files into the package; an editable one finds them in the checkout."""

    def run(self) -> None:
        """Build the package."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)  # modules of an earlier build may be gone since
        super().run()
        if self.editable_mode:
            return
        here, package = Path(__file__).resolve().parent, Path(self.build_lib) / "spotify_assets"
        for name in PROJECT:
            if (here / name).is_dir():
                shutil.copytree(here / name, package / name, ignore=WRITTEN_BY_DBT)
            else:
                shutil.copy2(here / name, package / name)


setup(cmdclass={"build_py": BuildWithProject})
