"""The control endpoints: tell the simulator to fail, and ask what it was asked.

The real service has nothing of this.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.faults.rules import Fault, FaultBook
from spotify_assets.simulator.server.replies import Refusal, Reply
from spotify_assets.simulator.spotify.access import Tokens
from spotify_assets.simulator.spotify.modes import ModeSwitch
from spotify_assets.simulator.spotify.sign_in import SignIn

PREFIX = "/_simulator/"
_SHOWN = 1000


class Seen(NamedTuple):
    """A request that was answered.

    Attributes:
        method: HTTP method.
        path: Path without query.
        query: Query as sent.
        status: Status decided on; a fault of the connection may have kept it from arriving.
        time: Seconds since 1970.
        authorization: Whether an ``Authorization`` header came along (never its value).
        day: The ``X-Simulated-Date`` header.
        fault: Name of the fault that struck, or nothing.
    """

    method: str
    path: str
    query: str
    status: int
    time: float
    authorization: bool
    day: str
    fault: str


class RequestLog:
    """The last requests, and counts of all of them."""

    def __init__(self, size: int) -> None:
        """Remember `size` requests."""
        self._seen: deque[Seen] = deque(maxlen=size)
        self._counts: Counter[tuple[str, str, int]] = Counter()

    def note(
        self, method: str, path: str, query: str, status: int, *, headers: Mapping[bytes, bytes], fault: str
    ) -> None:
        """Remember a request."""
        day = headers.get(b"x-simulated-date", b"").decode("latin-1")
        signed = b"authorization" in headers
        self._seen.append(Seen(method, path, query, status, time.time(), signed, day, fault))
        pieces = path.split("/")
        if len(pieces) > 3:
            pieces[3:] = ["{id}" if _is_id(piece) else piece for piece in pieces[3:]]
        self._counts[method, "/".join(pieces), status] += 1

    def clear(self) -> None:
        """Forget all requests."""
        self._seen.clear()
        self._counts.clear()

    def report(self, limit: int = _SHOWN) -> dict[str, Any]:
        """Return counts by status and by kind of call, and the last `limit` requests."""
        by_status: Counter[str] = Counter()
        by_path: Counter[str] = Counter()
        for (method, path, status), count in self._counts.items():
            by_status[str(status)] += count
            by_path[f"{method} {path}"] += count
        seen = list(self._seen)
        return {
            "total": sum(by_path.values()),
            "by_status": by_status,
            "by_path": by_path,
            "requests": [entry._asdict() for entry in seen[max(0, len(seen) - limit) :]],
        }


class Today:
    """The time that it is in the simulated world, for whoever does not name a day."""

    def __init__(self) -> None:
        """Go by the machine's clock."""
        self._ahead = timedelta()

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC) + self._ahead

    @property
    def day(self) -> date:
        """The day, in UTC."""
        return self.now.date()

    def set(self, day: str | None = None, now: str | None = None) -> None:
        """Let it be another day or time from now on; None to go by the machine's clock again."""
        machine = datetime.now(UTC)
        if now is not None:
            self._ahead = datetime.fromisoformat(now).astimezone(UTC) - machine
        elif day is not None:
            self._ahead = datetime.combine(date.fromisoformat(day), machine.timetz()) - machine
        else:
            self._ahead = timedelta()


def _is_id(piece: str) -> bool:
    return len(piece) in {22, 36} or piece.isdigit()


class Control:
    """Answers the control endpoints."""

    def __init__(
        self,
        catalogue: Catalogue,
        faults: FaultBook,
        tokens: Tokens,
        log: RequestLog,
        sign_in: SignIn,
        modes: ModeSwitch,
        today: Today,
    ) -> None:
        """Keep what is controlled."""
        self._catalogue = catalogue
        self._faults = faults
        self._tokens = tokens
        self._log = log
        self._sign_in = sign_in
        self._modes = modes
        self._today = today
        self._actions: dict[tuple[str, str], Callable[[Mapping[str, str], bytes], Reply]] = {
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "requests"): self._list_requests,
            ("DELETE", "requests"): self._clear_requests,
            ("DELETE", "tokens"): self._revoke_tokens,
            ("GET", "day"): self._show_day,
            ("POST", "day"): self._change_day,
            ("GET", "viral-starts"): self._viral_starts,
            ("GET", "consent"): self._show_consent,
            ("POST", "consent"): self._change_consent,
            ("DELETE", "consent"): self._withdraw_consent,
            ("GET", "mode"): self._show_mode,
            ("POST", "mode"): self._change_mode,
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answer a request under `/_simulator/`."""
        action = self._actions.get((method, path.removeprefix(PREFIX)))
        if action is None:
            return Refusal(
                404, "Control endpoints: consent, day, faults, mode, requests, tokens, viral-starts"
            ).reply
        try:
            return action(dict(parse_qsl(query)), body)
        except (ValueError, TypeError, KeyError) as problem:
            return Refusal(400, f"{type(problem).__name__}: {problem}").reply

    def _list_faults(self, _: Mapping[str, str], __: bytes) -> Reply:
        return Reply.json(200, {"faults": self._faults.report()})

    def _add_faults(self, _: Mapping[str, str], body: bytes) -> Reply:
        node = json.loads(body)
        for rule in [Fault.from_json(each) for each in (node if isinstance(node, list) else [node])]:
            self._faults.add(rule)
        return Reply.json(200, {"faults": self._faults.report()})

    def _clear_faults(self, _: Mapping[str, str], __: bytes) -> Reply:
        self._faults.clear()
        return Reply(204, b"")

    def _list_requests(self, query: Mapping[str, str], _: bytes) -> Reply:
        return Reply.json(200, self._log.report(int(query.get("limit", _SHOWN))))

    def _clear_requests(self, _: Mapping[str, str], __: bytes) -> Reply:
        self._log.clear()
        return Reply(204, b"")

    def _revoke_tokens(self, _: Mapping[str, str], __: bytes) -> Reply:
        self._tokens.revoke(None)
        return Reply(204, b"")

    def _show_consent(self, _: Mapping[str, str], __: bytes) -> Reply:
        return Reply.json(200, asdict(self._sign_in.consent))

    def _change_consent(self, query: Mapping[str, str], body: bytes) -> Reply:
        """Seat another person at the browser, or change their mind: ``{"user": …, "agrees": …}``."""
        self._sign_in.decide(**json.loads(body))
        return self._show_consent(query, body)

    def _withdraw_consent(self, _: Mapping[str, str], __: bytes) -> Reply:
        self._tokens.sign_out()
        return Reply(204, b"")

    def _show_mode(self, _: Mapping[str, str], __: bytes) -> Reply:
        return Reply.json(200, self._modes.report())

    def _change_mode(self, query: Mapping[str, str], body: bytes) -> Reply:
        """Change what apps may see: ``{"mode": …, "mode_until": "YYYY-MM-DD", "later_mode": …}``."""
        self._modes.change(**json.loads(body))
        return self._show_mode(query, body)

    def _show_day(self, _: Mapping[str, str], __: bytes) -> Reply:
        return Reply.json(200, {"day": self._today.day.isoformat()})

    def _change_day(self, query: Mapping[str, str], body: bytes) -> Reply:
        """Let it be another day for requests without ``X-Simulated-Date``: ``{"day": "YYYY-MM-DD"}``.

        ``{"now": "YYYY-MM-DDTHH:MM:SS+00:00"}`` says the time as well, which the header ``Date`` tells.
        """
        self._today.set(**json.loads(body))
        return self._show_day(query, body)

    def _viral_starts(self, query: Mapping[str, str], _: bytes) -> Reply:
        found = self._catalogue.viral_starts(
            date.fromisoformat(query["from"]), date.fromisoformat(query["to"])
        )
        starts = [{"artist_id": one.artist_id, "start": str(one.start), "lift": one.lift} for one in found]
        return Reply.json(200, {"viral_starts": starts})
