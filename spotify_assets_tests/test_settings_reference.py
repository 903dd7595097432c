"""docs/settings.md and .env.example say what the settings say."""

from __future__ import annotations

from spotify_assets import settings_reference as reference
from spotify_assets.settings import PROJECT_ROOT, Settings


def test_the_generated_files_are_up_to_date() -> None:
    for path, content in (
        (reference.PAGE, reference.settings_page()),
        (reference.EXAMPLE, reference.env_example()),
    ):
        assert (PROJECT_ROOT / path).read_text("utf-8") == content, f"{path} is stale: run make settings"


def test_every_setting_is_described_once() -> None:
    page, example = reference.settings_page(), reference.env_example()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert page.count(f"| `{name.upper()}` |") == 1, name
        in_example = [line for line in example.splitlines() if line.startswith(f"{name.upper()}=")]
        assert len(in_example) == (name.upper() not in reference.NOT_FOR_PEOPLE), name


def test_what_a_newcomer_needs_stands_first() -> None:
    lines = [line for line in reference.env_example().splitlines() if line and not line.startswith("#")]
    assert [line.split("=")[0] for line in lines[:3]] == list(reference.FIRST_LINES)
    assert "SOURCES=listenbrainz,deezer" in lines
    assert all(line.endswith("=") for line in lines[1:]), "an example that is copied changes nothing else"
