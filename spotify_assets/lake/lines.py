"""The landing's form: a line is one exchange as JSON, its body an untouched string; a folder is a day."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from spotify_assets.sources.exchange import Exchange

FORMAT = 1


def encode(exchange: Exchange) -> bytes:
    """The line of an exchange."""
    line = {
        "format": FORMAT,
        "source": exchange.source,
        "entity": exchange.entity,
        "method": exchange.method,
        "url": exchange.url,
        "request": dict(exchange.request),
        "status": exchange.status,
        "observed_at": exchange.observed_at.isoformat(),
        "run_id": exchange.run_id,
        "body": exchange.body,
    }
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Exchange:
    """The exchange of a line.

    Raises:
        ValueError: It is none, or of a newer version.
    """
    record: dict[str, Any] = json.loads(line)
    if record["format"] != FORMAT:
        raise ValueError(f"format {record['format']} is newer than this version can read")
    return Exchange(
        source=record["source"],
        entity=record["entity"],
        method=record["method"],
        url=record["url"],
        request=record["request"],
        status=record["status"],
        observed_at=datetime.fromisoformat(record["observed_at"]),
        run_id=record["run_id"],
        body=record["body"],
    )


def day_of(name: str) -> date | None:
    """The day of a folder; ``None`` of one that a person or program put beside those of days."""
    with suppress(ValueError):
        day = date.fromisoformat(name)
        return day if day.isoformat() == name else None
    return None
