"""What a run meant to observe and whether it got to the end, landed beside what it got.

Without it, a replay could not tell an artist who was asked for and did not come from one who was
never asked for: the watchlist changes, the day does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from spotify_assets.sources.exchange import Exchange

PLAN = "PLAN"
"""`Exchange.method` of a landed plan."""
FINISHED = "FINISHED"
"""`Exchange.method` of the note that every question of a run was answered."""
METHODS = frozenset({PLAN, FINISHED})


def note(
    method: str, source: str, entity: str, at: datetime, run_id: str, keys: Sequence[str] = ()
) -> Exchange:
    """A plan (with its keys) or the note of its end, in the form in which everything lands."""
    return Exchange(
        source=source,
        entity=entity,
        method=method,
        url="",
        status=0,
        observed_at=at,
        run_id=run_id,
        body="",
        request={"keys": list(keys)},
    )


def planned_keys(exchanges: Iterable[Exchange]) -> list[str]:
    """Every key that any landed plan of the day meant to observe, in order, once."""
    keys: dict[str, None] = {}
    for exchange in exchanges:
        if exchange.method == PLAN and isinstance(planned := exchange.request.get("keys"), list):
            keys.update(dict.fromkeys(str(key) for key in planned))
    return list(keys)


def finished(exchanges: Iterable[Exchange]) -> bool:
    """Whether any run of the day had all its questions answered."""
    return any(exchange.method == FINISHED for exchange in exchanges)
