"""What a run meant to observe, left unasked, and whether it got to the end, landed beside what it got.

Without it, a replay could not tell an artist who was asked for and did not come from one who was
never asked for: the watchlist changes, the day does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.observer import UNASKED
from spotify_assets.sources.reasons.old_sentences import from_note
from spotify_assets.sources.reasons.reason import Reason

PLAN = "PLAN"
"""`Exchange.method` of a landed plan."""
FINISHED = "FINISHED"
"""`Exchange.method` of the note that every question of a run was answered."""
UNIDENTIFIED = "UNIDENTIFIED"
"""`Exchange.method` of a note of watched artists whose id at the source is not known, and why."""
METHODS = frozenset({PLAN, FINISHED, UNASKED, UNIDENTIFIED})
WHOLE_LIST = "the rest of the list"
"""Key of what was left unasked of a list that is read as a whole, until a run of the day reads all of it."""


def note(
    method: str,
    source: str,
    entity: str,
    at: datetime,
    run_id: str,
    keys: Sequence[str] = (),
    reason: Reason | None = None,
) -> Exchange:
    """A plan (with its keys), what of it was left unasked (and why), or its end; as everything lands."""
    return Exchange(
        source=source,
        entity=entity,
        method=method,
        url="",
        status=0,
        observed_at=at,
        run_id=run_id,
        body="",
        request={"keys": list(keys)} if reason is None else {"keys": list(keys), "reason": reason.as_json()},
    )


def planned_keys(exchanges: Iterable[Exchange]) -> list[str]:
    """Every key that any landed plan of the day meant to observe, in order, once."""
    keys: dict[str, None] = {}
    for exchange in exchanges:
        if exchange.method == PLAN:
            keys.update(dict.fromkeys(_keys(exchange)))
    return list(keys)


def unasked(exchanges: Iterable[Exchange]) -> dict[str, Reason]:
    """Every key that some run of the day left unasked on purpose, with the newest reason."""
    reasons: dict[str, Reason] = {}
    for exchange in exchanges:
        if exchange.method == UNASKED:
            reasons |= dict.fromkeys(_keys(exchange), _reason(exchange))
    return reasons


def unidentified_in(exchanges: Sequence[Exchange]) -> dict[str, Reason]:
    """Watched artists whose id was not known when it was last looked at, with the reasons."""
    notes = [exchange for exchange in exchanges if exchange.method == UNIDENTIFIED]
    # Of those of one moment the last one counts, as in the order in which they landed.
    newest = max(reversed(notes), key=lambda exchange: exchange.observed_at).run_id if notes else ""
    reasons: dict[str, Reason] = {}
    for exchange in notes:
        if exchange.run_id == newest:
            reasons |= dict.fromkeys(_keys(exchange), _reason(exchange))
    return reasons


def explained(exchanges: Sequence[Exchange]) -> dict[str, Reason]:
    """Every key that has a reason for its absence."""
    return unasked(exchanges) | unidentified_in(exchanges)


def _reason(exchange: Exchange) -> Reason:
    return from_note(exchange.source, exchange.request.get("reason"))


def _keys(exchange: Exchange) -> list[str]:
    keys = exchange.request.get("keys")
    return [str(key) for key in keys] if isinstance(keys, list) else []


def finished(exchanges: Iterable[Exchange]) -> bool:
    """Whether any run of the day had all its questions answered."""
    return any(exchange.method == FINISHED for exchange in exchanges)
