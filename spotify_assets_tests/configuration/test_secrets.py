"""Secrets come from where they are said to be, and whatever goes wrong on the way names no value."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from spotify_assets.configuration import secrets
from spotify_assets.configuration.secrets import secret_names, secret_origins
from spotify_assets.settings import Settings, SettingsError, load_settings

CANARY = "canary-5b1e"
SECRET_ID = "spotify-assets/test"


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """AWS Secrets Manager, played by a server on loopback; stores a secret and chooses it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(secrets, "_asked", {})

    def store(text: str) -> None:
        client = boto3.client("secretsmanager")
        if client.list_secrets()["SecretList"]:
            client.put_secret_value(SecretId=SECRET_ID, SecretString=text)
        else:
            client.create_secret(Name=SECRET_ID, SecretString=text)
        monkeypatch.setenv("SPOTIFY_ASSETS_AWS_SECRET_ID", SECRET_ID)

    try:
        yield store
    finally:
        server.stop()


def value(name: str) -> str:
    return str(getattr(load_settings(), name).get_secret_value())


def refusal() -> str:
    """What is said about settings that cannot be used; neither it nor its traceback holds a value."""
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None, "what was read could be found there"
    return str(caught.value)


def test_every_secret_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = secret_names(Settings)
    assert {"spotify_client_secret", "database_url", "lastfm_api_key"} <= set(names)
    given = {name: f"value of {name}" for name in names}
    given |= {name: f"https://example.org/{name}" for name in names if name.endswith("_url")}
    given |= {name: "postgresql://u:p@db:5432/d" for name in names if name.startswith("database_")}
    monkeypatch.setenv("ALERT_SMTP_USER", "me")  # who has a password has a name
    for name, text in given.items():
        (tmp_path / name).write_text(f"{text}\n")
        monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    settings = load_settings()
    assert {name: getattr(settings, name).get_secret_value() for name in names} == given
    assert secret_origins(Settings) == {name.upper(): f"file {tmp_path / name}" for name in names}


def test_a_file_of_env_can_name_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CANARY)
    (tmp_path / ".env").write_text(f"LASTFM_API_KEY_FILE={tmp_path / 'key'}\nLISTENBRAINZ_TOKEN=token\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db:5432/d")
    assert value("lastfm_api_key") == CANARY
    assert secret_origins(Settings) == {
        "LASTFM_API_KEY": f"file {tmp_path / 'key'}", "LISTENBRAINZ_TOKEN": ".env",
        "DATABASE_URL": "environment",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (b"\n", "it is empty"),
        (CANARY.encode() + b"\xff", "not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("LASTFM_API_KEY_FILE", str(path))
    message = refusal()
    assert f"LASTFM_API_KEY_FILE: {path} cannot be used: " in message
    assert reason in message


def test_a_path_that_depends_on_the_current_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "secrets/database_url")
    assert (
        "DATABASE_URL_FILE: secrets/database_url cannot be used: expected the file's whole path" in refusal()
    )


def test_a_value_and_a_file_contradict_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CANARY)
    monkeypatch.setenv("LASTFM_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("LASTFM_API_KEY", CANARY)
    assert "LASTFM_API_KEY and LASTFM_API_KEY_FILE are both set: remove one of them" in refusal()


def test_a_wrong_value_from_a_file_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"mysql://u:{CANARY}@db/d")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    assert "DATABASE_URL: expected postgresql://" in refusal()


def test_aws_gives_what_is_set_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, stored: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stored(
        json.dumps(
            {
                "SPOTIFY_CLIENT_ID": "id",
                "SPOTIFY_CLIENT_SECRET": CANARY,
                "LASTFM_API_KEY": "from AWS",
                "LISTENBRAINZ_TOKEN": "",
            }
        )
    )
    monkeypatch.setenv("LASTFM_API_KEY", "from here")
    caplog.clear()
    assert value("spotify_client_secret") == CANARY
    assert value("lastfm_api_key") == "from here"
    assert load_settings().listenbrainz_token is None
    assert secret_origins(Settings) == {
        "SPOTIFY_CLIENT_ID": "AWS Secrets Manager", "SPOTIFY_CLIENT_SECRET": "AWS Secrets Manager",
        "LASTFM_API_KEY": "environment",
    }  # fmt: skip
    assert CANARY not in caplog.text, "its client writes answers to the log"


def test_aws_is_asked_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, stored: Callable[..., Any]
) -> None:
    stored('{"LASTFM_API_KEY": "old"}')
    assert value("lastfm_api_key") == "old"
    stored('{"LASTFM_API_KEY": "new"}')
    assert value("lastfm_api_key") == "old"
    monkeypatch.setattr(secrets, "AWS_KEPT_SECONDS", 0.0)
    assert value("lastfm_api_key") == "new"


@pytest.mark.parametrize("text", [CANARY, f'["{CANARY}"]'])
def test_a_secret_in_aws_must_be_an_object(stored: Callable[..., Any], text: str) -> None:
    stored(text)
    message = refusal()
    assert (
        f"SPOTIFY_ASSETS_AWS_SECRET_ID: {SECRET_ID} cannot be read from AWS: expected a JSON object"
        in message
    )


def test_a_secret_that_aws_does_not_have_is_named(
    monkeypatch: pytest.MonkeyPatch, stored: Callable[..., Any]
) -> None:
    monkeypatch.setenv("SPOTIFY_ASSETS_AWS_SECRET_ID", "no-such-secret")
    message = refusal()
    assert "SPOTIFY_ASSETS_AWS_SECRET_ID: no-such-secret cannot be read from AWS" in message
    assert "ResourceNotFoundException" in message


def test_without_boto3_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_ASSETS_AWS_SECRET_ID", SECRET_ID)
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    message = refusal()
    assert "SPOTIFY_ASSETS_AWS_SECRET_ID needs boto3" in message
    assert "pip install '.[aws]'" in message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CANARY.encode("utf-16"), "begins as UTF-16 does"),
        (CANARY.encode("utf-16-le"), "holds a NUL"),
        (f"{CANARY}\xfc".encode("latin-1"), "line 1 is not UTF-8 text"),
    ],
)
def test_a_secret_in_another_encoding_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("LASTFM_API_KEY_FILE", str(tmp_path / "key"))
    said = refusal()
    assert f"LASTFM_API_KEY_FILE: {tmp_path / 'key'} cannot be used: " in said
    assert says in said
    assert "save the file as UTF-8" in said


def test_a_mark_before_a_secret_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(f"\ufeff{CANARY}\r\n".encode())
    monkeypatch.setenv("LASTFM_API_KEY_FILE", str(tmp_path / "key"))
    assert value("lastfm_api_key") == CANARY
