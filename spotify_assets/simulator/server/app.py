"""The ASGI application: the order in which things are checked, from the wire to the catalogue.

It is written against ASGI directly: one application, four prefixes, and every microsecond counts towards
how fast a day of thousands of artists can be observed in a test.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from spotify_assets.simulator.faults.changes import CHANGING, change, echo
from spotify_assets.simulator.faults.rules import CONNECTION, REPLACING, Fault, FaultBook
from spotify_assets.simulator.server import pages
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.simulator.server.control import PREFIX, Control, RequestLog, Today
from spotify_assets.simulator.server.replies import Refusal, Reply
from spotify_assets.simulator.server.wire import (
    Receive,
    Scope,
    Send,
    lifespan,
    read_body,
    send_broken,
    send_whole,
)
from spotify_assets.simulator.services.mount import Asked, Service
from spotify_assets.simulator.services.registry import services
from spotify_assets.simulator.spotify.access import Limits, Session, Tokens
from spotify_assets.simulator.spotify.api import WebApi
from spotify_assets.simulator.spotify.modes import ModeSwitch
from spotify_assets.simulator.spotify.sign_in import SignIn

_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)


class Simulator:
    """The simulated upstream as an ASGI application.

    Attributes:
        config: Its switches.
        api: What answers the Web API.
        faults: Rules in force.
        log: The requests seen.
    """

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        """Prepare the world and put the configured faults in force."""
        self.config = config or SimulatorConfig()
        self._modes = ModeSwitch(self.config)
        self.api = WebApi(self.config, self._modes)
        self._services = services(self.config)
        self.faults = FaultBook()
        self.log = RequestLog(self.config.log_size)
        self._sign_in = SignIn(self.config)
        self._tokens = Tokens(self.config, self._sign_in)
        self._limits = Limits(self.config)
        self._today = Today()
        self._control = Control(
            self.api.catalogue, self.faults, self._tokens, self.log, self._sign_in, self._modes, self._today
        )
        self._latency = self.config.latency_ms / 1000.0
        self._days: dict[str, date] = {}
        for rule in self.config.faults:
            self.faults.add(rule)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (and the server's start and stop)."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        path: str = scope["path"]
        query: str = scope["query_string"].decode("latin-1")
        headers: dict[bytes, bytes] = dict(scope["headers"])
        body = b"" if scope["method"] == "GET" else await read_body(receive)
        if path.startswith(PREFIX):
            await send_whole(send, self._control.answer(scope["method"], path, query, body))
            return
        if path == "/":
            await send_whole(
                send, pages.root(self.config, self._modes, headers.get(b"accept", b"").decode("latin-1"))
            )
            return
        rule = self.faults.pick(f"{path}?{query}" if query else path)
        if rule is not None and rule.fault in REPLACING:
            # A bomb takes a moment to pack; others must not wait for it.
            reply = await asyncio.to_thread(REPLACING[rule.fault], rule)
        else:
            reply = self._answer(scope, headers, query, body, rule)
        dated = {"Date": format_datetime(self._today.now, usegmt=True), **reply.headers}
        reply = replace(reply, headers=dated)
        fault = rule.fault if rule is not None else ""
        self.log.note(scope["method"], path, query, reply.status, headers=headers, fault=fault)
        if self._latency:
            await asyncio.sleep(self._latency)
        if rule is not None and fault in CONNECTION:
            await send_broken(rule, reply, receive, send)
        else:
            await send_whole(send, reply)

    def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], query: str, body: bytes, rule: Fault | None
    ) -> Reply:
        """Return the answer to a call that no fault replaces."""
        authorization = headers.get(b"authorization", b"").decode("latin-1") or None
        path: str = scope["path"]
        if rule is not None and rule.fault == "unauthorized":
            return self._tokens.revoke(authorization)
        try:
            if not path.startswith("/v1/"):
                service = self._services.get(path[1:].partition("/")[0])
                if service is not None:
                    return self._elsewhere(service, scope, headers, query, body, rule)
                return self._accounts(scope, headers, query, body)
            session = self._tokens.session(authorization)
            if isinstance(session, Reply):
                return session
            return self._limits.refuse(session.client_id) or self._web_api(
                scope, headers, query, rule, session
            )
        except Refusal as refused:
            return refused.reply

    def _elsewhere(
        self,
        service: Service,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        query: str,
        body: bytes,
        rule: Fault | None,
    ) -> Reply:
        """Return what another service answers, with its content changed where a fault says so."""
        prefix, slash, path = scope["path"][1:].partition("/")
        host = headers.get(b"host", b"127.0.0.1").decode("latin-1")
        asked = Asked(
            scope["method"],
            slash + path,
            dict(parse_qsl(query, keep_blank_values=True)),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()},
            body,
            self._day(headers.get(b"x-simulated-date")),
            f"{scope['scheme']}://{host}/{prefix}",
            parse_qs(query, keep_blank_values=True),
        )
        reply = service.answer(asked)
        if rule is not None and rule.fault == "token_echo":
            return echo(reply, asked.headers.get("authorization"), rule.host)
        if rule is None or rule.fault not in CHANGING or reply.status != 200:
            return reply
        return Reply(200, change(rule, reply.body), reply.headers)

    def _accounts(self, scope: Scope, headers: Mapping[bytes, bytes], query: str, body: bytes) -> Reply:
        """Return what the accounts service answers: tokens, and a person's sign-in."""
        path, method = scope["path"], scope["method"]
        expected = {"/api/token": "POST", "/authorize": "GET"}.get(path)
        if expected is None:
            raise Refusal(404, "Service not found")
        if method != expected:
            raise Refusal(405, "Method not allowed")
        header = headers.get(b"x-simulated-date")
        midnight = datetime.combine(self._day(header), datetime.min.time(), UTC)
        moment = time.time() if header is None else midnight.timestamp()
        if path == "/authorize":
            return self._sign_in.authorize(dict(parse_qsl(query, keep_blank_values=True)), moment)
        authorization = headers.get(b"authorization", b"").decode("latin-1") or None
        return self._tokens.issue(authorization, body, moment)

    def _web_api(
        self, scope: Scope, headers: Mapping[bytes, bytes], query: str, rule: Fault | None, session: Session
    ) -> Reply:
        """Return the Web API's answer, with its content changed where a fault says so."""
        if scope["method"] != "GET":
            raise Refusal(405, "Method not allowed")
        path: str = scope["path"]
        day = self._day(headers.get(b"x-simulated-date"))
        host = headers.get(b"host", b"127.0.0.1").decode("latin-1")
        href = f"{scope['scheme']}://{host}{path}"
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        reply = self.api.answer(path[4:], parameters, day, href, session)
        if rule is None or reply.status != 200:
            return reply
        if rule.fault == "token_echo":
            return echo(reply, headers.get(b"authorization", b"").decode("latin-1"), rule.host)
        if rule.fault == "duplicate_page":
            return self._duplicate(reply, path, parameters, day, href, session)
        return Reply(200, change(rule, reply.body)) if rule.fault in CHANGING else reply

    def _duplicate(
        self,
        reply: Reply,
        path: str,
        parameters: Mapping[str, str],
        day: date,
        href: str,
        session: Session,
    ) -> Reply:
        """Return a page with the items of the page before it."""
        node = json.loads(reply.body)
        page = _page(node)
        if page is None or not page["offset"]:
            return reply
        earlier = {**parameters, "offset": str(max(0, page["offset"] - page["limit"]))}
        before = _page(json.loads(self.api.answer(path[4:], earlier, day, href, session).body))
        page["items"] = before["items"] if before is not None else []
        return Reply.json(200, node)

    def _day(self, header: bytes | None) -> date:
        """Return the day to answer for: the one asked for, or the world's today."""
        if header is None:
            return self._today.day
        text = header.decode("latin-1")
        day = self._days.get(text)
        if day is None:
            try:
                day = date.fromisoformat(text)
            except ValueError:
                day = None
            if day is None or len(text) != 10 or not _FIRST_DAY <= day <= _LAST_DAY:
                expected = f"YYYY-MM-DD from {_FIRST_DAY} to {_LAST_DAY}"
                raise Refusal(400, f"X-Simulated-Date: expected {expected}")
            self._days[text] = day
        return day


def _page(node: Any) -> dict[str, Any] | None:
    """Return the page in an answer: itself or the first of its values that is one."""
    for each in (node, *node.values()):
        if isinstance(each, dict) and "offset" in each:
            return each
    return None
