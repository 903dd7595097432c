"""What faults do to the content of an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from spotify_assets.simulator.server.replies import Reply, dumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a fault does to an answer's content.

    Attributes:
        fault: Name from `FAULTS`.
        field: Field that is removed, added or changed.
        index: Which object of an answer is changed, from 0; None for all.
        value: Text of a changed name, JSON value of an added or changed field, or body of an ``answer``.
        size: Bytes of a bomb or a long name.
        host: Where a foreign address points to.
    """

    fault: str
    field: str = "popularity"
    index: int | None = 0
    value: Any = None
    size: int | None = None
    host: str = "https://elsewhere.example.invalid"


Mutation = Callable[[Any, Change], None]


def _objects(body: Any) -> list[Any]:
    """Return the objects an answer is about: of a batch, a page, or itself."""
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return []
    for name in ("artists", "tracks", "albums", "items", "audio_features", "data"):
        inner = body.get(name)
        if body.get("type") is None and isinstance(inner, list):
            return inner
        if body.get("type") is None and isinstance(inner, dict) and isinstance(inner.get("items"), list):
            return list(inner["items"])
    return [body]


def _chosen(body: Any, rule: Change) -> list[dict[str, Any]]:
    found = [node for node in _objects(body) if isinstance(node, dict)]
    return found if rule.index is None else found[rule.index : rule.index + 1]


def _field_missing(body: Any, rule: Change) -> None:
    for node in _chosen(body, rule):
        node.pop(rule.field, None)


def _field_added(body: Any, rule: Change) -> None:
    for node in _chosen(body, rule):
        node["unheard_of" if rule.field == "popularity" else rule.field] = rule.value or {"new": [1, 2, 3]}


def _field_type(body: Any, rule: Change) -> None:
    for node in _chosen(body, rule):
        node[rule.field] = {"unexpected": "object"} if rule.value is None else rule.value


def _counts_null(body: Any, _: Change) -> None:
    """Let every count of a list be null, as where they are switched off without a word."""
    for node in _objects(body):
        node |= {name: None for name in node if name.startswith("total_")}


def _null_artist(body: Any, rule: Change) -> None:
    """Put null where an artist was: in a batch, or as the first credit of a track or album."""
    if isinstance(body, dict) and body.get("type") is None and isinstance(body.get("artists"), list):
        batch = body["artists"]
        for place in range(len(batch)) if rule.index is None else range(rule.index, rule.index + 1):
            if place < len(batch):
                batch[place] = None
        return
    for node in _chosen(body, rule):
        if node.get("artists"):
            node["artists"][0] = None


def _renamed(text: Callable[[Change], str]) -> Mutation:
    def change(body: Any, rule: Change) -> None:
        for node in _chosen(body, rule):
            node["name"] = text(rule)

    return change


def _pages(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    if "next" in body:
        return [body]
    return [node for node in body.values() if isinstance(node, dict) and "next" in node]


def _cyclic_next(body: Any, _: Change) -> None:
    for page in _pages(body):
        page["next"] = page["href"]


def _foreign_next(body: Any, rule: Change) -> None:
    for page in _pages(body):
        rest = re.sub(r"^\w+://[^/]+", "", page["next"] or page["href"])
        page["next"] = f"{rule.host}{rest}"


CHANGING: Mapping[str, Mutation] = {
    "field_missing": _field_missing,
    "field_added": _field_added,
    "field_type": _field_type,
    "null_artist": _null_artist,
    "counts_null": _counts_null,
    "cyclic_next": _cyclic_next,
    "foreign_next": _foreign_next,
    "name": _renamed(lambda rule: str(rule.value)),
    "nul_name": _renamed(lambda _: "Nul\x00Byte"),
    "emoji_name": _renamed(lambda _: "🎺 Bold 👩‍🎤 Ünïcode 🦦"),
    "huge_name": _renamed(lambda rule: "x" * (rule.size or 10_000_000)),
    "script_name": _renamed(lambda _: "<script>alert('artist')</script>"),
    "formula_name": _renamed(lambda _: '=HYPERLINK("https://elsewhere.example.invalid","click")'),
}


def change(rule: Change, body: bytes) -> bytes:
    """Return an answer's body changed by a rule; what is no JSON stays."""
    try:
        node = json.loads(body)
    except ValueError:
        return body
    CHANGING[rule.fault](node, rule)
    return dumps(node).encode()


def echo(reply: Reply, secret: str | None, host: str) -> Reply:
    """Return an answer that gives back the caller's ``Authorization``: in a header, a field, and links.

    Args:
        reply: The answer as it should be.
        secret: Value of the header.
        host: Where links lead from now on, with the secret as a parameter.
    """
    if not secret or reply.status != 200:
        return reply
    try:
        node = json.loads(reply.body)
    except ValueError:
        return Reply(200, reply.body, {**reply.headers, "X-Echo": secret})
    for one in _objects(node)[:1]:
        if isinstance(one, dict):
            one["authorization"] = secret
    for page in _pages(node):
        rest = re.sub(r"^\w+://[^/]+", "", page["next"] or page.get("href", "/"))
        page["next"] = f"{host}{rest}{'&' if '?' in rest else '?'}{urlencode({'access_token': secret})}"
    return Reply.json(200, node, {**reply.headers, "X-Echo": secret})
