"""The unit that moves between rooms: one request and the response it got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to an upstream and its response, as received.

    Attributes:
        source: Series the response belongs to, e.g. ``spotify`` or ``simulated``.
        entity: What was asked for: ``artists``, ``top_tracks`` ….
        method: HTTP method, or ``IMPORT`` for rows that came from a file.
        url: Path and query as requested, without scheme and host, so that nothing but the
            question itself is kept.
        request: What the reader needs to know about the question and cannot see in the answer,
            e.g. ``{"artist_id": "…", "market": "US"}`` or ``{"ids": […]}``.
        status: HTTP status; 0 for an import.
        observed_at: When the response had arrived completely, in UTC.
        run_id: Run that asked.
        body: Response body, decoded as UTF-8 with ``surrogateescape`` so that no byte is lost. Unchanged, but
            for a secret sent with the request: where the response repeats it, ``***`` stands there.
        sent_at: What time it was where the response was sent, if it says; for judging whether it may be
            landed, and not kept.
    """

    source: str
    entity: str
    method: str
    url: str
    status: int
    observed_at: datetime
    run_id: str
    body: str
    request: Mapping[str, object] = field(default_factory=dict)
    sent_at: datetime | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse a naive timestamp: a day can only be told from an absolute time."""
        if self.observed_at.tzinfo is None:
            raise ValueError("Exchange.observed_at needs a timezone; use UTC")
        object.__setattr__(self, "observed_at", self.observed_at.astimezone(UTC))


class Sink(Protocol):
    """Where a response goes before anyone reads it (the lake's landing writer)."""

    def __call__(self, exchange: Exchange) -> None:
        """Keep `exchange`; raise rather than drop it."""
