"""Taking an artist's albums and tracks out of answers that name works and nobody who made them."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import datetime
from typing import Any

from spotify_assets.erasure.json_body import Object, dump, load
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows as imported
from spotify_assets.sources.protocol import ASKED_ONCE


def forget_works(exchange: Exchange, works: Set[str], at: datetime) -> Exchange | None:
    """Take works out of an exchange; the same one if it names none, ``None`` if it is about nothing else.

    Args:
        exchange: As landed.
        works: Ids of the albums and tracks that go.
        at: When, for the mark that the exchange bears afterwards.
    """
    if exchange.entity not in ASKED_ONCE or not works:
        return exchange
    request = dict(exchange.request)
    if request.get("album_id") in works or request.get("track_id") in works:
        return None
    if exchange.method == imported.METHOD:
        rows = load(exchange.body)
        left = [row for row in rows if not works & {str(value) for _, value in row.fields}]
        return _with(exchange, request, dump(left), at, len(left) != len(rows))
    name = "ids" if isinstance(request.get("ids"), list) else "keys"
    asked: Any = request.get(name)
    kept = [each for each in asked if each not in works] if isinstance(asked, list) else asked
    if kept == asked:
        return exchange
    if not kept:
        return None
    url = exchange.url
    for each in set(asked) - set(kept):
        url = url.replace(f"{each},", "").replace(f",{each}", "").replace(f"{each}%2C", "")
        url = url.replace(f"%2C{each}", "")
    body = _body_without(exchange.body, asked, works)
    return replace(_with(exchange, {**request, name: kept}, body, at, True), url=url)


def _with(exchange: Exchange, request: dict[str, object], body: str, at: datetime, changed: bool) -> Exchange:
    if not changed:
        return exchange
    return replace(exchange, request={**request, "purged": at.isoformat()}, body=body)


def _body_without(body: str, asked: list[str], works: Set[str]) -> str:
    """The body without the answers about works, in the order asked; an unreadable one becomes empty."""
    if not body:
        return body
    try:
        data = load(body)
        for _, pieces in data.fields if isinstance(data, Object) else ():
            if isinstance(pieces, list):
                placed = len(pieces) == len(asked)
                pieces[:] = [
                    piece
                    for place, piece in enumerate(pieces)
                    if not (isinstance(piece, Object) and str(piece.get("id")) in works)
                    and not (placed and asked[place] in works)
                ]
        return dump(data)
    except (ValueError, RecursionError):
        return ""
