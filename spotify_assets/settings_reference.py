"""Writes what is generated from the settings: docs/settings.md and .env.example (`make settings`)."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from spotify_assets.configuration import secrets
from spotify_assets.settings import PROJECT_ROOT, Settings

PAGE = Path("docs/settings.md")
EXAMPLE = Path(".env.example")
FIRST_LINES = {
    "SOURCES": "listenbrainz,deezer",
    "SPOTIFY_ASSETS_CONTACT": "",
    "LISTENBRAINZ_TOKEN": "",
}
"""What a newcomer sets to observe real data without an account at Spotify, and to what."""
NOT_FOR_PEOPLE = frozenset({"SIMULATOR_URL"})
"""Set by commands; described on the page, left out of the example."""

_SECTIONS = (  # the first pattern that fits a name decides, so that a new setting needs no entry here
    ("What to observe", r"SOURCES|SPOTIFY_MARKETS|SPOTIFY_ASSETS_CONTACT"),
    ("Addresses of the services", r"\w+_(API|ACCOUNTS|SPARQL)_URL|SIMULATOR_URL"),
    ("Open sources", r"(LISTENBRAINZ|LASTFM|DEEZER)_\w+"),
    ("Retention", r"\w+_(KEPT|RETENTION)_DAYS"),
    ("Home, schedule and secrets", r"SPOTIFY_ASSETS_\w+"),
    ("Spotify", r"SPOTIFY_\w+"),
    ("Database and lake", r"DATABASE_\w*URL|LAKE_URL"),
    ("Alerts", r"ALERT_\w+"),
    ("Web UI", r"DAGSTER_WEB_URL|WEB_\w+"),
    ("Forecasts", r"FORECAST_\w+"),
    ("Other", r"\w+"),
)
_ORDER = (
    "What to observe", "Spotify", "Open sources", "Home, schedule and secrets", "Retention",
    "Database and lake", "Alerts", "Web UI", "Forecasts", "Addresses of the services", "Other",
)  # fmt: skip


def settings_page() -> str:
    """The reference page: each setting with its default and what it does."""
    lines = [
        "# Settings",
        "",
        "<!-- Generated from the settings by `make settings`: edit the descriptions there, not here. -->",
        "",
        "Set these as environment variables or as lines in `.env`. A wrong value is rejected with the name",
        "of the variable and what is expected. An unknown name is reported with the one you probably meant.",
        "",
        "A setting marked *secret* can also come from a file: `NAME_FILE=/path/to/file`. See "
        "[secrets](runbook.md#secrets).",
    ]
    for section, names in _by_section():
        lines += ["", f"## {section}", "", "| variable | default | description |", "|---|---|---|"]
        for name in names:
            text, default = _described(name)
            secret = " *Secret.*" if name.lower() in secrets.secret_names(Settings) else ""
            lines.append(f"| `{name}` | {_as_code(default)} | {_as_code(text)}.{secret} |")
    return "\n".join(lines) + "\n"


def env_example() -> str:
    """The example file: the lines to begin with, then every other setting, empty."""
    lines = [
        "# Copy this file to `.env`, which is never committed. The first three lines are all you need for",
        "# real data. Every other setting has a default, which applies while the value is empty.",
        "# Generated from the settings by `make settings`. Reference: docs/settings.md",
    ]
    for name, value in FIRST_LINES.items():
        lines += ["", *_comment(name), f"{name}={value}"]
    for section, names in _by_section():
        rest = [name for name in names if name not in {*FIRST_LINES, *NOT_FOR_PEOPLE}]
        if rest:
            lines += ["", "", f"# --- {section} ---"]
        for name in rest:
            lines += ["", *_comment(name), f"{name}="]
    return "\n".join(lines) + "\n"


def write(root: Path = PROJECT_ROOT) -> None:
    """Write both files."""
    (root / PAGE).write_text(settings_page(), encoding="utf-8")
    (root / EXAMPLE).write_text(env_example(), encoding="utf-8")


def _by_section() -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {section: [] for section in _ORDER}
    for field in Settings.model_fields:
        name = field.upper()
        found[next(section for section, pattern in _SECTIONS if re.fullmatch(pattern, name))].append(name)
    return ((section, names) for section, names in found.items() if names)


def _described(name: str) -> tuple[str, str]:
    """What a setting is, and its default in words."""
    field = Settings.model_fields[name.lower()]
    text, _, default = (field.description or "").partition(". Default: ")
    return text, default or _as_text(field.get_default())


def _as_text(value: Any) -> str:
    match value:
        case None | ():
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(map(str, value))
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _comment(name: str) -> list[str]:
    text, default = _described(name)
    words = text + (f". Default: {default}" if default else "")
    return textwrap.wrap(
        words,
        118,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _as_code(text: str) -> str:
    """Names, folders and JSON set as code, pages as links, and nothing that would end a cell of a table."""
    if re.fullmatch(r"[\w.,:/-]*[\d/_.:,]\S*|[A-Z]+|true|false|starttls", text):
        return f"`{text}`" if text else ""
    marked = re.sub(r"(?<![`\w/])(~?[./][\w.-][\w./-]*\w|\{[^}]*\}|\w+:///?[^\s,);]*[\w/…])", r"`\1`", text)
    marked = re.sub(r"(?<![`\w/\"])([A-Z]+(?:_[A-Z]+)+(?:/\w+)?)(?![\w`\"])", r"`\1`", marked)
    return re.sub(r"`(https?://[^`]*)`", r"<\1>", marked).replace("|", r"\|")


if __name__ == "__main__":
    write()
