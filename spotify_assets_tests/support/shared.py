"""Real recordings, series and descriptions that lie beside the checkout, in ../shared.

Only tests that carry the mark `shared` may ask for them: `make test-shared` runs those, `make test` does not.
"""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"


def shared_file(name: str) -> Path:
    """Return the path of a file in ../shared.

    Raises:
        FileNotFoundError: It is not there; where the whole folder is absent, marked tests are skipped.
    """
    path = SHARED / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is absent; a test that reads it carries the mark `shared`")
    return path
