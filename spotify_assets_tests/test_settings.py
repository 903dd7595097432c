"""A wrong value names the variable and what is expected, and never shows a secret."""

import re
from datetime import date
from pathlib import Path

import pytest

from spotify_assets.configuration.upstreams import DEFAULT_ACCOUNTS_URL, DEFAULT_API_URL
from spotify_assets.settings import PROJECT_ROOT, Settings, SettingsError, load_settings, unknown_settings

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
        ("SPOTIFY_ASSETS_START_DATE", "2999-01-01", "(UTC) or earlier: set one, or remove it"),
        ("SPOTIFY_ASSETS_START_DATE", "01.01.2024", "expected a valid date as YYYY-MM-DD, such as"),
        ("SPOTIFY_ASSETS_SCHEDULE_HOUR", "24", "23"),
        ("SPOTIFY_ASSETS_SCHEDULE_HOUR", "25", "expected an integer from 0 to 23"),
        ("SPOTIFY_CALLS_PER_DAY", "1.5", "expected an integer of 1 or more"),
        ("ALERT_SMTP_SECURITY", "ssl", "expected one of starttls, tls, none"),
        ("ALERT_QUIET_DAYS", "sometimes", "expected true or false"),
        ("SOURCES", "dezer", "did you mean 'deezer'?"),
        ("SPOTIFY_API_URL", f"http://[{CANARY}", "expected an http or https URL"),
        (
            "DATABASE_URL",
            f"postgresql://u:{CANARY}\u2100@h/db",
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
        ),
        ("SPOTIFY_REQUESTS_PER_SECOND", "0", "greater than 0"),
        ("SPOTIFY_REQUESTS_PER_SECOND", "inf", "expected a number"),
        ("SPOTIFY_REQUESTS_PER_SECOND", "nan", "expected a number"),
        ("LASTFM_API_KEY", " ", "is blank: set it, or remove it"),
        ("SPOTIFY_CLIENT_ID", "  ", "is blank: set it, or remove it"),
        ("DEEZER_API_URL", "https://api.deezer.com /2.0", "expected an http or https URL"),
        ("SPOTIFY_ASSETS_HOME", "~nobody-is-called-so/x", "expected a folder's whole path, from / or ~/ on"),
        ("LASTFM_API_KEY_FILE", "~nobody-is-called-so/x", "expected the file's whole path, from / on"),
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
    known = {name.upper() for name in Settings.model_fields}
    lines = (PROJECT_ROOT / ".env.example").read_text().splitlines()
    named = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    assert named <= known
    assert known - named == {"SIMULATOR_URL"}, "set by commands, not by people"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("SOURCES=deezer\n".encode("utf-16"), "line 1 begins as UTF-16 does"),
        ("SOURCES=deezer\n".encode("utf-32"), "line 1 begins as UTF-32 does"),
        (b"SOURCES=deezer\n" + "SPOTIFY_MARKETS=US".encode("utf-16-le"), "line 2 holds a NUL"),
        (f"SOURCES=deezer\n\n# M\xfcll {CANARY}\n".encode("latin-1"), "line 3 is not UTF-8 text"),
        (f"# a\n\n\nLASTFM_API_KEY {CANARY}\n".encode(), "line 4 sets nothing"),
        (f"# a\nSOURCES=deezer\nLASTFM_API_KEY='{CANARY}\n".encode(), "line 3 sets nothing"),
        (f"SOURCES=deezer\n{CANARY}\n".encode(), "line 2 sets nothing"),
    ],
)
def test_an_env_file_that_cannot_be_read_is_named_with_its_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, says: str
) -> None:
    env_file(monkeypatch, tmp_path, content)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert f"{tmp_path / '.env'}: {says}" in str(error.value)
    assert "UTF-8" in str(error.value) or "NAME=VALUE" in str(error.value)
    assert CANARY not in str(error.value)
    assert error.value.__context__ is None


def test_a_mark_and_windows_line_ends_in_an_env_file_do_no_harm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file(
        monkeypatch, tmp_path, "\ufeffSOURCES=deezer\r\nexport SPOTIFY_MARKETS=SE  # Sverige\r\n".encode()
    )
    settings = load_settings()
    assert (settings.sources, settings.spotify_markets) == (("deezer",), ("SE",))
    assert unknown_settings() == []


def env_file(monkeypatch: pytest.MonkeyPatch, folder: Path, content: bytes) -> None:
    (folder / ".env").write_bytes(content)
    monkeypatch.setitem(Settings.model_config, "env_file", folder / ".env")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SPOTIFY_CLIENTID", "SPOTIFY_CLIENT_ID"),
        ("SPOTIFY_CLIENT_SECERT", "SPOTIFY_CLIENT_SECRET"),
        ("SPOTIFY_ASSETS_SHEDULE_HOUR", "SPOTIFY_ASSETS_SCHEDULE_HOUR"),
        ("spotify_clientid", "SPOTIFY_CLIENT_ID"),
        ("ALERT_SLACK_WEBHOOK", "ALERT_SLACK_WEBHOOK_URL"),
        ("LASTFM_APIKEY", "LASTFM_API_KEY"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("SOURCE", "SOURCES"),
        ("SPOTIFY_CLIENT_SECRET_FIL", "SPOTIFY_CLIENT_SECRET_FILE"),
        ("SPOTIFY_SOMETHING_ELSE_ALTOGETHER", None),
    ],
)
def test_a_misspelt_name_is_told_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, meant: str | None
) -> None:
    monkeypatch.setenv(name, CANARY)
    (in_environment,) = unknown_settings()
    monkeypatch.delenv(name)
    env_file(monkeypatch, tmp_path, f"{name}={CANARY}\n".encode())
    (in_file,) = unknown_settings()
    assert (in_environment.name, in_environment.place) == (name, "the environment")
    assert (in_file.name, in_file.place) == (name.upper(), ".env")
    for one in (in_environment, in_file):
        assert one.meant == meant
        assert CANARY not in str(one)


@pytest.mark.parametrize(
    "name", ["CLIENT_ID", "START_DATE", "SPOTIFY_SOURCES", "MY_OWN", "PGHOST", "DBT_TARGET"]
)
def test_a_file_of_ours_holds_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "x")
    assert [one.name for one in unknown_settings()] == ([name] if name.startswith("SPOTIFY_") else [])
    env_file(monkeypatch, tmp_path, f"{name}=x\n{name}=y\n".encode())
    assert [one.name for one in unknown_settings()] == [name]


def test_what_other_programs_set_is_no_misspelling(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "SPOTIPY_CLIENT_ID", "TEST_DATABASE_URL", "SPOTIFY_CLIENT_SECRET_FILE", "ALERTMANAGER_URL",
        "PIP_INDEX_URL", "SPOTIFY_ASSETS_SERVICE_HOST", "SPOTIFY_ASSETS_SERVICE_PORT_HTTP",
        "SPOTIFY_ASSETS_PORT_3000_TCP_ADDR",
    ):  # fmt: skip
        monkeypatch.setenv(name, "x")
    assert unknown_settings() == []
    monkeypatch.setenv("SPOTIFY_ASSETS_HOEM", "x")
    assert [one.name for one in unknown_settings()] == ["SPOTIFY_ASSETS_HOEM"]


def test_what_we_read_ourselves_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compose = (PROJECT_ROOT / "docker-compose.yml").read_text("utf-8")
    names = set(re.findall(r"\$\{([A-Z_]+)", compose))
    assert "SPOTIFY_ASSETS_SECRETS" in names
    names |= set(
        re.findall(
            r"env_var\('(SPOTIFY_\w+)'", (PROJECT_ROOT / "dbt_project/profiles.yml").read_text("utf-8")
        )
    )
    env_file(monkeypatch, tmp_path, "".join(f"{name}=x\n" for name in names).encode())
    for name in names:
        monkeypatch.setenv(name, "x")
    assert unknown_settings() == []


def test_what_is_missing_may_stand_there_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_CLIENTID", CANARY)
    monkeypatch.setenv("SPOTIFY_CLIENT_SECRET", CANARY)
    with pytest.raises(SettingsError, match="SPOTIFY_CLIENT_ID is missing") as error:
        load_settings()
    assert "SPOTIFY_CLIENTID in the environment is not a setting: did you mean SPOTIFY_CLIENT_ID?" in str(
        error.value
    )
    assert CANARY not in str(error.value)
