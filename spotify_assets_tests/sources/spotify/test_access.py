"""What an app may see is found out by asking, remembered, and corrected: with the fewest calls each time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from spotify_assets.sources.capabilities import Capability
from spotify_assets.sources.protocol import (
    ARTIST_ENTITIES,
    BudgetSpent,
    CooldownRequired,
    Entity,
    NotAllowed,
    RefusedAltogether,
    SourceError,
    Usage,
)
from spotify_assets.sources.records import ArtistSnapshot, NewRelease, Parsed
from spotify_assets.sources.spotify.access import ALBUM_BATCHES, ARTIST_BATCHES, NEW_RELEASES, TOP_TRACKS
from spotify_assets.sources.spotify.source import SpotifySource
from spotify_assets.sources.state import InMemoryState, credential_digest
from spotify_assets_tests.support.servers.upstream import (
    DAY,
    FakeClock,
    Landed,
    Reply,
    Seen,
    Upstream,
    extended,
    ids,
)

CREDENTIAL = credential_digest(SecretStr("an-id"))
DEVELOPMENT = frozenset({"artists", "top-tracks", "new-releases", "albums"})
LEGACY = frozenset({"new-releases"})
EXTENDED: frozenset[str] = frozenset()
FORBIDDEN = {"error": {"status": 403, "message": "Forbidden"}}
NUMBERS = {"popularity": 50, "followers": {"total": 9}, "genres": ["a"], "label": "L"}


def kind_of(seen: Seen) -> str:
    """Which call a request makes."""
    parts = seen.path.removeprefix("/v1/").split("/")
    if parts[0] == "browse" or len(parts) == 3:
        return parts[-1] if parts[-1] != "albums" else "artist-albums"
    return parts[0] if len(parts) == 1 else f"one-{parts[0][:-1]}"


@dataclass
class App:
    """An upstream as one app meets it.

    `refused` answers 403; `fields` are all the fields, of those that depend on the app, that it sends.
    `lists` are dates of release by artist and kind, newest first; `found` is the length of the search.
    """

    refused: frozenset[str] = EXTENDED
    fields: frozenset[str] = frozenset(NUMBERS)
    words: Any = field(default_factory=lambda: FORBIDDEN)
    lists: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    found: int = 3
    listed: int = 100
    before: Callable[[Seen], Reply | None] = lambda _: None
    up: Upstream = field(init=False)

    def __post_init__(self) -> None:
        self.up = Upstream(self.answer, FakeClock())

    @property
    def clock(self) -> FakeClock:
        assert self.up.clock is not None
        return self.up.clock

    @property
    def made(self) -> Counter[str]:
        """Calls that arrived, by kind."""
        return Counter(kind_of(seen) for seen in self.up.requests)

    def answer(self, seen: Seen) -> Reply:
        return self.before(seen) or self.ordinary(seen)

    def ordinary(self, seen: Seen) -> Reply:  # noqa: PLR0911 - one for each call
        kind, own = kind_of(seen), seen.path.split("/")
        if kind in self.refused:
            return Reply(403, self.words)
        if kind == "audio-features":
            return Reply(body={"audio_features": [None]})
        if kind in {"artists", "albums"}:
            return Reply(body={kind: [self.whole(kind[:-1], i) for i in seen.query["ids"].split(",")]})
        if kind in {"one-artist", "one-album"}:
            return Reply(body=self.whole(kind.removeprefix("one-"), own[-1]))
        if kind == "top-tracks":
            return Reply(body={"tracks": [self.whole("track", f"t{own[3]}")]})
        if kind == "artist-albums":
            dates = self.lists.get((own[3], seen.query["include_groups"]), [])
            albums = [
                {"id": f"{own[3][-3:]}{seen.query['include_groups']}{n}", "name": "N", "release_date": on}
                for n, on in enumerate(dates)
            ]
            return Reply(body=self.page(seen, albums))
        count = self.found if kind == "search" else self.listed
        albums = [{"id": f"{kind[0]}{i}", "name": "N", "release_date": f"{DAY}"} for i in ids(count)]
        return Reply(body={"albums": self.page(seen, albums)})

    def whole(self, kind: str, ident: str) -> dict[str, Any]:
        numbers = {name: value for name, value in NUMBERS.items() if name in self.fields}
        return {"type": kind, "id": ident, "name": f"{kind} {ident}", **numbers}

    def page(self, seen: Seen, albums: list[dict[str, str]]) -> dict[str, Any]:
        at, size = int(seen.query.get("offset", 0)), int(seen.query["limit"])
        others = "&".join(f"{name}={value}" for name, value in seen.query.items() if name != "offset")
        following = f"{self.up.url}{seen.path}?{others}&offset={at + size}".replace("tag:new", "tag%3Anew")
        return {
            "items": albums[at : at + size],
            "next": following if at + size < len(albums) else None,
        }


@dataclass
class Outcome:
    """What an observation ended with."""

    usage: Usage | None
    problem: SourceError | None
    parsed: Parsed
    landed: Landed


async def observe(
    source: SpotifySource, entity: Entity, keys: Sequence[str], day: date = DAY, earlier: Sequence[Any] = ()
) -> Outcome:
    landed = Landed(earlier)
    usage = problem = None
    try:
        usage = await source.observe(entity, day, keys, landed)
    except SourceError as error:
        problem, usage = error, error.usage
    return Outcome(usage, problem, source.parse(entity, landed), landed)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def known(memory: InMemoryState) -> dict[str, Capability]:
    return dict(memory.capabilities("spotify", CREDENTIAL).known())


def artists_of(parsed: Parsed) -> list[str]:
    return [record.artist_id for record in parsed.records if isinstance(record, ArtistSnapshot)]


def releases_of(parsed: Parsed) -> set[str]:
    return {str(record.album_id) for record in parsed.records if isinstance(record, NewRelease)}


def missing_of(parsed: Parsed) -> list[str]:
    return [missing.key for missing in parsed.missing]


def test_an_unknown_app_in_development_mode_wastes_one_call_of_each_kind() -> None:
    async def test() -> None:
        app = App(DEVELOPMENT, fields=frozenset())
        whom = ids(3)
        app.lists = {(whom[0], "album"): ["2026-11-01"]}
        memory = InMemoryState(app.clock)
        async with app.up, app.up.source(memory=memory) as source:
            seen = await observe(source, "artists", whom)
            assert app.made == {"artists": 1, "one-artist": 3}
            assert artists_of(seen.parsed) == whom
            assert seen.parsed.missing == []

            app.up.requests.clear()
            seen = await observe(source, "top_tracks", whom)
            assert isinstance(seen.problem, NotAllowed)
            assert seen.problem.why == 'refused: HTTP 403: "Forbidden"'
            # A search shows that not everything is refused.
            assert app.made == {"top-tracks": 1, "search": 1}

            app.up.requests.clear()
            seen = await observe(source, "new_releases", whom)
            # One album by itself shows that single calls tell no more than the list did.
            assert app.made == {
                "new-releases": 1, "search": 1, "artist-albums": 6, "albums": 1, "one-album": 1,
            }  # fmt: skip
            assert len(releases_of(seen.parsed)) == 4
            assert seen.parsed.missing == []
            assert source.access.mode == "development"

            # From now on nothing is asked in vain.
            app.up.requests.clear()
            for entity in ARTIST_ENTITIES:
                await observe(source, entity, source.expected(entity, whom))
            assert app.made == {"one-artist": 3, "search": 1, "artist-albums": 6}
        one_by_one = known(memory)["call: artists, one by one"]
        assert (one_by_one.allowed, one_by_one.reason) == (True, "answered")

    run(test)


def test_a_refusal_is_believed_for_a_week_and_then_tried_once() -> None:
    async def test() -> None:
        app = App(DEVELOPMENT, fields=frozenset())
        memory = InMemoryState(app.clock)
        whom = ids(2)
        refused = []
        async with app.up, app.up.source(memory=memory) as source:
            for number in range(16):
                app.up.requests.clear()
                day = DAY + timedelta(days=number)
                for entity in ARTIST_ENTITIES:
                    await observe(source, entity, source.expected(entity, whom) or whom, day)
                refused.append([app.made[kind] for kind in sorted(DEVELOPMENT)])
                app.clock.elapsed += 86_400
        # Tried again once more than seven days have passed: on the eighth day, and eight days later no more.
        assert [number for number, calls in enumerate(refused) if any(calls)] == [0, 8]
        assert refused[8] == refused[0] == [1, 1, 1, 1]
        assert known(memory)[TOP_TRACKS].since == app.clock.start
        assert known(memory)[TOP_TRACKS].checked_at.date() == DAY + timedelta(days=8)

    run(test)


def test_access_that_is_granted_later_is_used_from_then_on() -> None:
    async def test() -> None:
        app = App(DEVELOPMENT, fields=frozenset())
        async with app.up, app.up.source(memory=InMemoryState(app.clock)) as source:
            await observe(source, "artists", ids(60))
            app.refused, app.fields = EXTENDED, frozenset(NUMBERS)
            app.clock.elapsed += 8 * 86_400
            app.up.requests.clear()
            seen = await observe(source, "artists", ids(60), DAY + timedelta(days=8))
            assert app.made == {"artists": 2}
            assert {r.popularity for r in seen.parsed.records if isinstance(r, ArtistSnapshot)} == {50}
            assert source.access.mode == "extended"

    run(test)


SLIPS: list[tuple[Entity, str, dict[str, int]]] = [
    ("artists", "artists", {"artists": 4}),
    ("top_tracks", "top-tracks", {"top-tracks": 151}),
    ("new_releases", "new-releases", {"new-releases": 3, "albums": 5}),
    ("new_releases", "albums", {"new-releases": 2, "albums": 6}),
]


@pytest.mark.parametrize(("entity", "kind", "calls"), SLIPS, ids=[kind for _, kind, _ in SLIPS])
def test_one_refusal_that_contradicts_what_is_known_is_a_slip(
    entity: Entity, kind: str, calls: dict[str, int]
) -> None:
    async def test() -> None:
        slips = [Reply(403, FORBIDDEN)]
        # Of more than one question the second slips; the first page has to be the first.
        least = 1 if kind == "new-releases" else 2
        app = App(before=lambda seen: slips.pop() if slip(seen) else None)

        def slip(seen: Seen) -> bool:
            return bool(slips) and kind_of(seen) == kind and app.made[kind] == least

        memory = extended(app.clock)
        before = known(memory)
        async with app.up, app.up.source(memory=memory, concurrency=1) as source:
            app.clock.elapsed += 60
            seen = await observe(source, entity, ids(150))
            assert not slips, "it was refused once"
            assert app.made == calls
            assert seen.problem is None
            assert seen.parsed.missing == []
            assert len(seen.parsed.records) == (100 if entity == "new_releases" else 150)
            assert source.access.mode == "extended"
        for name, one in before.items():
            now = known(memory)[name]
            assert (now.allowed, now.reason, now.since) == (True, "answered", one.since)

    run(test)


def test_an_app_that_loses_batches_midway_wastes_a_handful_and_gets_everyone() -> None:
    async def test() -> None:
        granted = 7

        def lose(seen: Seen) -> Reply | None:
            late = kind_of(seen) == "artists" and app.made["artists"] > granted
            return Reply(403, FORBIDDEN) if late else None

        app = App(before=lose)
        memory = extended(app.clock)
        whom = ids(1000)
        async with app.up, app.up.source(memory=memory, concurrency=4) as source:
            seen = await observe(source, "artists", whom)
            assert seen.problem is None
            assert sorted(artists_of(seen.parsed)) == whom
            assert seen.parsed.missing == []
            assert app.made["one-artist"] == 1000 - 50 * granted
            # What was under way when the first was refused, and one to make sure.
            wasted = app.made["artists"] - granted
            assert 2 <= wasted <= 4 + 1
            assert not known(memory)[ARTIST_BATCHES].allowed
            app.up.requests.clear()
            await observe(source, "artists", whom[:60])
            assert app.made == {"one-artist": 60}

    run(test)


@pytest.mark.parametrize("kind", [None, {}, [], 7, "user"])
def test_an_answer_of_no_known_kind_tells_nothing_of_fields(kind: object) -> None:
    async def test() -> None:
        odd = Reply(body={"artists": [], "tracks": [], "type": kind})
        app = App(before=lambda _: odd)
        async with app.up, app.up.source(memory=InMemoryState(app.clock)) as source:
            await source.probe(ids(1)[0])
            assert source.access.why_not("field: artist popularity") == ""

    run(test)


def test_fields_are_noted_as_they_are_met() -> None:
    async def test() -> None:
        app = App(fields=frozenset({"popularity", "label"}), refused=frozenset({"new-releases"}))
        memory = InMemoryState(app.clock)
        async with app.up, app.up.source(memory=memory) as source:
            for entity in ARTIST_ENTITIES:
                await observe(source, entity, ids(2))
            found = {name: (one.allowed, one.reason) for name, one in known(memory).items()}
            absent = "left out of every answer about artists"
            assert {name: one for name, one in found.items() if name.startswith("field: ")} == {
                "field: artist popularity": (True, "sent"),
                "field: artist followers": (False, absent),
                "field: artist genres": (False, absent),
                "field: track popularity": (True, "sent"),
                "field: album popularity": (True, "sent"),
                "field: album label": (True, "sent"),
            }
            assert source.access.mode == "in between"

            # A field that vanishes later, and one that comes back, are told apart from those that stayed.
            app.fields = frozenset({"followers"})
            app.clock.elapsed += 3600
            await observe(source, "artists", ids(2))
        changed = app.clock.now().replace(microsecond=0)
        now = known(memory)
        assert not now["field: artist popularity"].allowed
        assert now["field: artist followers"].allowed
        assert now["field: artist popularity"].since.replace(microsecond=0) == changed
        assert now["field: artist genres"].since < changed

    run(test)


PREMIUM = {"error": {"status": 403, "message": "Active premium subscription required for the owner"}}
EVERY_CALL = frozenset({"search", "artist-albums", "one-artist", "one-album", *DEVELOPMENT})


@pytest.mark.parametrize("entity", ARTIST_ENTITIES)
@pytest.mark.parametrize("granted", [False, True])
def test_an_app_whose_owner_lost_premium_is_closed_and_nothing_is_learnt(
    entity: Entity, granted: bool
) -> None:
    async def test() -> None:
        app = App(EVERY_CALL, words=PREMIUM)
        memory = extended(app.clock) if granted else InMemoryState(app.clock)
        before = known(memory)
        async with app.up, app.up.source(memory=memory, concurrency=1) as source:
            seen = await observe(source, entity, ids(120))
            assert isinstance(seen.problem, RefusedAltogether)
            assert "needs Spotify Premium" in str(seen.problem)
            assert app.made.total() == 1
        assert known(memory) == before

    run(test)


def development_memory(clock: FakeClock) -> InMemoryState:
    """What is remembered of an app in Development Mode."""
    memory = InMemoryState(clock)
    capabilities = memory.capabilities("spotify", CREDENTIAL)
    for call in (ARTIST_BATCHES, TOP_TRACKS, NEW_RELEASES, ALBUM_BATCHES, "field: album popularity"):
        capabilities.note(call, allowed=False, reason="refused: HTTP 403", at=clock.now())
    return memory


def test_new_releases_of_artists_are_read_ten_a_page_as_long_as_all_are_recent() -> None:
    async def test() -> None:
        busy, one, still = ids(3)
        oldest, older = DAY - timedelta(days=90), DAY - timedelta(days=91)
        app = App(DEVELOPMENT, fields=frozenset(), found=0)
        app.lists = {
            # A whole page is recent, of the second a part, and the third is of no interest.
            (busy, "single"): ["2026-11-19"] * 10 + ["2026-11-01"] * 3 + ["2026-01-01"] * 17,
            (one, "album"): [f"{oldest}", f"{older}", *["2020"] * 20],
            (still, "album"): ["2019-05-05"],
        }
        async with app.up, app.up.source(memory=development_memory(app.clock)) as source:
            seen = await observe(source, "new_releases", [busy, one, still])
            pages = [request for request in app.up.requests if kind_of(request) == "artist-albums"]
            assert app.made == {"search": 1, "artist-albums": 7}
            assert {request.query["limit"] for request in pages} == {"10"}
            asked = Counter(
                (request.path.split("/")[3], request.query["include_groups"]) for request in pages
            )
            assert asked == {
                (artist, group): 2 if (artist, group) == (busy, "single") else 1
                for artist in (busy, one, still)
                for group in ("album", "single")
            }
        assert releases_of(seen.parsed) == {f"{busy[-3:]}single{n}" for n in range(13)} | {
            f"{one[-3:]}album0"
        }
        assert seen.parsed.missing == []

    run(test)


def test_new_releases_that_were_interrupted_resume_with_the_rest() -> None:
    async def test() -> None:
        whom = ids(6)
        app = App(DEVELOPMENT, fields=frozenset())
        app.lists = {(artist, "album"): ["2026-11-01"] for artist in whom}
        broken = (whom[2], "single")

        def interrupt(seen: Seen) -> Reply | None:
            ours = kind_of(seen) == "artist-albums" and broken == (
                seen.path.split("/")[3],
                seen.query["include_groups"],
            )
            return Reply(429, {}, {"retry-after": "600"}) if ours and app.clock.elapsed < 600 else None

        app.before = interrupt
        memory = development_memory(app.clock)
        async with app.up, app.up.source(memory=memory, concurrency=1) as source:
            wanted = source.expected("new_releases", whom)
            assert wanted[0] == "list:search"
            assert wanted[1:] == [f"artist:{i}/{group}" for i in whom for group in ("album", "single")]
            seen = await observe(source, "new_releases", wanted)
            assert isinstance(seen.problem, CooldownRequired)
            have = set(seen.parsed.requested) - set(missing_of(seen.parsed))
            left = [key for key in wanted if key not in have]
            assert left == wanted[wanted.index(f"artist:{whom[2]}/single") :]

            app.clock.elapsed += 601
            app.up.requests.clear()
            seen = await observe(source, "new_releases", left, earlier=seen.landed)
            assert seen.problem is None
            assert app.made == {"artist-albums": len(left)}
        assert seen.parsed.missing == []
        assert releases_of(seen.parsed) >= {f"{artist[-3:]}album0" for artist in whom}

    run(test)


@pytest.mark.parametrize("what", ["search", "artist-albums"])
def test_a_list_that_was_interrupted_between_its_pages_is_not_taken_for_whole(what: str) -> None:
    async def test() -> None:
        (artist,) = ids(1)
        app = App(DEVELOPMENT, fields=frozenset(), found=30)
        app.lists = {(artist, "album"): ["2026-11-19"] * 15}
        key = "list:search" if what == "search" else f"artist:{artist}/album"

        def interrupt(seen: Seen) -> Reply | None:
            ours = kind_of(seen) == what and "offset" in seen.query
            return Reply(429, {}, {"retry-after": "600"}) if ours and app.clock.elapsed < 600 else None

        app.before = interrupt
        memory = development_memory(app.clock)
        async with app.up, app.up.source(memory=memory, concurrency=1) as source:
            wanted = source.expected("new_releases", [artist])
            first = await observe(source, "new_releases", wanted)
            assert isinstance(first.problem, CooldownRequired)
            assert key in missing_of(first.parsed)
            assert len(releases_of(first.parsed)) >= 10, "what came is kept"

            app.clock.elapsed += 601
            left = [
                key for key in wanted if key in missing_of(first.parsed) or key not in first.parsed.requested
            ]
            seen = await observe(source, "new_releases", left, earlier=first.landed)
        assert seen.problem is None
        assert seen.parsed.missing == []
        assert len(releases_of(seen.parsed)) == 30 + 15

    run(test)


COSTS = [
    ("extended", EXTENDED, frozenset(NUMBERS)),
    ("in between", LEGACY, frozenset(NUMBERS)),
    ("development", DEVELOPMENT, frozenset[str]()),
]


@pytest.mark.parametrize(("mode", "refused", "fields"), COSTS, ids=[mode for mode, _, _ in COSTS])
def test_what_a_day_is_said_to_cost_is_what_it_costs(
    mode: str, refused: frozenset[str], fields: frozenset[str]
) -> None:
    async def test() -> None:
        app = App(refused, fields, found=50)
        whom = ids(120)
        async with app.up, app.up.source(memory=InMemoryState(app.clock), markets=("US", "SE")) as source:
            for entity in ARTIST_ENTITIES:  # the first day finds out
                await observe(source, entity, whom)
            assert source.access.mode == mode
            for entity in ARTIST_ENTITIES:
                app.up.requests.clear()
                said = source.cost(entity, len(whom))
                seen = await observe(source, entity, source.expected(entity, whom) or whom)
                assert app.made.total() == said, entity
                assert seen.usage is not None
                assert seen.usage.calls == said, "the token is still good"

    run(test)


def test_what_is_unknown_is_counted_as_granted() -> None:
    source = App().up.source(memory=InMemoryState(), markets=("US", "SE"))
    assert [source.cost(entity, 101) for entity in ARTIST_ENTITIES] == [3, 202, 2 + 5]


def test_albums_are_counted_one_by_one_where_only_that_shows_their_numbers() -> None:
    async def test() -> None:
        app = App(frozenset({"albums"}))
        async with app.up, app.up.source(memory=InMemoryState(app.clock)) as source:
            await observe(source, "new_releases", ids(1))
            app.up.requests.clear()
            said = source.cost("new_releases", 1)
            seen = await observe(source, "new_releases", ids(1))
            assert app.made.total() == said == 2 + 100
            assert {r.popularity for r in seen.parsed.records if isinstance(r, NewRelease)} == {50}

    run(test)


@pytest.mark.parametrize(
    ("granted", "given", "allowed"),
    [
        (None, (None, None), (1.0, 400)),
        (False, (None, None), (1.0, 400)),
        (True, (None, None), (5.0, None)),
        (None, (3.0, 900), (3.0, 900)),
        (False, (None, 900), (1.0, 900)),
        (True, (None, 900), (5.0, 900)),
        (True, (0.5, None), (0.5, None)),
    ],
)
def test_an_app_is_trusted_with_what_its_kind_was_seen_to_stand(
    granted: bool | None, given: tuple[float | None, int | None], allowed: tuple[float, int | None]
) -> None:
    clock = FakeClock()
    memory = InMemoryState(clock)
    if granted is not None:
        note = memory.capabilities("spotify", CREDENTIAL).note
        note(ARTIST_BATCHES, allowed=granted, reason="", at=clock.now())
    per_second, per_day = given
    source = App().up.source(
        memory=memory, careful=True, requests_per_second=per_second, calls_per_day=per_day
    )
    assert source.allowed_pace == allowed
    simulated = App().up.source(memory=memory, requests_per_second=per_second, calls_per_day=per_day)
    assert simulated.allowed_pace == given


def test_the_pace_rises_as_soon_as_more_is_known_to_be_granted() -> None:
    async def test() -> None:
        app = App()
        async with app.up, app.up.source(memory=InMemoryState(app.clock), careful=True) as source:
            await observe(source, "artists", ids(1000))
            assert app.made == {"artists": 20}
            # The second call keeps a second's distance from the first, 18 more come 0.2 s apart.
            assert 18 * 0.2 <= app.clock.elapsed <= 1.1 + 18 * 0.21

    run(test)


def test_an_app_in_development_mode_stops_at_its_budget_with_the_first_artists() -> None:
    async def test() -> None:
        app = App(DEVELOPMENT, fields=frozenset())
        whom = ids(450)
        async with app.up, app.up.source(memory=InMemoryState(app.clock), careful=True) as source:
            seen = await observe(source, "artists", whom)
            assert isinstance(seen.problem, BudgetSpent)
            assert app.made == {"artists": 1, "one-artist": 399}
            assert sorted(artists_of(seen.parsed)) == whom[:399]
            again = await observe(source, "artists", whom[399:])
            assert isinstance(again.problem, BudgetSpent)
            assert app.made.total() == 400, "nothing leaves once the day's calls are used"

    run(test)
