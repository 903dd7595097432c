"""Where the program's files are, and the default folders for data and settings (checkout or package)."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

from platformdirs import user_data_path

PACKAGE = Path(__file__).resolve().parent


def _holds_project(folder: Path) -> bool:
    return (folder / "dbt_project" / "dbt_project.yml").is_file()


PROJECT_ROOT = PACKAGE if _holds_project(PACKAGE) else PACKAGE.parent
"""Folder of `dbt_project`, `dagster.yaml` and `workspace.yaml`: the checkout, or the installed package."""
CHECKOUT = PROJECT_ROOT if PROJECT_ROOT != PACKAGE else None
"""The checkout that the program runs from, if it does."""
ENV_FILE_VARIABLE = "SPOTIFY_ASSETS_ENV_FILE"
"""Names the file to read in place of `.env`; tells child processes, which run elsewhere, what was found."""
_HOME_VARIABLE = "SPOTIFY_ASSETS_HOME"
_RUN_SCRIPT = (
    "import sys; from importlib.metadata import entry_points; name = sys.argv.pop(1); sys.argv[0] = name; "
    "(script,) = entry_points(group='console_scripts', name=name); sys.exit(script.load()())"
)


class NoHomeError(Exception):
    """There is no folder for data; the message says what to set."""


def default_home() -> Path:
    """Where data lives unless SPOTIFY_ASSETS_HOME says: in the checkout, else in the user's data folder.

    A checkout that this user may not write to counts as an installed package.

    Raises:
        NoHomeError: The user has no home directory.
    """
    if CHECKOUT is not None:
        home = CHECKOUT / ".spotify-assets"
        if os.access(home if home.exists() else CHECKOUT, os.W_OK | os.X_OK):
            return home
    folder = user_data_path("spotify-assets", appauthor=False)
    if not folder.is_absolute():
        raise NoHomeError(
            "SPOTIFY_ASSETS_HOME: your account has no home directory: set it to a folder of your own"
        )
    return folder


def env_file() -> Path | None:
    """The file of settings: the checkout's `.env`; installed, the working folder's, else the home's."""
    if named := os.environ.get(ENV_FILE_VARIABLE):
        return _expanded(ENV_FILE_VARIABLE, named).absolute()
    if CHECKOUT is not None:
        places = [CHECKOUT]
    else:
        home = os.environ.get(_HOME_VARIABLE)
        places = [Path.cwd(), _expanded(_HOME_VARIABLE, home) if home else default_home()]
    return next((file for place in places if (file := place / ".env").is_file()), None)


def _expanded(variable: str, written: str) -> Path:
    try:
        return Path(written).expanduser()
    except RuntimeError:  # no such user
        raise NoHomeError(f"{variable}: expected a whole path, from / or ~/ on") from None


def program(name: str) -> list[str]:
    """How to call a program of this environment, such as `dbt`, whatever PATH says.

    It lies beside Python, unless the package that brings it is seen here but was installed elsewhere.
    """
    script = Path(sys.executable).parent / name
    if script.exists() or not entry_points(group="console_scripts", name=name):
        return [str(script)]
    return [sys.executable, "-P", "-c", _RUN_SCRIPT, name]
