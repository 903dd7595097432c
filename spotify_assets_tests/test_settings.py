"""A wrong value names the variable and what is expected, and never shows a secret."""

from datetime import date
from pathlib import Path

import pytest

from spotify_assets.settings import (
    DEFAULT_ACCOUNTS_URL,
    DEFAULT_API_URL,
    PROJECT_ROOT,
    SettingsError,
    load_settings,
)

CANARY = "canary-2f9c"


def test_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.upstream == "simulated"
    assert settings.spotify_api_url == DEFAULT_API_URL == "https://api.spotify.com/v1"
    assert settings.spotify_accounts_url == DEFAULT_ACCOUNTS_URL == "https://accounts.spotify.com"
    assert settings.spotify_markets == ("US",)
    assert settings.spotify_assets_home == PROJECT_ROOT / ".spotify-assets"
    assert settings.effective_lake_url == str(PROJECT_ROOT / ".spotify-assets" / "lake")
    assert settings.database_url is None


def test_credentials_choose_the_live_upstream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_CLIENT_ID", "id")
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", CANARY)
    monkeypatch.setenv("SPOTIFY_API_URL", "http://127.0.0.1:8099/v1/")
    settings = load_settings()
    assert settings.upstream == "spotify"
    assert settings.spotify_api_url == "http://127.0.0.1:8099/v1"
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings.model_dump())


def test_markets_are_a_list_of_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_MARKETS", "us, se,US,")
    assert load_settings().spotify_markets == ("US", "SE")


def test_an_empty_variable_is_an_absent_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "SPOTIFY_CLIENT_ID", "SPOTIFY_ASSETS_START_DATE", "SPOTIFY_MARKETS"):
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert settings.database_url is None
    assert settings.spotify_assets_start_date == date(2024, 1, 1)


def test_a_relative_home_is_below_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", "data")
    assert load_settings().spotify_assets_home == tmp_path / "data"


def test_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from spotify_assets.settings import Settings

    (tmp_path / ".env").write_text("SPOTIFY_MARKETS=SE\nSPOTIFY_CONCURRENCY=3\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setenv("SPOTIFY_MARKETS", "NO")
    settings = load_settings()
    assert (settings.spotify_markets, settings.spotify_concurrency) == (("NO",), 3)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("DATABASE_URL", f"mysql://user:{CANARY}@host/db", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("DATABASE_URL", f"postgresql://user:{CANARY}@host", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("SPOTIFY_MARKETS", "USA", "two-letter country codes"),
        ("SPOTIFY_MARKETS", ",", "two-letter country codes"),
        ("SPOTIFY_ASSETS_START_DATE", "yesterday", "valid date"),
        ("SPOTIFY_ASSETS_START_DATE", "1999-01-01", "2006-01-01"),
        ("SPOTIFY_ASSETS_SCHEDULE_HOUR", "24", "23"),
        ("SPOTIFY_REQUESTS_PER_SECOND", "0", "greater than 0"),
        ("SPOTIFY_CONCURRENCY", "many", "integer"),
        ("SPOTIFY_API_URL", "ftp://api.spotify.com", "http or https URL"),
        (
            "SPOTIFY_ACCOUNTS_URL",
            f"https://me:{CANARY}@accounts.spotify.com",
            "without user name and password",
        ),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    message = str(error.value)
    assert variable in message
    assert expected in message
    assert CANARY not in message
    assert error.value.__cause__ is None, "a traceback must not show the value either"


@pytest.mark.parametrize(
    ("given", "absent"),
    [("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"), ("SPOTIFY_CLIENT_SECRET", "SPOTIFY_CLIENT_ID")],
)
def test_one_credential_asks_for_the_other(monkeypatch: pytest.MonkeyPatch, given: str, absent: str) -> None:
    monkeypatch.setenv(given, CANARY)
    with pytest.raises(SettingsError, match=f"{absent} is missing") as error:
        load_settings()
    assert CANARY not in str(error.value)


def test_an_upstream_url_without_credentials_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_API_URL", "http://127.0.0.1:8099/v1")
    with pytest.raises(SettingsError, match="SPOTIFY_CLIENT_ID"):
        load_settings()


def test_the_example_file_names_settings_that_exist() -> None:
    from spotify_assets.settings import Settings

    known = {name.upper() for name in Settings.model_fields}
    lines = (PROJECT_ROOT / ".env.example").read_text().splitlines()
    named = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    assert named <= known
    assert known - named == {"SIMULATOR_URL"}, "set by commands, not by people"
