"""Small pictures for metadata, drawn as SVG so that no plotting library is needed."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import dagster as dg

_WIDTH, _HEIGHT, _FOOT = 440, 120, 18
_MARGIN, _LABEL = 8, 40


def histogram(
    values: Sequence[int], title: str, buckets: int = 20, top: int = 100
) -> dg.MarkdownMetadataValue:
    """How values from 0 to `top` are spread, as a Markdown image.

    Args:
        values: What to count.
        title: What the picture says to someone who cannot see it; also its caption.
        buckets: Number of bars.
        top: Largest value possible.
    """
    counts = [0] * buckets
    for value in values:
        counts[min(value * buckets // (top + 1), buckets - 1)] += 1
    highest = max(counts) or 1
    width = _WIDTH / buckets
    bars = "".join(
        f'<rect x="{index * width + 1:.1f}" y="{(_HEIGHT - _FOOT) * (1 - count / highest):.1f}" '
        f'width="{width - 2:.1f}" height="{(_HEIGHT - _FOOT) * count / highest:.1f}" fill="#4f43dd"/>'
        for index, count in enumerate(counts)
    )
    labels = "".join(
        f'<text x="{_WIDTH * share:.0f}" y="{_HEIGHT - 4}" text-anchor="{anchor}" '
        f'font-family="sans-serif" font-size="11" fill="#777">{top * share:.0f}</text>'
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )
    scale = f"Highest bar: {highest:,} rows. One bar spans about {(top + 1) / buckets:.0f} points."
    return _picture(bars + labels, title, scale)


def lines(series: Sequence[Sequence[float]], title: str) -> dg.MarkdownMetadataValue:
    """Some series, one line each, the first one strongest, as a Markdown image.

    Args:
        series: Values in order, evenly spaced; the last ones stand at the right edge.
        title: What the picture says to someone who cannot see it; also its caption.
    """
    values = [value for one in series for value in one]
    lowest, highest = min(values), max(values)
    scale = (_HEIGHT - 2 * _MARGIN) / ((highest - lowest) or 1)
    step = (_WIDTH - _LABEL) / (max(len(one) for one in series) - 1 or 1)
    drawn = ""
    for number, one in enumerate(series):
        places = [
            (_WIDTH - _LABEL - step * (len(one) - 1 - index), _HEIGHT - _MARGIN - (value - lowest) * scale)
            for index, value in enumerate(one)
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn += (
            f'<polyline points="{points}" fill="none" stroke="#4f43dd" stroke-width="2" '
            f'opacity="{1 - 0.8 * number / len(series):.2f}"/>'
        )
    labels = "".join(
        f'<text x="{_WIDTH - _LABEL + 4}" y="{y}" font-family="sans-serif" font-size="11" fill="#777">'
        f"{value:,.0f}</text>"
        for value, y in ((highest, _MARGIN + 4), (lowest, _HEIGHT - _MARGIN + 4))
    )
    return _picture(
        drawn + labels, title, "The strongest line rose most. marts.artist_leaderboard has the names."
    )


def _picture(drawn: str, title: str, note: str) -> dg.MarkdownMetadataValue:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label="{title}">{drawn}</svg>'
    )
    data = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"{title}\n\n![{title}](data:image/svg+xml;base64,{data})\n\n{note}")
