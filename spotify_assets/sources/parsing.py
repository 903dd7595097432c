"""What every reader of landed responses has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows
from spotify_assets.sources.jsontext import NotJson, decode_json, error_in
from spotify_assets.sources.observer import UNASKED
from spotify_assets.sources.reasons.answers import no_answer, unreadable
from spotify_assets.sources.reasons.old_sentences import from_note
from spotify_assets.sources.reasons.reason import Reason
from spotify_assets.sources.records import Missing, Parsed, Record, Rejected


def anything_observed(exchanges: Sequence[Exchange]) -> bool:
    """Whether a day holds more than intentions, refusals and unreadable answers."""
    return any(exchange.method == rows.METHOD or _is_answer(exchange) for exchange in exchanges)


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


WORLDWIDE = "XW"
"""Market of lists that hold for no single country: a code that ISO 3166-1 leaves to its users."""


@dataclass(slots=True)
class Reading:
    """What is known so far, with which questions are still open and why."""

    parsed: Parsed = field(default_factory=Parsed)
    requested: dict[str, None] = field(default_factory=dict)
    open: dict[str, Reason] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def answer(self, key: str) -> None:
        """Note that `key` was answered."""
        self.requested[key] = None
        self.closed.add(key)

    def miss(self, key: str, reason: Reason) -> None:
        """Note that `key` was asked for and did not come, unless it came or comes in another response."""
        self.requested[key] = None
        self.open[key] = reason

    def reject(self, exchange: Exchange, piece: object, reason: str) -> None:
        """Keep a piece that is no record."""
        self.parsed.rejected.append(Rejected({"request": dict(exchange.request), "piece": piece}, reason))

    def done(self) -> Parsed:
        """All that was read."""
        self.parsed.requested = list(self.requested)
        self.parsed.missing = [
            Missing(key, reason) for key, reason in self.open.items() if key not in self.closed
        ]
        return self.parsed


def in_order(exchanges: Iterable[Exchange], reading: Reading) -> list[Exchange]:
    """The responses in the order observed; what was left unasked goes to `reading`."""
    responses = []
    for exchange in sorted(exchanges, key=lambda exchange: exchange.observed_at):
        if exchange.method != UNASKED:
            responses.append(exchange)
            continue
        for key in texts(exchange.request, "keys"):
            reading.miss(key, from_note(exchange.source, exchange.request.get("reason")))
    return responses


def read_lists(
    lists: Mapping[str, tuple[Exchange, list[Any]]],
    reading: Reading,
    read: Callable[[Mapping[str, Any], str, int, Exchange], Record],
    most: int,
    noun: str,
) -> None:
    """Read the first places of lists of top tracks.

    Args:
        lists: The list that counts for each key (artist and market), with the response it came in.
        reading: Takes the records, and the pieces that are none.
        read: Reads a piece, given the artist, the position from 1, and the response.
        most: Places that are kept.
        noun: What a piece should be, for messages.
    """
    for key, (exchange, pieces) in lists.items():
        for position, piece in enumerate(pieces[:most], 1):
            if isinstance(piece, dict):
                artist_id = key.rpartition("/")[0]
                reading.parsed.records.append(read(piece, artist_id, position, exchange))
            else:
                reading.reject(exchange, piece, f"position {position} is {kind(piece)}, not a {noun}")


def body(exchange: Exchange) -> tuple[Any, Reason | None]:
    """What a response with status 200 says as JSON, or ``None`` and why there is nothing to read.

    An error that an upstream sends as ``{"error": …}`` is told in its own words, whatever the status.
    """
    try:
        data = decode_json(exchange.body)
    except NotJson as error:
        return None, unreadable(exchange.status, error)
    said = _said(data)
    if exchange.status == 200 and not said:
        return data, None
    return None, no_answer(exchange.status, said)


def _said(data: object) -> str:
    found = error_in(data)
    if found is None:
        return ""
    code, words = found
    named = f", error {code}" if isinstance(code, int | str) and str(code)[:40].isprintable() else ", error"
    return named[:60] + (f": {words}" if words else "")


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "a number")


def text(values: Mapping[str, object], name: str) -> str:
    """A text of a request; empty when there is none."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def texts(values: Mapping[str, object], name: str) -> list[str]:
    """A list of texts of a request."""
    value = values.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def number_as_text(value: Any) -> Any:
    """An id that the upstream writes as a number; anything else is passed on as it is."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def text_as_number(value: Any) -> Any:
    """A count that the upstream writes as a text; anything else is passed on as it is."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return value


def inner(piece: Mapping[str, Any], name: str, key: str) -> Any:
    """A field of an inner object; an inner value that is no object stays visible as a wrong type."""
    found = piece.get(name)
    if found is None:
        return None
    return found.get(key) if isinstance(found, dict) else {name: found}


def seconds_as_ms(value: Any) -> Any:
    """Whole seconds as milliseconds; anything else is passed on as it is."""
    return value * 1000 if isinstance(value, int) and not isinstance(value, bool) else value
