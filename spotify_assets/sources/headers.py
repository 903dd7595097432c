"""Times that stand in the headers of a response.

Belongs here: reading them. Does not belong here: what follows from them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

_AGE = re.compile(r"\s*([0-9]{1,9})\s*(?:,|$)")


def http_date(text: str | None) -> datetime | None:
    """Read an HTTP date in UTC; ``None`` when absent or unreadable."""
    try:
        parsed = parsedate_to_datetime(text or "")
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def sent_at(headers: httpx.Headers, now: datetime) -> datetime | None:
    """What time it was where a response was sent: ``Date``, plus ``Age`` where a cache sent it.

    Args:
        headers: Of the response.
        now: Our time.

    Returns:
        ``None`` where it does not tell. Of an answer that a cache had from the day before, the time that is
        further from ours: it tells of that day.
    """
    date = next(filter(None, map(http_date, headers.get_list("date"))), None)
    age = _AGE.match(headers.get("age", ""))
    if date is None or age is None:
        return date
    try:
        sent = date + timedelta(seconds=int(age[1]))
    except OverflowError:
        return None
    return sent if sent.date() == date.date() else max(date, sent, key=lambda time: abs(time - now))
