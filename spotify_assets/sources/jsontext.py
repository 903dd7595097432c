"""Reading a response body as JSON, in one way for those who ask and those who parse later."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, NoReturn

DEEPEST = 100
"""Levels of nesting that are read; `TOO_DEEP` replaces what lies deeper. Real answers have under ten."""
TOO_DEEP = f"nested deeper than {DEEPEST} levels"

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - set(_STEPS))
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class NotJson(ValueError):
    """The text is no JSON; the message says what it looks like instead."""


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"the number {name}, which JSON does not have")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise NotJson(f"it says {twice[:80]!r} twice")
    return found


def decode_json(text: str, *, once: bool = False) -> Any:
    """Decode `text` as strict JSON.

    One absurd value never hides the others: what is nested too deeply becomes `TOO_DEEP`, and a whole
    number of more digits than Python converts stays the text it was, for a contract to refuse.

    Args:
        text: What to read.
        once: Refuse an object that says a name twice; else what it says last counts, as everywhere.

    Raises:
        NotJson: Whatever is wrong with the text, so that callers need to know one error only.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise NotJson("an empty body")
    try:
        try:
            return _loads(_cut(text) if _may_be_deep(text) else text, once=once)
        except RecursionError:  # brackets within texts hid the depth
            return _loads(_cut(text), once=once)
    except NotJson:
        raise
    except (ValueError, RecursionError) as error:
        raise _explained(text, error) from None


def _loads(text: str, *, once: bool) -> Any:
    hook = _once if once else None
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=hook)
    except (json.JSONDecodeError, NotJson):
        raise
    except ValueError:  # Python refuses to convert thousands of digits
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_integer, object_pairs_hook=hook)


def _integer(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def _explained(text: str, error: Exception) -> NotJson:
    if text.lstrip()[:1] == "<":
        return NotJson("a web page (HTML or XML) instead of JSON")
    if isinstance(error, json.JSONDecodeError):
        return NotJson(f"invalid JSON ({error.msg} at character {error.pos} of {len(text)})")
    return NotJson("invalid JSON (brackets that are never closed)")


def _may_be_deep(text: str) -> bool:
    """A cheap guess: brackets within texts are counted as well."""
    brackets = text.encode("utf-8", "surrogatepass").translate(None, _OTHERS)
    step: Callable[[int], int] = _STEPS.__getitem__
    return max(accumulate(map(step, brackets)), default=0) > DEEPEST


def _cut(text: str) -> str:
    """Replace what lies deeper than `DEEPEST` levels by a text that says so."""
    kept: list[str] = []
    depth, begins, start = 0, 0, 0
    for token in _TOKEN.finditer(text):
        step = _STEPS.get(ord(token[0][0]), 0)
        if step == 1 and depth == DEEPEST:
            start = token.start()
        depth += step
        if step == -1 and depth == DEEPEST:
            kept += [text[begins:start], json.dumps(TOO_DEEP)]
            begins = token.end()
    return "".join([*kept, text[begins:]])


def error_in(data: object) -> tuple[Any, str] | None:
    """The code and the words of an upstream's error: on one line, cut short. ``None`` if it names none.

    They stand in an object (``{"error": {"code": …, "message": …}}``) or beside each other (``{"error": …,
    "message": …}``); some put words where others have a code.

    Args:
        data: A body read as JSON.
    """
    if not isinstance(data, dict) or data.get("error") is None:
        return None
    error = data["error"]
    code, words = error, data.get("message")
    if isinstance(error, dict):
        code, words = error.get("code"), error.get("message")
    if isinstance(code, str) and " " in code:
        code, words = None, code
    return code, one_line(words) if isinstance(words, str) else ""


def one_line(words: str) -> str:
    """Somebody else's words, cut short and on one line."""
    return "".join(c if c.isprintable() else " " for c in words[:200])
