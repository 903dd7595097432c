"""README and docs: commands and targets that they name exist, every page is listed, and none is too long."""

from __future__ import annotations

import re

import click
import yaml

from spotify_assets.cli import cli
from spotify_assets.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
PAGES = [
    *sorted(DOCS.rglob("*.md")),
    *(PROJECT_ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
TEXTS = {page.relative_to(PROJECT_ROOT).as_posix(): page.read_text("utf-8") for page in PAGES}


def listed(entries: object) -> set[str]:
    """Paths in the navigation of mkdocs.yml, at any depth."""
    match entries:
        case str():
            return {entries}
        case list():
            return {path for entry in entries for path in listed(entry)}
        case dict():
            return {path for entry in entries.values() for path in listed(entry)}
    raise AssertionError(entries)


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def unknown_in(line: str, context: click.Context) -> list[str]:
    """Commands and options of `spotify-assets` that a line names and that do not exist."""
    unknown = []
    for name, words in re.findall(r"spotify-assets ([a-z]+)\b((?: [^`#;|]*)?)", line):
        command = cli.get_command(context, name)
        if command is None:
            unknown.append(name)
            continue
        first = words.split()[0] if words.strip() else ""
        if isinstance(command, click.Group) and (within := command.get_command(context, first)):
            command = within
        named = re.findall(r"(?<!\S)--[a-z-]+", words.partition(" exec ")[0]) if name != "exec" else []
        unknown += [f"{name} {option}" for option in named if option not in options(command) | {"--help"}]
    return unknown


def test_every_command_that_a_page_names_exists() -> None:
    context = click.Context(cli)
    for page, text in TEXTS.items():
        spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
        blocks = re.findall(r"^ *```(?:bash)?\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
        typed = [line for block in blocks for line in block.splitlines() if "spotify-assets " in line]
        commands = [line for line in typed if re.match(r"\s*(\$ |\S*spotify-assets )", line)]
        for line in (*spans, *commands):
            assert unknown_in(line, context) == [], f"{page}: {line}"


def test_every_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page, text in TEXTS.items():
        named = re.findall(r"(?:^|`)make ([a-z-]+(?: [a-z-]+)*)", text, re.MULTILINE)
        assert {target for words in named for target in words.split()} <= targets, page


def test_the_site_lists_every_page() -> None:
    configuration = yaml.safe_load((PROJECT_ROOT / "mkdocs.yml").read_text("utf-8"))
    assert listed(configuration["nav"]) == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}


def test_pages_link_to_what_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page}: {target}"


def test_what_is_meant_to_be_short_is_short() -> None:
    assert len(TEXTS["README.md"].split()) <= 1300
    decisions = [page for page in TEXTS if page.startswith("docs/decisions/0")]
    assert [int(page.rpartition("/")[2][:4]) for page in decisions] == list(range(1, len(decisions) + 1))
    assert [page for page in decisions if len(TEXTS[page].split()) >= 300] == []
