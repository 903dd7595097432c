"""Where secrets come from: the environment, `.env`, files that `*_FILE` names, AWS Secrets Manager."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    AWSSecretsManagerSettingsSource,
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
)

from spotify_assets.installation import env_file
from spotify_assets.text_files import NotText, utf8

FOUND_WHEN_READ = os.devnull
"""Stands for the file that `installation.env_file` finds; a test puts another one, or none, in its place."""
DOTENV = ".env"
"""Where a secret comes from that stands in the file of settings."""
AWS_SECRET = "spotify_assets_aws_secret_id"  # noqa: S105 - the setting that names the secret
AWS_KEPT_SECONDS = 300.0
"""How long an answer of AWS is used: settings are read often, and a changed secret must be noticed."""


class SecretError(Exception):
    """Secrets cannot be read from where they are said to be; `problems` names each variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def secret_names(settings: type[BaseSettings]) -> list[str]:
    """Names of the settings that are secrets."""
    return [
        name
        for name, field in settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    ]


class SecretFiles(PydanticBaseSettingsSource):
    """For each secret NAME the content of the file that NAME_FILE names, as container platforms hand it over.

    A line break at the end of the file, which editors leave there, is no part of it.
    """

    def __init__(
        self,
        settings: type[BaseSettings],
        named_in: tuple[EnvSettingsSource, ...],
        given: Collection[str] = (),
    ) -> None:
        """Read the files.

        Args:
            settings: Whose secrets.
            named_in: Where NAME_FILE, and NAME itself, may stand.
            given: Settings that need no file, because they were given by the caller.

        Raises:
            SecretError: A file cannot be read, or a secret is set in two ways.
        """
        super().__init__(settings)
        self.paths: dict[str, Path] = {}
        self._values: dict[str, str] = {}
        problems = []
        for name in secret_names(settings):
            path = next((found for one in named_in if (found := one.env_vars.get(f"{name}_file"))), None)
            if path is None or name in given:
                continue
            self.paths[name] = Path(path)
            with suppress(RuntimeError):  # no such user: it is no whole path then
                self.paths[name] = Path(path).expanduser()
            if any(one.env_vars.get(name) for one in named_in):
                problems.append(f"{name.upper()} and {name.upper()}_FILE are both set: remove one of them")
                continue
            try:
                self._values[name] = self._read(self.paths[name])
            except (OSError, ValueError) as error:
                reason = (error.strerror if isinstance(error, OSError) else None) or error
                problems.append(f"{name.upper()}_FILE: {path} cannot be used: {reason}")
        if problems:
            raise SecretError(problems)

    @staticmethod
    def _read(path: Path) -> str:
        if not path.is_absolute():
            raise ValueError("expected the file's whole path, from / on")
        problem, text = "", ""
        try:
            text = utf8(path.read_bytes()).rstrip("\r\n")
        except NotText as error:
            problem = str(error)
        if problem:  # outside of the handler: its error would carry what was read
            raise ValueError(problem)
        if not text:
            raise ValueError("it is empty")
        return text

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The content of a secret's file, or None."""
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The secrets that come from files."""
        return dict(self._values)


_asked: dict[tuple[type[BaseSettings], str], tuple[float, AWSSecretsManagerSettingsSource]] = {}
_asking = threading.Lock()


def _from_aws(settings: type[BaseSettings], secret_id: str) -> AWSSecretsManagerSettingsSource:
    """What AWS holds under this name: a JSON object whose keys are names of settings."""
    with _asking:
        asked = _asked.get((settings, secret_id))
        if asked is not None and time.monotonic() - asked[0] < AWS_KEPT_SECONDS:
            return asked[1]
        source = _ask_aws(settings, secret_id)
        _asked[settings, secret_id] = time.monotonic(), source
        return source


def _ask_aws(settings: type[BaseSettings], secret_id: str) -> AWSSecretsManagerSettingsSource:
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra
    except ImportError:
        raise SecretError(
            [f"{AWS_SECRET.upper()} needs boto3, which is not installed: pip install '.[aws]' in the project"]
        ) from None
    # On DEBUG it writes whole answers, secrets and all, to whatever listens.
    logging.getLogger("botocore").setLevel(logging.INFO)
    problem = None
    try:
        source = AWSSecretsManagerSettingsSource(settings, secret_id, case_sensitive=False)
    except (BotoCoreError, ClientError) as error:
        problem = (
            f"{error} (credentials and AWS_DEFAULT_REGION are looked for where every program for AWS does)"
        )
    except (ValueError, AttributeError, KeyError):
        problem = 'expected a JSON object in it, such as {"SPOTIFY_CLIENT_SECRET": "…"}'
    if problem is not None:  # outside of the handler: its error would carry what was read
        raise SecretError([f"{AWS_SECRET.upper()}: {secret_id} cannot be read from AWS: {problem}"])
    source.env_vars = {name: value for name, value in source.env_vars.items() if value != ""}
    return source


def sources(
    settings: type[BaseSettings],
    environment: EnvSettingsSource,
    dotenv: EnvSettingsSource,
    given: Collection[str] = (),
) -> Iterator[PydanticBaseSettingsSource]:
    """Where settings look for their values, first come first served.

    Args:
        settings: The settings.
        environment: The process's environment.
        dotenv: The file `.env`.
        given: Settings that the caller gives.

    Yields:
        The places. AWS is among them only where SPOTIFY_ASSETS_AWS_SECRET_ID names a secret there.

    Raises:
        SecretError: Secrets cannot be read from where they are said to be.
    """
    yield environment
    yield dotenv
    yield SecretFiles(settings, (environment, dotenv), given)
    secret_id = environment.env_vars.get(AWS_SECRET) or dotenv.env_vars.get(AWS_SECRET)
    if secret_id and not set(secret_names(settings)) <= set(given):
        yield _from_aws(settings, secret_id)


def env_file_of(settings: type[BaseSettings]) -> Path | None:
    """The file of settings, wherever it is now."""
    file = settings.model_config.get("env_file")
    return env_file() if file == FOUND_WHEN_READ else cast("Path | None", file)


def dotenv_source(settings: type[BaseSettings]) -> DotEnvSettingsSource:
    """What stands in the file of settings."""
    return DotEnvSettingsSource(settings, env_file=env_file_of(settings))


def secret_origins(settings: type[BaseSettings]) -> dict[str, str]:
    """Where each secret that is set comes from, by its variable: words that hold nothing secret."""
    found: dict[str, str] = {}
    for source in sources(settings, EnvSettingsSource(settings), dotenv_source(settings)):
        values = source()
        for name in secret_names(settings):
            if values.get(name) is not None:
                found.setdefault(name.upper(), _origin(source, name))
    return found


def _origin(source: PydanticBaseSettingsSource, name: str) -> str:
    match source:
        case SecretFiles():
            return f"file {source.paths[name]}"
        case AWSSecretsManagerSettingsSource():
            return "AWS Secrets Manager"
        case DotEnvSettingsSource():
            return DOTENV
        case _:
            return "environment"
