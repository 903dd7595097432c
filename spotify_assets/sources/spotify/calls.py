"""Making calls that an app may be refused: what a refusal of one means for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from spotify_assets.sources.http.client import PoliteClient
from spotify_assets.sources.http.refusals import refused_altogether
from spotify_assets.sources.http.request import Request, Response
from spotify_assets.sources.http.response_classifier import said
from spotify_assets.sources.http.session import ObservationSession
from spotify_assets.sources.spotify import requests as send
from spotify_assets.sources.spotify.access import Access


@dataclass(frozen=True)
class Calls:
    """The calls of one observation.

    Attributes:
        api: Sends.
        access: What the app may see; corrected by what is met.
        session: The observation.
        changed: Called when it was learnt whether a call is granted.
        seen: Told each answer.
        doubtful: Calls refused in this observation, with what was said, while no other call was answered
            since: it may be that everything is refused.
    """

    api: PoliteClient
    access: Access
    session: ObservationSession
    changed: Callable[[], None] = lambda: None
    seen: Callable[[Request, Response], None] = lambda _, __: None
    doubtful: dict[str, str] = field(default_factory=dict)

    async def capable(self, call: str, requests: Sequence[Request]) -> list[Request]:
        """Ask questions that all make one call, as long as it is granted.

        Unknown: the first question is the probe. Remembered as granted and refused all the same: another
        question makes sure, and only if that is refused too, the call is remembered as refused.

        Returns:
            The questions that this app may not ask: all that are left once the call is refused, or those
            that are refused for themselves while others are answered.
        """
        may = self.access.may(call)
        if not requests or may is False:
            return list(requests)
        todo, some = list(requests), False
        if may is None:
            left, refusal, some = await self._until_refused(call, todo[:1])
            if refusal is not None:
                self.refuse(call, refusal)
                return todo
            todo = todo[1:]
        alone: list[Request] = []
        left, refusal, more = await self._until_refused(call, todo)
        while refusal is not None:
            some = some or more
            first, other = left[0], left[-1]
            _, again, more = await self._until_refused(call, [other])
            if again is not None and (other is not first or not some):
                self.refuse(call, again)
                return [*alone, *left]
            if other is not first:
                some = some or more
                left.pop()
                _, again, _ = await self._until_refused(call, [first])
            alone += [first] if again is not None else []  # else it was a slip
            left, refusal, more = await self._until_refused(call, left[1:])
        return alone

    async def allows(self, call: str, requests: Sequence[Request]) -> bool:
        """Ask questions that nothing can be asked in place of.

        Returns:
            Whether this app may make the call; who is refused while others are answered is noted.
        """
        left = await self.capable(call, requests)
        await self.settle()
        if left and self.access.may(call) is False:
            return False
        for request in left:
            self.session.fail(
                f"{request.label}: {self.session.source} refuses this and answers others (HTTP 403)"
            )
        return True

    async def _until_refused(
        self, call: str, requests: Sequence[Request]
    ) -> tuple[list[Request], Response | None, bool]:
        """Ask until the call is refused.

        Returns:
            The questions without an answer because of that, the refusal, and whether any was answered.
        """
        refused: list[tuple[Request, Response]] = []
        unasked: list[Request] = []
        answered: list[Request] = []

        def some() -> Iterator[Request]:
            for request in requests:
                if refused:
                    unasked.append(request)
                else:
                    yield request

        def note(request: Request, answer: Response) -> None:
            self.stop_if_closed(answer)
            if answer.status == 403:
                refused.append((request, answer))
            elif answer.status == 200 and not answered:
                answered.append(request)
                self.grant(call)
                self.changed()

        await self.every(some(), note)
        left = [request for request, _ in refused] + unasked
        return left, refused[0][1] if refused else None, bool(answered)

    async def granted_by(
        self,
        call: str,
        requests: Sequence[Request],
        note: Callable[[Request, Response], None] = lambda _, __: None,
    ) -> None:
        """Ask questions of a call that every app is said to be granted, and note that it was."""
        answered: list[Response] = []

        def handle(request: Request, answer: Response) -> None:
            if answer.status == 200 and not answered:
                answered.append(answer)
                self.grant(call)
            note(request, answer)

        await self.every(requests, handle)

    async def every(
        self,
        requests: Iterator[Request] | Sequence[Request],
        note: Callable[[Request, Response], None] | None = None,
    ) -> None:
        """Ask; a batch refused because of one bad id (HTTP 400) is asked again in two halves."""
        todo: list[Request] | Iterator[Request] = iter(requests)
        while True:
            bad: list[Request] = []

            def handle(request: Request, answer: Response, bad: list[Request] = bad) -> None:
                if answer.status == 400:
                    bad.append(request)
                    return
                self._look_at(answer)
                self.seen(request, answer)
                if note is not None:
                    note(request, answer)

            await self.api.send_all(todo, self.session, handle)
            parts: list[Request] = []
            for request in bad:
                if not (halves := send.halves(request)):
                    self.session.fail(
                        f"{request.label}: {self.session.source} calls the request bad (HTTP 400)"
                    )
                parts += halves
            if not parts:
                return
            todo = iter(parts)

    def grant(self, call: str) -> None:
        """Note that a call was answered."""
        self.doubtful.pop(call, None)
        self.access.granted(call)
        self.believe()

    def refuse(self, call: str, answer: Response) -> None:
        """Note that a call was refused, to be believed when another one is answered."""
        self.doubtful[call] = f"HTTP 403{said(answer.data)}"

    def believe(self) -> None:
        """Another call was answered: whatever was refused before was refused for itself."""
        refused = dict(self.doubtful)
        self.doubtful.clear()
        for call, came in refused.items():
            self.access.refused(call, f": {came}")
        if refused:
            self.changed()

    def answered(self, _question: Request, _answer: Response) -> None:
        """Note an answer to a call that every app may make."""
        self.believe()

    async def settle(self) -> None:
        """Find out whether calls that were refused are, or whether everything is.

        Raises:
            RefusedAltogether: Everything is; nothing is noted of any call.
        """
        if not self.doubtful:
            return
        if not await self.api.is_about_the_call(self.session, send.CONTROL):
            raise refused_altogether(self.session.source, next(iter(self.doubtful.values())))
        self.believe()

    def stop_if_closed(self, answer: Response) -> None:
        """Tell an app that is closed altogether from one that may not make a call.

        Raises:
            RefusedAltogether: The app's owner has no Premium subscription, so the app may do nothing.
        """
        words = said(answer.data)
        if answer.status == 403 and "premium" in words.lower():
            raise refused_altogether(self.session.source, f"HTTP 403{words}")

    def _look_at(self, answer: Response) -> None:
        """Learn which fields there are."""
        data = answer.data
        if answer.status != 200 or not isinstance(data, dict):
            return
        for name in ("artist", "track"):
            pieces = data.get(f"{name}s")
            if isinstance(pieces, list):
                self.access.look_at(name, pieces)
        albums = data.get("albums")
        if isinstance(albums, list):  # a page's albums are simplified and lack these fields for every app
            self.access.look_at("album", albums)
        kind = data.get("type")
        if isinstance(kind, str) and kind in {"artist", "album", "track"}:
            self.access.look_at(kind, [data])
