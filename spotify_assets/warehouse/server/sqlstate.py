"""Why a server refuses a connection, as the code that is the same in every language.

psycopg2 and ADBC give a refusal's text only, in the language of the server. libpq writes the code beside it
when it is told so before the answer arrives, which neither of them does; so it is asked once more here.
"""

from __future__ import annotations

import ctypes
import re
import select
import time

import psycopg2

_WITH_THE_CODE = 2  # PQERRORS_VERBOSE
_READING, _WRITING, _OK, _FAILED = 1, 2, 3, 0
_REFUSED = re.compile(r"^(.*:\s+)([0-9A-Z]{5}): (.*)$", re.MULTILINE)


def refusals(dsn: str, seconds: float = 10.0) -> dict[str, str]:
    """Connect once more, and return what each server that refuses says, by SQLSTATE; empty where none does.

    Args:
        dsn: What to connect with.
        seconds: How long to wait.
    """
    try:
        libpq = _libpq()
    except (AttributeError, OSError):  # built in another way: the text has to do
        return {}
    handle = libpq.PQconnectStart(dsn.encode())
    try:
        libpq.PQsetErrorVerbosity(handle, _WITH_THE_CODE)
        deadline = time.monotonic() + seconds
        wanted = _WRITING
        while wanted not in (_OK, _FAILED) and time.monotonic() < deadline:
            socket = libpq.PQsocket(handle)
            if socket < 0:
                break
            lists = ([socket], []) if wanted == _READING else ([], [socket])
            select.select(*lists, [], max(deadline - time.monotonic(), 0))
            wanted = libpq.PQconnectPoll(handle)
        text = (libpq.PQerrorMessage(handle) or b"").decode("utf-8", "replace")
        return {code: f"{before}{what}" for before, code, what in _REFUSED.findall(text)}
    finally:
        libpq.PQfinish(handle)


def said(error: Exception) -> str:
    """An error's text; libpq gives bytes of unknown encoding while no session is there to ask."""
    return error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)


def codes_of(error: Exception) -> list[str]:
    """The SQLSTATE of a statement that failed; what fails while connecting has none."""
    code = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)
    return [code] if isinstance(code, str) and len(code) == 5 and code != "00000" else []


def _libpq() -> ctypes.CDLL:
    """The libpq that psycopg2 is linked with."""
    library = ctypes.CDLL(psycopg2._psycopg.__file__)  # noqa: SLF001 - where the link is
    for name in (
        "PQconnectStart",
        "PQconnectPoll",
        "PQsocket",
        "PQsetErrorVerbosity",
        "PQerrorMessage",
        "PQfinish",
    ):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.PQconnectStart.argtypes = [ctypes.c_char_p]
    library.PQconnectStart.restype = ctypes.c_void_p
    library.PQsetErrorVerbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.PQerrorMessage.restype = ctypes.c_char_p
    return library
