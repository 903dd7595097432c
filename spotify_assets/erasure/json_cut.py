"""JSON text with the place of each value in it, so that a part can be cut out and the rest stay as it was.

Reading and writing a body anew would change it: numbers' spelling, spaces, escapes, a key that stands twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
DEEPEST = 200


class NotCuttable(ValueError):
    """The text is no JSON, or is nested too deeply to look at."""


@dataclass(slots=True)
class Node:
    """One value and where it stands.

    Attributes:
        start: Offset of its first character.
        end: Offset after its last.
        value: The value of a text, number, true, false or null; ``None`` for an object or list.
        items: A list's elements, in order; ``None`` for anything else.
        fields: An object's fields, in order, a name that stands twice included; ``None`` for anything else.
    """

    start: int
    end: int
    value: Any = None
    items: list[Node] | None = None
    fields: list[tuple[str, Node]] | None = None

    def get(self, name: str) -> Node | None:
        """An object's field (the last of that name, as every reader takes it)."""
        found = None
        for key, node in self.fields or ():
            if key == name:
                found = node
        return found

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for node in (*(self.items or ()), *(node for _, node in self.fields or ())):
            yield from node.walk()


def read(text: str) -> Node:
    """Read a whole JSON text.

    Raises:
        NotCuttable: It is none.
    """
    start = 1 if text.startswith("\ufeff") else 0
    try:
        node = _value(text, _skip(text, start), 0)
    except (ValueError, IndexError, RecursionError) as error:
        raise NotCuttable("no JSON") from error
    if _skip(text, node.end) != len(text):
        raise NotCuttable("no JSON")
    return node


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise NotCuttable("nested too deeply")
    if text[at] == "{":
        return _object(text, at, depth)
    if text[at] == "[":
        return _list(text, at, depth)
    value, end = _DECODER.raw_decode(text, at)
    return Node(at, end, value)


def _object(text: str, start: int, depth: int) -> Node:
    fields: list[tuple[str, Node]] = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(name, str) or text[at] != ":":
            raise NotCuttable("no JSON")
        node = _value(text, _skip(text, at + 1), depth + 1)
        fields.append((name, node))
        at = _next(text, node.end, "}")
    return Node(start, at + 1, fields=fields)


def _list(text: str, start: int, depth: int) -> Node:
    items: list[Node] = []
    at = _skip(text, start + 1)
    while text[at] != "]":
        node = _value(text, at, depth + 1)
        items.append(node)
        at = _next(text, node.end, "]")
    return Node(start, at + 1, items=items)


def _next(text: str, at: int, closing: str) -> int:
    """The place after a comma, or of the closing bracket."""
    at = _skip(text, at)
    if text[at] == closing:
        return at
    following = _skip(text, at + 1)
    if text[at] != "," or text[following] == closing:
        raise NotCuttable("no JSON")
    return following


@dataclass(slots=True)
class Cuts:
    """What is to be cut out of a text, or replaced."""

    _spans: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, node: Node, text: str) -> None:
        """Put `text` in a node's place."""
        self._spans.append((node.start, node.end, text))

    def remove(self, parent: Node, gone: Iterable[int]) -> None:
        """Cut elements out of a list, with their commas.

        Args:
            parent: The list.
            gone: Positions of the elements.
        """
        items, going = parent.items or [], set(gone)
        kept = [place for place in range(len(items)) if place not in going]
        last = kept[-1] if kept else None
        for place in sorted(going):
            if last is not None and place > last:
                break
            if place + 1 < len(items) and last is not None:
                self._spans.append((items[place].start, items[place + 1].start, ""))
        if last is None and items:
            self._spans.append((items[0].start, items[-1].end, ""))
        elif last is not None and last + 1 < len(items):
            self._spans.append((items[last].end, items[-1].end, ""))

    def __bool__(self) -> bool:
        return bool(self._spans)

    def apply(self, text: str) -> str:
        """The text without what was cut."""
        pieces, at = [], 0
        for start, end, instead in sorted(self._spans, key=lambda span: (span[0], -span[1])):
            if start >= at:  # a cut inside an earlier one is done already
                pieces += [text[at:start], instead]
                at = end
        return "".join([*pieces, text[at:]])
