"""Anything as JSON that PostgreSQL can store, with nothing lost that a reader would need.

PostgreSQL's text and jsonb refuse the NUL character and half surrogate pairs, and JSON knows no NaN,
bytes or dates. Belongs here: turning such values into text. Does not belong here: deciding what is set
aside (`contracts`).
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 200
_LARGEST_INTEGER = 10**1000
_LARGEST_BYTES = 50_000_000


def storable_text(text: str) -> str:
    r"""Return the text with NUL and half surrogates written out, as in ``\u0000``."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def storable_json(value: object) -> str:
    """Return the value as JSON text that a jsonb column accepts.

    Values that JSON does not know become text: NaN and infinities, bytes (base64), dates and times (ISO),
    integers of more than 1000 digits (hexadecimal), everything else by `str`. Nesting beyond 200 levels is
    cut to text, and a document over 50 MB is reduced to its size and its beginning.
    """
    text = json.dumps(_storable(value, 0), ensure_ascii=False, allow_nan=False)
    if len(text) > _LARGEST_BYTES // 4 and (size := len(text.encode())) > _LARGEST_BYTES:
        return json.dumps({"too_large_bytes": size, "begins": text[:10_000]}, ensure_ascii=False)
    return text


def _storable(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one line for each kind of value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, int):
        return int(value) if -_LARGEST_INTEGER < value < _LARGEST_INTEGER else hex(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "base64:" + base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping | Sequence | Set):
        return _storable_container(value, depth)
    return storable_text(str(value))


def _storable_container(value: Any, depth: int) -> Any:
    if depth >= _DEEPEST:
        return f"nested deeper than {_DEEPEST} levels"
    if isinstance(value, Mapping):
        return {storable_text(str(name)): _storable(inner, depth + 1) for name, inner in value.items()}
    return [_storable(inner, depth + 1) for inner in value]
