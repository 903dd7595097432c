"""Names that look like settings and are none: a misspelt one would otherwise change nothing, in silence.

What a setting is stands in `settings`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

LOGGER = logging.getLogger(__name__)
NOT_FOR_PEOPLE = frozenset({"SPOTIFY_ASSETS_RUN"})
"""What our processes tell their children."""
OF_COMPOSE = frozenset(
    {
        "CODE_MEMORY", "DATABASE_ADDRESS", "DOCS_ADDRESS", "PIP_INDEX_URL", "POSTGRES_IMAGE",
        "POSTGRES_MEMORY", "PUBLIC_UI_ADDRESS", "PUBLIC_UI_PASSWORD_HASH", "PUBLIC_UI_USER", "PYTHON_IMAGE",
        "SPOTIFY_ASSETS_CODE_ENV", "SPOTIFY_ASSETS_ENV_FILE", "SPOTIFY_ASSETS_SECRETS", "WEB_ADDRESS",
    }
)  # fmt: skip
"""What docker-compose.yml reads from the same file."""
_FAMILIES = ("SPOTIFY_", "ALERT_", "LISTENBRAINZ_", "LASTFM_", "DEEZER_", "MUSICBRAINZ_", "WIKIDATA_")
_FOR_DBT = "SPOTIFY_ASSETS_PG_"
_OTHER_PROGRAMS = ("SPOTIPY_",)  # a client of Spotify that many have, one letter away from us
_SERVICE = re.compile(r"_SERVICE_HOST$")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that is no setting.

    Attributes:
        name: The name as it is written.
        place: Where it was found.
        meant: The setting that was probably meant, if one is near.
    """

    name: str
    place: str
    meant: str | None

    def __str__(self) -> str:
        hint = f"did you mean {self.meant}?" if self.meant else "it changes nothing (see .env.example)"
        return f"{self.name} in {self.place} is not a setting: {hint}"


warned: set[str] = set()
"""What was said in this process; emptied where another command begins."""


def warn_of(lines: Iterable[str]) -> None:
    """Log what was not said yet: settings are read often."""
    for line in lines:
        if line not in warned:
            warned.add(line)
            LOGGER.warning(line)


def unknown_names(known: Collection[str], in_file: Iterable[str]) -> list[Unknown]:
    """Every unknown name of the file, and of the environment those that look like a setting.

    Args:
        known: Names of the settings, in upper case.
        in_file: Names that stand in `.env`.
    """
    ours = {*known, *NOT_FOR_PEOPLE, *OF_COMPOSE}
    found = [
        Unknown(name, ".env", _meant(name, known, 0.75) or _part_of(name, known))
        for name in in_file
        if name not in ours and not name.startswith(_FOR_DBT)
    ]
    listed = {one.name for one in found}
    # Kubernetes and Docker tell each container of every service by its name, which may be ours.
    services = tuple(
        _SERVICE.sub(end, name)
        for name in os.environ
        for end in ("_SERVICE_", "_PORT")
        if _SERVICE.search(name)
    )
    for written in sorted(os.environ):
        name = written.upper()
        if name in ours or name in listed or name.startswith((_FOR_DBT, *_OTHER_PROGRAMS, *services)):
            continue
        alike = _meant(name, known, 0.9)
        if alike or name.startswith(_FAMILIES):
            found.append(Unknown(written, "the environment", alike or _meant(name, known, 0.75)))
    return found


def _meant(name: str, known: Collection[str], likeness: float) -> str | None:
    return next(iter(get_close_matches(name, known, n=1, cutoff=likeness)), None)


def _part_of(name: str, known: Collection[str]) -> str | None:
    """The one setting of which the name is the end, or that is the end of the name."""
    found = [one for one in known if one.endswith(f"_{name}") or name.endswith(f"_{one}")]
    return found[0] if len(found) == 1 else None
