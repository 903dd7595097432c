"""A 403 is believed only as the upstream's own answer, and only while other calls are answered."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from spotify_assets.sources.capabilities import NullCapabilities
from spotify_assets.sources.protocol import (
    ARTIST_ENTITIES,
    Entity,
    NotAllowed,
    RefusedAltogether,
    SourceError,
    UpstreamUnavailable,
    Usage,
)
from spotify_assets.sources.spotify.access import TOP_TRACKS
from spotify_assets.sources.state import InMemoryState
from spotify_assets_tests.sources.spotify.test_access import DEVELOPMENT, EVERY_CALL, App, known, observe, run
from spotify_assets_tests.sources.test_open_sources import deezer, lastfm, listenbrainz, mbid
from spotify_assets_tests.sources.test_open_sources import observe as observe_open
from spotify_assets_tests.support.servers.upstream import Reply, Seen, extended, ids

FOREIGN: dict[str, Reply] = {
    "front end": Reply(403, b"<!doctype html><title>403</title>Your client does not have permission"),
    "CDN": Reply(
        403, b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>", {"content-type": "text/html"}
    ),
    "API gateway": Reply(403, {"message": "Forbidden"}),
    "framework": Reply(403, {"timestamp": 1, "status": 403, "error": "Forbidden", "path": "/v1"}),
    "cloud": Reply(403, {"error": {"code": 403, "message": "Denied", "status": "PERMISSION_DENIED"}}),
    "plain text": Reply(403, b"Forbidden"),
    "nothing": Reply(403, b""),
    "list": Reply(403, ["Forbidden"]),
    "another status": Reply(403, {"error": {"status": 401, "message": "Forbidden"}}),
}
OWN_WORDS = ("Forbidden", "Spotify is unavailable in this country", "User not registered in the dashboard")


def whole(parsed: Any) -> bool:
    return bool(parsed.records) and not parsed.missing


@pytest.mark.parametrize(
    ("entity", "whose"),
    [*(("top_tracks", whose) for whose in FOREIGN), ("artists", "front end"), ("new_releases", "front end")],
)
def test_a_403_of_somebody_else_passes(entity: Entity, whose: str) -> None:
    async def test() -> None:
        strikes = [FOREIGN[whose]] * 2
        app = App(before=lambda _: strikes.pop() if strikes else None)
        memory = InMemoryState(app.clock)
        async with app.up, app.up.source(memory=memory) as source:
            seen = await observe(source, entity, ids(3))
            assert seen.problem is None
            assert not strikes
            assert whole(seen.parsed)
            assert source.access.mode == "extended"

    run(test)


@pytest.mark.parametrize("granted", [False, True])
@pytest.mark.parametrize("entity", ARTIST_ENTITIES)
def test_a_403_of_somebody_else_that_stays_is_no_word_about_the_app(entity: Entity, granted: bool) -> None:
    async def test() -> None:
        app = App(before=lambda _: FOREIGN["front end"])
        memory = extended(app.clock) if granted else InMemoryState(app.clock)
        before = known(memory)
        async with app.up, app.up.source(memory=memory) as source:
            seen = await observe(source, entity, ids(3))
            assert isinstance(seen.problem, UpstreamUnavailable)
            assert "HTTP 403 that is not spotify's own answer" in str(seen.problem)
            assert known(memory) == before
            app.before = lambda _: None
            assert whole((await observe(source, entity, ids(3))).parsed)

    run(test)


@pytest.mark.parametrize("words", OWN_WORDS)
@pytest.mark.parametrize("granted", [False, True])
@pytest.mark.parametrize("entity", [*ARTIST_ENTITIES, "album_tracks", "track_details", "audio_features"])
def test_the_same_403_to_every_call_says_nothing(entity: Entity, granted: bool, words: str) -> None:
    async def test() -> None:
        app = App(before=lambda _: Reply(403, {"error": {"status": 403, "message": words}}))
        memory = extended(app.clock) if granted else InMemoryState(app.clock)
        before = known(memory)
        async with app.up, app.up.source(memory=memory, concurrency=2) as source:
            seen = await observe(source, entity, ids(60))
            assert isinstance(seen.problem, RefusedAltogether)
            assert words in str(seen.problem)
            assert app.made.total() < 10
            assert known(memory) == before

    run(test)


def test_what_is_refused_from_some_moment_on_is_refused_altogether() -> None:
    async def test() -> None:
        def late(seen: Seen) -> Reply | None:
            blocked = len(app.up.requests) > 3
            return Reply(403, {"error": {"status": 403, "message": "Blocked"}}) if blocked else None

        app = App(before=late)
        memory = extended(app.clock)
        before = known(memory)
        async with app.up, app.up.source(memory=memory, concurrency=1) as source:
            seen = await observe(source, "top_tracks", ids(9))
            assert isinstance(seen.problem, RefusedAltogether)
            assert len(seen.parsed.records) == 3, "what came before is kept"
            assert known(memory)[TOP_TRACKS].allowed == before[TOP_TRACKS].allowed

    run(test)


@pytest.mark.parametrize("refused", [1, 5, 19])
@pytest.mark.parametrize("entity", ["artists", "top_tracks"])
def test_a_refusal_of_one_artist_costs_no_other(entity: Entity, refused: int) -> None:
    async def test() -> None:
        whom = ids(20)
        forbidden = Reply(403, {"error": {"status": 403, "message": "Forbidden"}})
        app = App(before=lambda seen: forbidden if whom[refused] in seen.target else None)
        memory = InMemoryState(app.clock)
        async with app.up, app.up.source(memory=memory) as source:
            seen = await observe(source, entity, whom)
            assert seen.problem is None
            assert [one.key[:22] for one in seen.parsed.missing] == [whom[refused]]
            found = {getattr(record, "artist_id", "") for record in seen.parsed.records}
            assert found == {*whom} - {whom[refused]}
            if entity == "top_tracks":
                assert known(memory)[TOP_TRACKS].allowed
                assert app.made["top-tracks"] <= 20 + 1

    run(test)


def test_what_was_learnt_wrongly_is_asked_anew() -> None:
    async def test() -> None:
        app = App(DEVELOPMENT, fields=frozenset())
        memory = InMemoryState(app.clock)
        (artist,) = ids(1)
        async with app.up, app.up.source(memory=memory) as source:
            await source.probe(artist)
            modes: list[str] = [source.access.mode]
            app.refused, app.fields = frozenset(), frozenset({"popularity"})
            await source.probe(artist)
            assert source.access.may(TOP_TRACKS) is False
            await source.probe(artist, again=True)
            modes.append(source.access.mode)
            assert modes == ["development", "extended"]
            # Nothing that is refused with everything else is learnt, nor forgotten.
            before = known(memory)
            app.refused = EVERY_CALL | {"audio-features"}
            with pytest.raises(SourceError):
                await source.probe(artist, again=True)
            assert {name: one.allowed for name, one in known(memory).items()} == {
                name: one.allowed for name, one in before.items()
            }

    run(test)


DENIED = {"error": {"type": "PermissionException", "message": "Permission denied", "code": 200}}
UPSTREAMS: dict[str, tuple[Any, dict[str, Any], Reply, Reply]] = {
    "deezer": (
        deezer,
        {},
        Reply(200, DENIED),
        Reply(body={"id": 1, "name": "A", "nb_fan": 5, "data": []}),
    ),
    "listenbrainz": (
        listenbrainz,
        {"token": SecretStr("t")},
        Reply(403, {"code": 403, "error": "You are not allowed"}),
        Reply(body=[]),
    ),
    "lastfm": (
        lastfm,
        {},
        Reply(403, {"error": 15, "message": "This item is not available"}),
        Reply(body={"artist": {"name": "A"}}),
    ),
}


def keys_of(name: str) -> list[str]:
    return [mbid(1)] if name == "listenbrainz" else ["1"]


@pytest.mark.parametrize("name", list(UPSTREAMS))
@pytest.mark.parametrize("altogether", [False, True])
def test_open_sources_refuse_a_call_or_everything(name: str, altogether: bool) -> None:
    source, more, refusal, answer = UPSTREAMS[name]
    capabilities = NullCapabilities()
    if name == "listenbrainz":
        more = {**more, "capabilities": capabilities}
    first: list[str] = []

    def script(seen: Seen) -> Reply:
        first.append(seen.target)
        return refusal if altogether or len(first) == 1 else answer

    *_, outcome = observe_open(source, script, "top_tracks", keys_of(name), **more)
    assert type(outcome) is (RefusedAltogether if altogether else NotAllowed)
    assert len(first) == 2, "one question, and one that everybody may ask"
    if name == "listenbrainz":
        assert [one.allowed for one in capabilities.known().values()] == ([] if altogether else [False])


@pytest.mark.parametrize("name", list(UPSTREAMS))
@pytest.mark.parametrize("whose", ["CDN", "API gateway", "framework", "cloud", "plain text"])
def test_a_403_on_the_way_to_an_open_source_passes(name: str, whose: str) -> None:
    source, more, _, answer = UPSTREAMS[name]
    asked: list[Seen] = []

    def script(seen: Seen) -> Reply:
        asked.append(seen)
        return FOREIGN[whose] if len(asked) < 3 else answer

    *_, outcome = observe_open(source, script, "top_tracks", keys_of(name), **more)
    assert isinstance(outcome, Usage)
    assert outcome.failures == ()
    assert outcome.retries == 2


@pytest.mark.parametrize("refused", [0, 4, 19])
def test_an_open_source_that_refuses_one_artist_is_asked_about_the_others(refused: int) -> None:
    def script(seen: Seen) -> Reply:
        number = int(seen.path.rpartition("/")[2])
        denied = number == 100 + refused
        return Reply(200, DENIED) if denied else Reply(body={"id": number, "name": "A", "nb_fan": 5})

    whom = [str(100 + number) for number in range(20)]
    source, upstream, landed, outcome = observe_open(deezer, script, "artists", whom)
    assert isinstance(outcome, Usage)
    assert len(outcome.failures) == 1
    assert len(upstream.requests) == 20
    parsed = source.parse("artists", landed)
    assert [one.key for one in parsed.missing] == [whom[refused]]
    assert len(parsed.records) == 19


def test_an_open_source_that_refuses_from_some_moment_on_is_left_alone() -> None:
    asked: list[Seen] = []

    def script(seen: Seen) -> Reply:
        asked.append(seen)
        return Reply(200, DENIED) if len(asked) > 8 else Reply(body={"id": 1, "name": "A", "nb_fan": 5})

    *_, outcome = observe_open(deezer, script, "artists", [str(100 + number) for number in range(90)])
    assert type(outcome) is RefusedAltogether
    assert len(asked) < 8 + 8 + 4
