"""Small text files that people write: in which encoding, and what is said of one that cannot be read."""

from __future__ import annotations

import codecs

_UTF_16_AND_32 = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",  # before UTF-16, which they begin like
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
ADVICE = "save the file as UTF-8"


class NotText(ValueError):
    """The bytes are no text that can be read; says where and what to do, and repeats none of it."""


def utf8(data: bytes) -> str:
    """Text in UTF-8, with or without a byte order mark.

    Raises:
        NotText: It is something else.
    """
    if (found := _marked(data)) is not None:
        raise NotText(f"line 1 begins as {found.upper()} does, not UTF-8: {ADVICE}")
    reason = None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:  # it carries the bytes, so what is raised must not be raised here
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"line {line} is not UTF-8 text: {ADVICE}"
    if reason is None and "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        reason = f"line {line} holds a NUL, as UTF-16 text and binary files do: {ADVICE}"
    if reason is not None:
        raise NotText(reason)
    return text


def by_mark(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32 if it begins with their byte order mark.

    Raises:
        NotText: It is something else.
    """
    encoding = _marked(data)
    if encoding is None:
        return utf8(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        pass
    raise NotText(f"it begins as {encoding.upper()} text does, and is not: {ADVICE}")


def _marked(data: bytes) -> str | None:
    return next((name for mark, name in _UTF_16_AND_32.items() if data.startswith(mark)), None)
