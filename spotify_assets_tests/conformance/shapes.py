"""Whether one JSON body has the shape of another: fields and kinds of values, whatever the values."""

from __future__ import annotations

from typing import Any


def shape(node: Any) -> Any:
    """Return a body with kinds in place of values; the items of a list as one item with all their fields."""
    if isinstance(node, dict):
        return {name: shape(value) for name, value in node.items()}
    if isinstance(node, list):
        return [merged([shape(item) for item in node])] if node else []
    return {bool: "truth", int: "number", float: "number", str: "text", type(None): "null"}[type(node)]


def merged(shapes: list[Any]) -> Any:
    """Return one shape for several; a field that some of them lack is marked with a question mark."""
    if all(isinstance(one, list) for one in shapes):
        inner = [item for one in shapes for item in one]
        return [merged(inner)] if inner else []
    if not all(isinstance(one, dict) for one in shapes):
        kinds = sorted({str(one) for one in shapes})
        return kinds[0] if len(kinds) == 1 else kinds
    plain = [{name.rstrip("?"): kind for name, kind in one.items()} for one in shapes]
    names = {name for one in plain for name in one}
    return {
        name if all(name in one for one in plain) else f"{name}?": merged(
            [one[name] for one in plain if name in one]
        )
        for name in sorted(names)
    }
