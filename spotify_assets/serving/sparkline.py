"""A series in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_BARS = "▁▂▃▄▅▆▇█"
_GAP = "·"


def sparkline(values: Sequence[float | None], width: int = 30) -> str:
    """Draw a series, oldest first; a stretch without any observation is a dot, never a guess.

    Args:
        values: One value a day; None where the day was not observed.
        width: Characters; each shows the mean of the observed values of its stretch of days.
    """
    if not values:
        return ""
    width = min(width, len(values))
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    cells: list[float | None] = []
    for first, last in pairwise(edges):
        seen = [value for value in values[first:last] if value is not None]
        cells.append(sum(seen) / len(seen) if seen else None)
    known = [cell for cell in cells if cell is not None]
    if not known:
        return _GAP * width
    low, spread = min(known), max(known) - min(known)
    return "".join(
        _GAP if cell is None else _BARS[round((cell - low) / spread * 7)] if spread else _BARS[3]
        for cell in cells
    )
