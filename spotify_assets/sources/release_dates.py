"""Release dates as Spotify writes them: a text, and how precise it is."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import Any

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?")
_PRECISIONS = ("year", "month", "day")


def parse_release_date(text: object, precision: object = None) -> tuple[date | None, str | None]:
    """Read a release date.

    The result is as precise as the text and the stated precision both allow, and the date is the
    first day of the year, month or day meant. ``0000``, null and anything unreadable are no date.

    Args:
        text: ``release_date``: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.
        precision: ``release_date_precision``: ``year``, ``month`` or ``day``; anything else is ignored.

    Returns:
        The date and its precision, or ``(None, None)``.
    """
    match = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None, None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    if year == 0:
        return None, None
    finest = _PRECISIONS.index(precision) if precision in _PRECISIONS else 2
    if not (1 <= month <= 12):
        finest = 0
    if finest == 2 and not _is_day(year, month, day):
        finest = 1
    found = date(year, month if finest >= 1 else 1, day if finest == 2 else 1)
    return found, _PRECISIONS[finest]


def last_day(text: object) -> date | None:
    """The last day that a release date may mean: a year's or month's last, or the day itself."""
    found, precision = parse_release_date(text)
    if found is None or precision == "day":
        return found
    if precision == "year":
        return found.replace(month=12, day=31)
    return found.replace(day=monthrange(found.year, found.month)[1])


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_recent(album: Any, since: date) -> bool:
    """Whether the release date of an album, as sent, reaches into the days from `since` on."""
    last = last_day(album.get("release_date") if isinstance(album, dict) else None)
    return last is not None and last >= since


def all_recent(albums: Sequence[Any], since: date) -> bool:
    """Whether a page of albums, newest first, holds recent ones only, so that the next page may hold more."""
    return bool(albums) and all(is_recent(album, since) for album in albums)
