"""What every answer of Spotify has in common: a body or an error, lists by name, the order asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.jsontext import NotJson, decode_json, error_in
from spotify_assets.sources.parsing import kind
from spotify_assets.sources.reasons.answers import failed, no_answer, unreadable
from spotify_assets.sources.reasons.reason import Reason

NOTHING = object()
"""Stands where a response has no answer to a question."""


def body_of(exchange: Exchange) -> tuple[dict[str, Any], Reason | None]:
    """The body as an object, or an empty one and why."""
    try:
        data = decode_json(exchange.body)
    except NotJson as error:
        return {}, unreadable(exchange.status, error)
    if exchange.status != 200:
        return {}, _failure(exchange.status, data)
    if not isinstance(data, dict):
        return {}, failed(f"the response is {kind(data)}, not an object")
    return data, None


def _failure(status: int, data: object) -> Reason:
    code, words = error_in(data) or (None, "")
    words = words or (code if isinstance(code, str) else "")
    return no_answer(status, f": {words}" if words else "")


def items_of(data: Mapping[str, Any], name: str) -> tuple[list[Any], Reason | None]:
    """The list called `name`, or an empty one and why."""
    if name not in data:
        return [], failed(f"the response has no {name!r}")
    items = data[name]
    if not isinstance(items, list):
        return [], failed(f"{name!r} in the response is {kind(items)}, not a list")
    return items, None


def id_of(piece: object) -> str | None:
    """The id of an object, if it has one."""
    ident = piece.get("id") if isinstance(piece, dict) else None
    return ident if isinstance(ident, str) else None


def pair(ids: list[str], answers: list[Any]) -> Iterator[tuple[str | None, Any]]:
    """Find out which answer belongs to which id.

    The upstream answers in the order asked, so the position tells, also where an artist was merged
    into another and carries its id. An answer whose id was asked for at another position, where
    something else stands, belongs there: order was not kept. With as many answers as questions
    nothing else is needed; otherwise only ids can tell.
    """
    at = {ident: n for n, ident in enumerate(ids)}
    taken: dict[int, Any] = {}
    strays: list[tuple[int, Any]] = []
    for n, piece in enumerate(answers):
        home = at.get(id_of(piece) or "")
        in_place = home is not None and home < len(answers) and id_of(answers[home]) == ids[home]
        if home is not None and (home == n or not in_place):
            taken.setdefault(home, piece)
        else:
            strays.append((n, piece))
    unasked = []
    for n, piece in strays:
        if len(answers) == len(ids) and n not in taken:
            taken[n] = piece
        elif piece is not None:
            unasked.append(piece)
    for n, ident in enumerate(ids):
        yield ident, taken.get(n, NOTHING)
    for piece in unasked:
        yield None, piece
