"""A question as an HTTP request.

Belongs here: headers and bodies of requests. Does not belong here: when and how often they leave (`http`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from spotify_assets.sources.body import ACCEPT_ENCODING
from spotify_assets.sources.question import Question


def build_request(
    question: Question,
    url: httpx.URL,
    token: SecretStr | None,
    agent: str,
    headers_if_landed: Mapping[str, str],
) -> httpx.Request:
    """The request that asks a question.

    Args:
        question: What is asked.
        url: Where, without the secret part of the query.
        token: Bearer token, if the upstream wants one.
        agent: User-Agent.
        headers_if_landed: Sent with a question whose answer is landed.
    """
    headers = httpx.Headers(
        {"accept": "application/json", "accept-encoding": ACCEPT_ENCODING, "user-agent": agent}
    )
    if question.landed:
        headers.update(headers_if_landed)
    for name, value in question.headers:
        headers[name] = value.get_secret_value()
    if token is not None:
        headers["authorization"] = f"Bearer {token.get_secret_value()}"
    content = None
    if question.form:
        headers["content-type"] = "application/x-www-form-urlencoded"
        content = urlencode(question.form).encode()
    if question.json is not None:
        headers["content-type"] = "application/json"
        content = json.dumps(question.json, separators=(",", ":")).encode("ascii")
    for name, value in question.secret_params:
        url = url.copy_add_param(name, value.get_secret_value())
    return httpx.Request(question.method, url, headers=headers, content=content)
