"""The daily digest: milestones, breakouts and new releases of watched artists as one message.

Which rows are news stands in `serving.news`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from spotify_assets.alerts.message import Entry, Message
from spotify_assets.serving.news import Breakout, Item, Milestone, Release

MOST_LINES = 25
"""News of a kind that are written out; the rest is counted."""
QUIET = "No milestone, no breakout, no new release of a watched artist."


def digest(items: Iterable[Item], day: date, *, simulated: bool, quiet_days: bool) -> Message | None:
    """One message about the news of a day; nothing for no news, or one line where that is wanted.

    Args:
        items: What is new, the most important of each kind first.
        day: The day that was built last.
        simulated: Whether the data is.
        quiet_days: Whether a day without news is told too.
    """
    news = list(items)
    if not news:
        if not quiet_days:
            return None
        return Message("news", f"no news on {day}", (Entry(QUIET),), simulated)
    kinds: Sequence[tuple[str, str, list[Item]]] = (
        ("breakout", "breakouts", [item for item in news if isinstance(item, Breakout)]),
        ("milestone", "milestones", [item for item in news if isinstance(item, Milestone)]),
        ("new release", "new releases", [item for item in news if isinstance(item, Release)]),
    )
    named = [
        (f"{len(found):,} {one if len(found) == 1 else many}", found) for one, many, found in kinds if found
    ]
    return Message(
        "news",
        f"{', '.join(title for title, _ in named)} on {day}",
        tuple(Entry(title.capitalize(), _lines(found)) for title, found in named),
        simulated,
        tuple(dict.fromkeys(item.source for item in news)),
    )


def _lines(items: Sequence[Item]) -> tuple[tuple[str, str], ...]:
    lines = [("", _sentence(item)) for item in items[:MOST_LINES]]
    if len(items) > MOST_LINES:
        lines.append(("", f"… and {len(items) - MOST_LINES:,} more"))
    return tuple(lines)


def _sentence(item: Item) -> str:
    metric = item.metric.replace("_", " ") if not isinstance(item, Release) else ""
    link = f" {item.link}" if item.link else ""
    if isinstance(item, Breakout):
        percent = f" (+{item.gain_percent:,.0f} %)" if item.gain_percent is not None else ""
        return (
            f"{item.name} is breaking out in {metric} since {item.since}: {item.usual:,.0f} → "
            f"{item.peak:,.0f}{percent} ({item.source}){link}"
        )
    if isinstance(item, Milestone):
        if item.record:
            what = f"is higher than ever in {metric}: {item.value:,.0f}, before {item.threshold:,.0f}"
        else:
            what = f"reached {item.threshold:,.0f} in {metric} on {item.day}, and has {item.value:,.0f}"
        return f"{item.name} {what} ({item.source}){link}"
    kind = f"{item.kind}, " if item.kind else ""
    out = f"out {item.released}, " if item.released else ""
    by = ", ".join(item.artists) or "unknown artist"
    return f"{by}: {item.name} ({kind}{out}first seen {item.day}, {item.source})"
