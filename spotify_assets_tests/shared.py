"""Real recordings and series that lie beside the project; a test that needs them skips where they do not."""

from pathlib import Path

import pytest

from spotify_assets.settings import PROJECT_ROOT

SHARED = PROJECT_ROOT.parent / "shared"


def shared_file(name: str) -> Path:
    """The file, or a skipped test that says which one is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data is absent: {name}")
    return path
