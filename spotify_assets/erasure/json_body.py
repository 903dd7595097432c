"""A response's JSON, loaded and dumped without losing digits of a number or a name that stands twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spelt:
    """A number with a fraction or exponent, as spelt: a float would round it."""

    text: str


@dataclass(slots=True)
class Object:
    """A JSON object.

    Attributes:
        fields: Names and values in order, a name that stands twice included.
    """

    fields: list[tuple[str, Any]]

    def get(self, name: str) -> Any:
        """A field (the last of that name, as every reader takes it), or ``None``."""
        return next((value for key, value in reversed(self.fields) if key == name), None)


def load(text: str) -> Any:
    """Load a JSON text: objects as `Object`, fractions as `Spelt`, the rest as `json` does.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deeply.
    """
    return json.loads(
        text.removeprefix("\ufeff"), object_pairs_hook=Object, parse_float=Spelt, parse_constant=Spelt
    )


def dump(value: Any) -> str:
    """The JSON text of what `load` gave, in ASCII: so half a surrogate pair stays what it was."""
    if isinstance(value, Object):
        return "{" + ", ".join(f"{json.dumps(name)}: {dump(each)}" for name, each in value.fields) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(dump, value)) + "]"
    return value.text if isinstance(value, Spelt) else json.dumps(value)


def walk(value: Any) -> Iterator[Any]:
    """A value and all values in it."""
    yield value
    if isinstance(value, Object | list):
        for each in value if isinstance(value, list) else [each for _, each in value.fields]:
            yield from walk(each)
