"""Faults that the simulated upstream can be told to have.

What a fault does to an answer's content is in `changes`, what only the connection can do (hang, drip,
reset, truncate) in `simulator.server.wire`.
"""

from __future__ import annotations

import random
import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from spotify_assets.simulator.faults.changes import CHANGING, Change
from spotify_assets.simulator.server.replies import SWITCHED_OFF, WANTS_TOKEN, Reply, error


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Change):
    """One rule: which fault, for which requests, how often.

    Attributes:
        path: Regular expression searched in the path and query of a request.
        times: How often it strikes; None for ever.
        after: Matching requests let through first.
        probability: Chance of striking, drawn from a fixed seed.
        seconds: Length of a pause or a wait: ``Retry-After``, hang, time between two drops.
        status: HTTP status of an ``answer``.
    """

    path: str = "^/v1/"
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    seconds: float | None = None
    status: int = 200

    def __post_init__(self) -> None:
        """Refuse a rule that could never do what it says."""
        if not 200 <= self.status <= 599:
            raise ValueError("status: expected 200 to 599")
        if self.fault not in FAULTS:
            raise ValueError(f"fault: {self.fault!r} is none of {', '.join(sorted(FAULTS))}")
        try:
            re.compile(self.path)
        except re.error as problem:
            raise ValueError(f"path: not a regular expression: {problem}") from problem
        if not 0 <= self.probability <= 1:
            raise ValueError("probability: expected 0 to 1")

    @classmethod
    def from_json(cls, node: Mapping[str, Any]) -> Fault:
        """Read a rule as posted to the control endpoint.

        Raises:
            ValueError: Naming what cannot be understood.
        """
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(node) - known)
        if unknown or "fault" not in node:
            problem = f"not understood: {', '.join(unknown)}" if unknown else "fault is missing"
            raise ValueError(f"a rule has {', '.join(sorted(known))}; {problem}")
        return cls(**node)


@dataclass(slots=True)
class ActiveFault:
    """A rule at work: how many requests matched and how often it struck."""

    rule: Fault
    pattern: re.Pattern[str]
    chance: random.Random
    matched: int = 0
    struck: int = 0

    def strikes(self, target: str) -> bool:
        """Tell whether the rule strikes this request, and count it."""
        rule = self.rule
        if (rule.times is not None and self.struck >= rule.times) or not self.pattern.search(target):
            return False
        self.matched += 1
        if self.matched <= rule.after:
            return False
        if rule.probability < 1 and self.chance.random() >= rule.probability:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class FaultBook:
    """The rules in force, in order; the first that strikes a request wins."""

    active: list[ActiveFault] = field(default_factory=list)

    def add(self, rule: Fault) -> None:
        """Put a rule in force."""
        chance = random.Random(len(self.active))  # noqa: S311 - repeatable on purpose
        self.active.append(ActiveFault(rule, re.compile(rule.path), chance))

    def clear(self) -> None:
        """Drop all rules."""
        self.active.clear()

    def report(self) -> list[dict[str, Any]]:
        """Return the rules with how many requests they matched and how often they struck."""
        return [
            {
                "fault": active.rule.fault,
                "path": active.rule.path,
                "times": active.rule.times,
                "matched": active.matched,
                "struck": active.struck,
            }
            for active in self.active
        ]

    def pick(self, target: str) -> Fault | None:
        """Return the rule that strikes a request, or None."""
        for active in self.active:
            if active.strikes(target):
                return active.rule
        return None


# Faults that replace the answer


def _rate_limited(rule: Fault) -> Reply:
    return error(429, "API rate limit exceeded", {"Retry-After": f"{int(rule.seconds or 1)}"})


def _rate_limited_date(rule: Fault) -> Reply:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=int(rule.seconds or 2))
    return error(429, "API rate limit exceeded", {"Retry-After": format_datetime(until, usegmt=True)})


def _busy(_: Fault) -> Reply:
    headers = {
        "Server": "openresty", "X-RateLimit-Zone": "global", "X-RateLimit-Who": "global",
        "X-RateLimit-Limit": "15", "X-RateLimit-Remaining": "12",
        "X-RateLimit-Reset": str(int(time.time()) + 1), "Retry-After": "0", "X-MB-Rate-Limiter": "lua",
    }  # fmt: skip
    words = "The MusicBrainz web server is currently busy. Please try again later."
    return Reply.json(503, {"error": words}, headers)


def _gzip_bomb(rule: Fault) -> Reply:
    packed = _bomb(rule.size or 200_000_000)
    return Reply(200, packed, {"Content-Encoding": "gzip"})


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    """Return gzip data that expands to `size` bytes of valid JSON, mostly blanks."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * 1_000_000
    parts = [squeeze.compress(b'{"artists":[')]
    parts += [squeeze.compress(block) for _ in range(size // len(block))]
    parts += [squeeze.compress(b"]}"), squeeze.flush()]
    return b"".join(parts)


def quota_exceeded() -> Reply:
    """Return the answer of an app whose account has used up its quota; no time is promised."""
    return Reply.json(
        429, {"error": {"status": 429, "message": "API rate limit exceeded", "reason": "QUOTA_EXCEEDED"}}
    )


_HTML = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body>One moment, please.</body></html>"

REPLACING: Mapping[str, Callable[[Fault], Reply]] = {
    "rate_limited": _rate_limited,
    "rate_limited_date": _rate_limited_date,
    "rate_limited_bare": lambda _: error(429, "API rate limit exceeded"),
    "rate_limited_day": lambda _: error(429, "API rate limit exceeded", {"Retry-After": "86400"}),
    "quota_exceeded": lambda _: quota_exceeded(),
    "status_500": lambda _: error(500, "Server error."),
    "status_502": lambda _: error(502, "Bad gateway."),
    "status_503": lambda _: error(503, "Service unavailable"),
    "not_found": lambda _: error(404, "Resource not found"),
    "forbidden": lambda _: error(403, "Forbidden"),
    "premium_required": lambda _: error(403, "Active premium subscription required for the owner of the app"),
    "invalid_client": lambda _: Reply.json(
        400, {"error": "invalid_client", "error_description": "Invalid client secret"}
    ),
    "html": lambda _: Reply(200, _HTML, {"Content-Type": "text/html; charset=utf-8"}),
    "empty": lambda _: Reply(200, b""),
    "gzip_bomb": _gzip_bomb,
    # MusicBrainz sheds load; ListenBrainz switches its counts off, or gives them to the signed-in only.
    "busy": _busy,
    "counts_disabled": lambda _: Reply.json(500, {"code": 500, "error": SWITCHED_OFF}),
    "token_wanted": lambda _: Reply.json(401, {"code": 401, "error": WANTS_TOKEN}),
    # Of any protocol, such as Deezer's quota (status 200, "code": 4) or Last.fm's limit ("error": 29).
    "answer": lambda rule: Reply.json(rule.status, rule.value),
    "foreign_redirect": lambda rule: Reply(302, b"", {"Location": f"{rule.host}/v1/artists"}),
}

# Faults of the connection (done by `app`), and those that need the rest of the answer's making.
CONNECTION = frozenset({"timeout", "slow_drip", "reset", "truncated_json"})
ASKING = frozenset({"unauthorized", "duplicate_page", "token_echo"})

FAULTS: frozenset[str] = frozenset({*REPLACING, *CHANGING, *CONNECTION, *ASKING})
