"""Reading a response body as JSON, in one way for those who ask and those who parse later.

Belongs here: text to Python values. Does not belong here: what the values mean.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


class NotJson(ValueError):
    """The text is no JSON; the message says what it looks like instead."""


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"the number {name}, which JSON does not have")


def decode_json(text: str) -> Any:
    """Decode `text` as strict JSON.

    Raises:
        NotJson: Whatever is wrong with the text, so that callers need to know one error only.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise NotJson("an empty body")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except NotJson:
        raise
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] == "<":
            raise NotJson("a web page (HTML or XML) instead of JSON") from None
        if isinstance(error, json.JSONDecodeError):
            raise NotJson(f"invalid JSON ({error.msg} at character {error.pos} of {len(text)})") from None
        raise NotJson("invalid JSON (nested too deeply or a number too long)") from None
