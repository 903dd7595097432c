"""Whether what an upstream sent holds an observation at all, before anybody reads values from it.

Belongs here: telling an answer from a refusal, an error and a note of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

from spotify_assets.sources import imported
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.jsontext import NotJson, decode_json


def anything_observed(exchanges: Sequence[Exchange]) -> bool:
    """Whether a day holds more than intentions, refusals and unreadable answers."""
    return any(exchange.method == imported.METHOD or _is_answer(exchange) for exchange in exchanges)


def last_status(exchanges: Sequence[Exchange]) -> int | None:
    """The HTTP status of what was answered last; None if nothing was answered."""
    answered = [exchange for exchange in exchanges if exchange.status]
    return max(answered, key=lambda exchange: exchange.observed_at).status if answered else None


def _is_answer(exchange: Exchange) -> bool:
    if exchange.status != 200:
        return False
    try:
        data = decode_json(exchange.body)
    except NotJson:
        return False
    # Some upstreams send their errors with HTTP 200.
    return isinstance(data, list) or (isinstance(data, dict) and "error" not in data)
