"""Secrets that an upstream sends back: taken out of what came before anyone keeps or reads it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

from spotify_assets.sources.http.request import Request

CONCEALED = "***"

SHORTEST = 8
"""What is shorter guards nothing, and stands by chance in what was never an echo."""


def secrets_sent(request: Request, token: SecretStr | None) -> list[str]:
    """The secrets of one request in all their spellings, the longest first.

    They are its bearer token, its secret headers (whole, without the scheme, and the password of a Basic
    header) and its secret query, each as it is, as in a URL, and as in JSON.

    Args:
        request: What was asked.
        token: Bearer token sent with it.
    """
    found: set[str] = set()
    if token is not None:
        found |= _of_header(f"Bearer {token.get_secret_value()}")
    for _, value in request.headers:
        found |= _of_header(value.get_secret_value())
    found |= {value.get_secret_value() for _, value in request.secret_params}
    spelled = {way for secret in found if len(secret) >= SHORTEST for way in _spellings(secret)}
    return sorted(spelled, key=lambda way: (-len(way), way))


def conceal(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with each secret in it replaced; the very same text where there is none.

    Args:
        text: What came.
        secrets: See `secrets_sent`.
    """
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, CONCEALED)
    return text


def _of_header(value: str) -> set[str]:
    scheme, _, credentials = value.partition(" ")
    found = {value, credentials}
    if scheme.lower() == "basic":
        with suppress(ValueError):  # then it holds no password that could be told
            found.add(b64decode(credentials, validate=True).decode().partition(":")[2])
    return found


def _spellings(secret: str) -> set[str]:
    in_json = json.dumps(secret)[1:-1]
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        in_json,
        in_json.replace("/", "\\/"),
    }
