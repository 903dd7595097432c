"""What a message is, and how it reads as text, in Slack and as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

SIMULATED = "SIMULATED: invented artists and numbers, not observed anywhere."
MOST_ENTRIES = 20
"""Entries that are written out; the rest is counted."""
_MOST_CHARACTERS = 600
"""Of one line; escaped for Slack it may be five times as long."""
_BLOCK = 3_000
"""Characters that Slack takes in one block."""
_BLOCKS = 50
"""Blocks that it takes in one message."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to tell.

    Attributes:
        title: What it is, in one line.
        lines: More about it: label and text; without a label, the text stands alone.
        link: Where to see it.
    """

    title: str
    lines: tuple[tuple[str, str], ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent at once.

    Attributes:
        kind: What it is about.
        title: In one line.
        entries: The things to tell, the most important first.
        simulated: Whether it speaks of invented data; each form says so first.
        sources: Series that something shown comes from, for their credit.
    """

    kind: Literal["problems", "news", "test"]
    title: str
    entries: tuple[Entry, ...]
    simulated: bool
    sources: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """The title as one line, with the label of simulated data."""
        label = "[SIMULATED] " if self.simulated else ""
        return f"{label}Spotify Assets: {_line(self.title)}"

    @property
    def more(self) -> str | None:
        """What is said of entries that are not written out."""
        left = len(self.entries) - MOST_ENTRIES
        return f"… and {left:,} more." if left > 0 else None

    @property
    def identity(self) -> str:
        """The same for the same message, by which a receiver can tell one that is sent twice."""
        return hashlib.sha256(json.dumps(as_json(self), sort_keys=True).encode()).hexdigest()[:32]


def _line(text: str) -> str:
    """Text of whatever origin as one line of bounded length, without control characters."""
    one = "".join(character if character.isprintable() else " " for character in text)
    one = " ".join(one.split())
    return one if len(one) <= _MOST_CHARACTERS else f"{one[: _MOST_CHARACTERS - 1]}…"


def _credit(message: Message) -> list[str]:
    from spotify_assets.serving.attribution import credit  # noqa: PLC0415 - heavy, and few messages need it

    return credit(message.sources)


def as_text(message: Message) -> str:
    """The message as plain text, as an e-mail has it."""
    parts = [SIMULATED] if message.simulated else []
    for entry in message.entries[:MOST_ENTRIES]:
        lines = [_line(entry.title)]
        lines += [f"  {label}: {_line(text)}" if label else f"  {_line(text)}" for label, text in entry.lines]
        lines += [f"  {entry.link}"] if entry.link else []
        parts.append("\n".join(lines))
    parts += [message.more] if message.more else []
    parts += _credit(message)
    return "\n\n".join(parts) + "\n"


def as_slack(message: Message) -> dict[str, Any]:
    """The message as Slack's blocks; nothing in it can mention anyone or become a link of its own."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.subject[:150], "emoji": False}}
    ]
    if message.simulated:
        blocks.append(_section(f"*{_escaped(SIMULATED)}*"))
    for entry in message.entries[:MOST_ENTRIES]:
        title = _escaped(_line(entry.title))
        lines = [f"*<{entry.link}|{title}>*" if entry.link else f"*{title}*"]
        lines += [
            f"_{label}:_ {_escaped(_line(text))}" if label else _escaped(_line(text))
            for label, text in entry.lines
        ]
        blocks += map(_section, _parted(lines))
    rest = [_escaped(line) for line in (message.more, *_credit(message)) if line]
    blocks += map(_section, _parted(rest))
    if len(blocks) > _BLOCKS:
        blocks = [*blocks[: _BLOCKS - 1], _section("… and more than fits into one message.")]
    return {"text": _escaped(message.subject), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _parted(lines: Sequence[str]) -> list[str]:
    """Lines as few texts, each of which fits into one block."""
    texts: list[str] = []
    for line in lines:
        fitting = line[:_BLOCK]
        if texts and len(texts[-1]) + 1 + len(fitting) <= _BLOCK:
            texts[-1] += f"\n{fitting}"
        else:
            texts.append(fitting)
    return texts


def _escaped(text: str) -> str:
    """As Slack asks for: of these three characters its mentions and links are made."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_json(message: Message) -> dict[str, Any]:
    """The message for programs; with its text, so that simple receivers need nothing else."""
    return {
        "kind": message.kind,
        "title": message.subject,
        "simulated": message.simulated,
        "text": as_text(message),
        "entries": [
            {
                "title": _line(entry.title),
                "link": entry.link,
                "lines": [{"label": label, "text": _line(text)} for label, text in entry.lines],
            }
            for entry in message.entries[:MOST_ENTRIES]
        ],
        "entries_in_all": len(message.entries),
    }
