"""Validation rules for settings: each raises ValueError with what it expects, never with the value."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import SplitResult, urlsplit

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo


def reasons(error: ValidationError, fields: Mapping[str, FieldInfo]) -> list[str]:
    """What is wrong, a line for each variable, without any value."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        reason = str(problem["msg"]).removeprefix("Value error, ")
        if name and problem["type"] != "value_error":
            reason = expectation(fields[name])
        lines.append(f"{name.upper()}: {reason}" if name else reason)
    return lines


def expectation(field: FieldInfo) -> str:
    """What is expected of a field that pydantic itself judges, in words for people."""
    kinds = {field.annotation, *get_args(field.annotation)}
    bounds: dict[type, Any] = {type(one): one for one in field.metadata}
    what = "an integer" if int in kinds else "a number"
    if get_origin(field.annotation) is Literal:
        what = f"one of {', '.join(map(str, get_args(field.annotation)))}"
    elif bool in kinds:
        what = "true or false"
    elif date in kinds:
        what = "a valid date as YYYY-MM-DD, such as 2024-01-31"
    elif not kinds & {int, float}:
        what = "text"
    if Gt in bounds:
        what += f" greater than {bounds[Gt].gt}"
    elif Ge in bounds:
        what += (
            f" from {bounds[Ge].ge} to {bounds[Le].le}" if Le in bounds else f" of {bounds[Ge].ge} or more"
        )
    return f"expected {what}"


def _split(value: str, expected: str) -> SplitResult:
    """The parts of an address; what Python says of one that has none may repeat it."""
    try:
        return urlsplit(value)
    except ValueError:
        pass
    raise ValueError(f"expected {expected}")


def http_url(value: str) -> str:
    """An address on the web that holds no secret."""
    expected = "an http or https URL such as https://api.spotify.com/v1"
    value = value.strip()
    parts = _split(value, expected)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", value):
        raise ValueError(f"expected {expected}")
    if parts.username or parts.password:
        raise ValueError("expected a URL without user name and password")
    return value.rstrip("/")


def redirect_url(value: str) -> str:
    """An address that Spotify sends people back to."""
    expected = "http://127.0.0.1:PORT/callback (Spotify refuses the name localhost) or an https URL"
    parts = _split(value, expected)
    loopback = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1"}
    if not loopback and parts.scheme != "https":
        raise ValueError(f"expected {expected}")
    return value


def names(value: Any) -> tuple[str, ...]:
    """Names separated by commas, in lower case, each once."""
    texts = value.split(",") if isinstance(value, str) else list(value)
    return tuple(dict.fromkeys(text.strip().lower() for text in texts if text.strip()))


def known_sources(value: Any, live: Collection[str], simulated: Collection[str]) -> tuple[str, ...]:
    """Names of sources that there are, all of one kind."""
    chosen, known = names(value), (*live, *simulated)
    unknown = next((name for name in chosen if name not in known), None)
    if not chosen or unknown is not None:
        meant = get_close_matches(unknown or "", known, n=1)
        hint = f"; did you mean {meant[0]!r}?" if meant else ""
        what = f"{unknown[:40]!r} is none of them{hint}: " if unknown is not None else ""
        raise ValueError(f"{what}expected one or more of {', '.join(known)}, separated by commas")
    if set(chosen) & set(live) and set(chosen) & set(simulated):
        raise ValueError("expected either live sources or simulated ones, not both in one place")
    return chosen


def markets(value: Any) -> tuple[str, ...]:
    """Two-letter codes of countries."""
    found = tuple(code.upper() for code in names(value))
    bad = [code for code in found if len(code) != 2 or not code.isalpha() or not code.isascii()]
    if bad or not found:
        raise ValueError("expected two-letter country codes separated by commas, such as US,SE")
    return found


def host_names(value: Any) -> tuple[str, ...]:
    """Names and addresses of hosts, without port."""
    found = names(value)
    if any(not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*", name) for name in found):
        raise ValueError("expected names or addresses without port, such as ui.example.org,192.168.1.5")
    return found


def secret_url(value: SecretStr | None) -> SecretStr | None:
    """An address on the web that is itself the secret."""
    if value is None:
        return None
    text = value.get_secret_value().strip()
    expected = "an http or https URL"
    parts = _split(text, expected)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"expected {expected}")
    return SecretStr(text)


def addresses(value: Any) -> tuple[str, ...]:
    """E-mail addresses separated by commas."""
    texts = value.split(",") if isinstance(value, str) else list(value)
    found = tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not all(map(_is_address, found)):
        raise ValueError("expected e-mail addresses separated by commas, such as you@example.org")
    return found


def address(value: str) -> str:
    """One e-mail address."""
    if not _is_address(value):
        raise ValueError("expected an e-mail address, such as you@example.org")
    return value


def postgres_url(value: SecretStr | None) -> SecretStr | None:
    """The address of a database."""
    if value is not None:
        expected = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        parts = _split(value.get_secret_value(), expected)
        if parts.scheme.split("+")[0] not in {"postgresql", "postgres"} or not parts.path.strip("/"):
            raise ValueError(f"expected {expected}")
    return value


def absolute(value: Path) -> Path:
    """A folder, from / on."""
    try:
        value = value.expanduser()
    except RuntimeError:  # no such user
        raise ValueError("expected a folder's whole path, from / or ~/ on") from None
    return value if value.is_absolute() else Path.cwd() / value


def first_day(value: date) -> date:
    """A day on which there was something to observe."""
    if value.year < 2006:
        raise ValueError("expected a day from 2006-01-01 on, as YYYY-MM-DD")
    if value > (today := datetime.now(UTC).date()):
        raise ValueError(f"expected a day that has come, {today} (UTC) or earlier: set one, or remove it")
    return value


def _is_address(text: str) -> bool:
    name, at, host = text.partition("@")
    return bool(name and at and host) and text.isprintable() and not set(text) & set(" ,;<>")


HttpUrl = Annotated[str, AfterValidator(http_url)]
SecretUrl = Annotated[SecretStr | None, AfterValidator(secret_url)]
PostgresUrl = Annotated[SecretStr | None, AfterValidator(postgres_url)]
Folder = Annotated[Path, AfterValidator(absolute)]
