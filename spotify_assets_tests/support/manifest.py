"""The dbt manifest that all tests share: built into the project once, so that no home needs its own."""

from pathlib import Path

from spotify_assets.dbt_manifest import prepare_project


def build_manifest() -> Path:
    """Build the manifest of the dbt project as it stands, unless it is there."""
    return prepare_project(Path("/nonexistent"))[0]
