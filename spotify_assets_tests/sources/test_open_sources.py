"""ListenBrainz, Deezer and Last.fm over real HTTP: which questions leave, what lands, and what it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import unquote

import pytest
from pydantic import SecretStr

from spotify_assets.ingest.read import READERS
from spotify_assets.settings import SettingsError, load_settings
from spotify_assets.sources.capabilities import Capabilities, NullCapabilities
from spotify_assets.sources.deezer.source import DeezerSource
from spotify_assets.sources.http.quota import LocalQuota, Quota
from spotify_assets.sources.lastfm.names import id_of, name_of
from spotify_assets.sources.lastfm.source import LastfmSource
from spotify_assets.sources.listenbrainz.parse import NOBODY_LISTENS
from spotify_assets.sources.listenbrainz.source import TOP_TRACKS, ListenBrainzSource
from spotify_assets.sources.observer import UNASKED
from spotify_assets.sources.protocol import CooldownRequired, NotAllowed, SignInRefused, Source, SourceError
from spotify_assets.sources.reasons.reason import ReasonCode
from spotify_assets.sources.records import ArtistSnapshot, NewRelease, TopTrack
from spotify_assets.sources.state import InMemoryState
from spotify_assets_tests.support.servers import deezer_bodies
from spotify_assets_tests.support.servers.deezer_bodies import ARTIST
from spotify_assets_tests.support.servers.upstream import (
    DAY,
    QUICK,
    FakeClock,
    Landed,
    Reply,
    Script,
    Seen,
    Upstream,
)

KEY = "canary-key-0123456789abcdef"


class Make(Protocol):
    def __call__(self, url: str, clock: FakeClock, **changes: Any) -> Source: ...


def listenbrainz(url: str, clock: FakeClock, **changes: Any) -> Source:
    return ListenBrainzSource("listenbrainz", api_url=url, clock=clock, limits=QUICK, **changes)


def deezer(url: str, clock: FakeClock, **changes: Any) -> Source:
    return DeezerSource("deezer", api_url=url, clock=clock, limits=QUICK, **changes)


def lastfm(url: str, clock: FakeClock, **changes: Any) -> Source:
    return LastfmSource(
        "lastfm", api_url=f"{url}/2.0", api_key=SecretStr(KEY), clock=clock, limits=QUICK, **changes
    )


def observe(
    make: Make, script: Script, entity: Any, keys: list[str], **changes: Any
) -> tuple[Source, Upstream, Landed, Any]:
    """Observe through the public door; gives what was sent, what landed, and the usage or the error."""

    async def run() -> tuple[Source, Upstream, Landed, Any]:
        clock, sink = FakeClock(), Landed()
        async with Upstream(script, clock) as upstream:
            source = make(upstream.url, clock, **changes)
            try:
                outcome: Any = await source.observe(entity, DAY, keys, sink)
            except SourceError as error:
                outcome = error
            finally:
                await source.aclose()
        return source, upstream, sink, outcome

    return asyncio.run(run())


def mbid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def counts(seen: Seen) -> Reply:
    asked = json.loads(seen.body)["artist_mbids"]
    return Reply(
        body=[
            {"artist_mbid": each, "total_listen_count": 10 * n, "total_user_count": n}
            if n
            else {"artist_mbid": each, "total_listen_count": None, "total_user_count": None}
            for n, each in enumerate(asked)
        ]
    )


def test_listenbrainz_counts_artists_in_the_fewest_batches() -> None:
    keys = [mbid(n) for n in range(2_001)]
    source, upstream, sink, usage = observe(listenbrainz, counts, "artists", keys, agent="us/1 (+me@home)")
    assert [len(json.loads(seen.body)["artist_mbids"]) for seen in upstream.requests] == [1000, 1000, 1]
    assert usage.calls == source.cost("artists", 2_001) == 3
    assert {seen.headers["user-agent"] for seen in upstream.requests} == {"us/1 (+me@home)"}
    assert all(seen.path == "/1/popularity/artist" for seen in upstream.requests)
    assert "x-simulated-date" not in upstream.requests[0].headers
    parsed = source.parse("artists", sink)
    assert parsed.requested == keys
    assert {missing.key for missing in parsed.missing} == {mbid(0), mbid(1000), mbid(2000)}
    assert parsed.missing[0].reason.code is ReasonCode.NO_DATA
    first = parsed.records[0]
    assert isinstance(first, ArtistSnapshot)
    assert (first.artist_id, first.listeners, first.plays, first.followers) == (mbid(1), 1, 10, None)


def test_listenbrainz_keeps_its_pace_and_obeys_its_headers() -> None:
    def script(seen: Seen) -> Reply:
        spent = len(seen.body) > 0 and json.loads(seen.body)["artist_mbids"][0] == mbid(2000)
        headers = {"X-RateLimit-Remaining": "0" if spent else "7", "X-RateLimit-Reset-In": "9"}
        return Reply(body=counts(seen).body, headers=headers)

    _, upstream, _, usage = observe(listenbrainz, script, "artists", [mbid(n) for n in range(8_000)])
    at = [seen.at for seen in upstream.requests]
    assert usage.throttled == 0
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert max(gaps) >= 8.5, "an empty window is waited out"
    assert at[-1] >= 9 + 6 / 3, "and the pace holds besides"


def test_an_odd_mbid_never_spoils_a_batch() -> None:
    keys = ["nonsense", mbid(7), mbid(8).upper()]
    source, upstream, sink, usage = observe(listenbrainz, counts, "artists", keys)
    assert json.loads(upstream.requests[0].body)["artist_mbids"] == [mbid(7), mbid(8)]
    assert "is no MBID" in usage.failures[0]
    assert [record.artist_id for record in source.parse("artists", sink).records] == [mbid(8)]  # type: ignore[union-attr]


RECORDING = {
    "artist_mbids": [mbid(1)], "artist_name": "Nine Inch Nails", "caa_id": 2546761764,
    "length": 373133, "recording_mbid": mbid(50), "recording_name": "Closer", "release_mbid": mbid(60),
    "release_name": "The Downward Spiral", "total_listen_count": 1380798, "total_user_count": 129454,
}  # fmt: skip


def test_listenbrainz_top_tracks_need_a_token() -> None:
    capabilities = NullCapabilities()

    def nobody(_: Seen) -> Reply:
        raise AssertionError("nothing may be asked")

    source, upstream, sink, usage = observe(
        listenbrainz, nobody, "top_tracks", [f"{mbid(1)}/XW"], capabilities=capabilities
    )
    assert not upstream.requests
    assert source.cost("top_tracks", 5) == 0
    assert usage.failures
    assert [exchange.method for exchange in sink] == [UNASKED]
    parsed = source.parse("top_tracks", sink)
    assert [missing.key for missing in parsed.missing] == [f"{mbid(1)}/XW"] == parsed.requested
    assert parsed.missing[0].reason.code is ReasonCode.NOT_ASKED
    assert "LISTENBRAINZ_TOKEN" in parsed.missing[0].reason.detail
    assert not capabilities.known()[TOP_TRACKS].allowed

    def script(seen: Seen) -> Reply:
        assert seen.headers["authorization"] == f"Token {KEY}"
        return Reply(body=[RECORDING] * 12 if seen.path.endswith(mbid(1)) else [])

    source, upstream, sink, usage = observe(
        listenbrainz,
        script,
        "top_tracks",
        [mbid(1), mbid(2)],
        capabilities=capabilities,
        token=SecretStr(KEY),
    )
    assert len(upstream.requests) == source.cost("top_tracks", 2) == usage.calls == 2
    assert capabilities.known()[TOP_TRACKS].allowed
    assert KEY not in str(list(sink))
    parsed = source.parse("top_tracks", sink)
    assert parsed.requested == [f"{mbid(1)}/XW", f"{mbid(2)}/XW"]
    assert [(missing.key, missing.reason.code) for missing in parsed.missing] == [
        (f"{mbid(2)}/XW", "no_data")
    ]
    assert len(parsed.records) == 10
    track = parsed.records[2]
    assert isinstance(track, TopTrack)
    assert (track.position, track.market, track.rank_value, track.duration_ms) == (3, "XW", 1380798, 373133)
    assert (track.track_id, track.name, track.album_name) == (mbid(50), "Closer", "The Downward Spiral")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_says_so(status: int) -> None:
    capabilities = NullCapabilities()
    reply = Reply(status, {"code": status, "error": "Invalid authorization token."})
    *_, error = observe(
        listenbrainz,
        lambda seen: reply if seen.method == "GET" else Reply(body=[]),
        "top_tracks",
        [mbid(1)],
        token=SecretStr(KEY),
        capabilities=capabilities,
    )
    assert isinstance(error, SignInRefused if status == 401 else NotAllowed)
    assert KEY not in str(error)
    noted = capabilities.known()[TOP_TRACKS]
    assert not noted.allowed
    assert str(status) in noted.reason
    assert KEY not in noted.reason


BAD_ACTORS = (
    "Due to bad actors and AI scrapers causing undue traffic on our sites, you need to provide an Auth token "
    "for this endpoint. Sorry for this mess."
)
WANTED = Reply(401, {"code": 401, "error": BAD_ACTORS})
OFF = "Popularity API currently disabled due to high load on the server. Please try again later."
DISABLED = Reply(500, {"code": 500, "error": OFF})


@pytest.mark.parametrize("entity", ["artists", "top_tracks", "new_releases"])
def test_listenbrainz_gets_the_token_with_every_call_and_a_refusal_names_the_setting(entity: Any) -> None:
    def script(seen: Seen) -> Reply:
        return WANTED if seen.headers.get("authorization") != f"Token {KEY}" else Reply(body=[])

    _, upstream, _, outcome = observe(listenbrainz, script, entity, [mbid(1)], token=SecretStr(KEY))
    assert [seen.headers["authorization"] for seen in upstream.requests] == [f"Token {KEY}"]
    assert not isinstance(outcome, SourceError)
    *_, outcome = observe(listenbrainz, script, entity, [mbid(1)], token=SecretStr("another-one"))
    assert isinstance(outcome, SignInRefused)
    assert "check LISTENBRAINZ_TOKEN" in str(outcome)
    if entity != "top_tracks":
        source, _, sink, outcome = observe(listenbrainz, script, entity, [mbid(1)])
        assert isinstance(outcome, SignInRefused)
        assert "set LISTENBRAINZ_TOKEN" in str(outcome)
        (missing,) = source.parse(entity, sink).missing
        assert "provide an Auth token for this endpoint" in missing.reason.detail


def test_counts_that_are_switched_off_say_nothing_about_artists() -> None:
    def nobody(seen: Seen) -> Reply:
        asked = json.loads(seen.body)["artist_mbids"]
        return Reply(body=[
            {"artist_mbid": each, "total_listen_count": None, "total_user_count": None} for each in asked
        ])  # fmt: skip

    for script in (nobody, lambda _: DISABLED, lambda _: Reply(200, DISABLED.body)):
        source, _, sink, _ = observe(listenbrainz, script, "artists", [mbid(1), mbid(2)])
        parsed = source.parse("artists", sink)
        assert [missing.reason.code for missing in parsed.missing] == ["failed"] * 2
        assert all(missing.reason.is_retryable(asked_again=True) for missing in parsed.missing)
    source, _, sink, _ = observe(listenbrainz, nobody, "artists", [mbid(1)])
    assert source.parse("artists", sink).missing[0].reason == NOBODY_LISTENS, "one artist may well be unheard"


def test_what_was_never_asked_is_not_said_to_be_allowed() -> None:
    capabilities = NullCapabilities()
    *_, usage = observe(
        listenbrainz, lambda _: Reply(500, {}), "top_tracks", ["odd"], token=SecretStr(KEY),
        capabilities=capabilities,
    )  # fmt: skip
    assert usage.failures
    assert capabilities.known() == {}


def test_a_token_gives_listenbrainz_no_other_allowance() -> None:
    class Asked(InMemoryState):
        def __init__(self) -> None:
            super().__init__()
            self.credentials: dict[str, str] = {}

        def quota(self, upstream: str, credential: str) -> Quota:
            self.credentials["allowance"] = credential
            return super().quota(upstream, credential)

        def capabilities(self, upstream: str, credential: str) -> Capabilities:
            self.credentials["capabilities"] = credential
            return super().capabilities(upstream, credential)

    asked = []
    for token in (None, KEY):
        memory = Asked()
        settings = load_settings(listenbrainz_token=token)
        source = ListenBrainzSource.from_settings(settings, memory, name="listenbrainz")
        asyncio.run(source.aclose())
        asked.append(memory.credentials)
    assert asked[0] == {"allowance": "none", "capabilities": "none"}
    assert asked[1]["allowance"] == "none", "its limit is per address"
    assert asked[1]["capabilities"] not in {"none", KEY}


def test_listenbrainz_fresh_releases_are_one_call() -> None:
    release = {
        "artist_credit_name": "Röyksopp", "artist_mbids": [mbid(3)], "caa_id": 5, "caa_release_mbid": mbid(4),
        "release_date": "2026-11-19", "release_group_mbid": mbid(5), "release_group_primary_type": "Album",
        "release_mbid": mbid(6), "release_name": "Profound Mysteries", "listen_count": 0,
    }  # fmt: skip
    body = {"payload": {"releases": [release, release, "odd"], "total_count": 3}}
    source, upstream, sink, usage = observe(listenbrainz, lambda _: Reply(body=body), "new_releases", [])
    assert usage.calls == source.cost("new_releases", 99) == 1
    assert upstream.requests[0].target == "/1/explore/fresh-releases/?days=14&sort=release_date"
    assert source.expected("new_releases", ["x"]) == []
    parsed = source.parse("new_releases", sink)
    assert parsed.requested == [mbid(5)]
    (record,) = parsed.records
    assert isinstance(record, NewRelease)
    assert (record.album_id, record.album_type, record.artist_names) == (mbid(5), "album", ["Röyksopp"])
    assert str(record.release_date) == "2026-11-19"
    assert record.image_url == f"https://coverartarchive.org/release/{mbid(4)}/5-500.jpg"
    assert len(parsed.rejected) == 1
    *_, sink, _error = observe(listenbrainz, lambda _: Reply(500, {}), "new_releases", [])
    assert [missing.key for missing in source.parse("new_releases", sink).missing] == ["fresh releases"]


def replay(seen: Seen) -> Reply:
    bodies: dict[str, Any] = {
        f"/artist/{ARTIST}": deezer_bodies.artist(),
        f"/artist/{ARTIST}/top": deezer_bodies.top(),
        f"/artist/{ARTIST}/albums": deezer_bodies.albums(),
        "/editorial/0/releases": deezer_bodies.editorial_releases(),
    }
    if "index" in seen.query:
        return Reply(body={"data": [], "total": 0})
    return Reply(body=bodies.get(seen.path, deezer_bodies.NO_DATA))


def test_deezer_reads_bodies_in_its_form() -> None:
    source, upstream, sink, usage = observe(deezer, replay, "artists", ["4242", "404", "odd"])
    assert usage.calls == 2 == source.cost("artists", 2)
    assert "none of Deezer's" in usage.failures[0]
    parsed = source.parse("artists", sink)
    assert parsed.requested == ["4242", "404"]
    assert [(m.key, m.reason.code) for m in parsed.missing] == [("404", "failed")]
    assert "error 800: no data" in parsed.missing[0].reason.detail
    (record,) = parsed.records
    assert isinstance(record, ArtistSnapshot)
    assert (record.artist_id, record.name, record.followers) == ("4242", "Paper Lantern", 1_234_567)
    assert record.listeners is None
    assert str(record.image_url).endswith("1000x1000-000000-80-0-0.jpg")

    source, upstream, sink, _ = observe(deezer, replay, "top_tracks", ["4242/XW", "404"])
    assert upstream.requests[0].query == {"limit": "10"}
    parsed = source.parse("top_tracks", sink)
    assert parsed.requested == ["4242/XW", "404/XW"]
    assert len(parsed.missing) == 1
    track = parsed.records[0]
    assert isinstance(track, TopTrack)
    assert (track.track_id, track.rank_value, track.duration_ms) == ("9001", 800_000, 201_000)
    assert (track.album_id, track.album_name, track.explicit) == ("500", "Album 0", False)
    assert track.primary_artist_id == "4242"


def test_deezer_releases_come_from_artists_and_editors() -> None:
    keys = DeezerSource("deezer", api_url="http://localhost").expected("new_releases", ["4242", "404"])
    assert keys == ["artist:4242", "artist:404", "editorial:0"]
    source, upstream, sink, usage = observe(deezer, replay, "new_releases", keys)
    assert not usage.failures
    assert {seen.path for seen in upstream.requests} == {
        "/artist/4242/albums", "/artist/404/albums", "/editorial/0/releases"
    }  # fmt: skip
    parsed = source.parse("new_releases", sink)
    assert parsed.missing == []
    assert set(keys) <= set(parsed.requested)
    assert len(parsed.records) == 4, "the artist's albums are old, the editors' list counts whole"
    release = parsed.records[0]
    assert isinstance(release, NewRelease)
    assert (release.album_id, release.artist_ids, release.artist_names) == (
        "700", ["7100"], ["Newcomer 0 (FR)"]
    )  # fmt: skip
    assert release.image_url


def albums(*days: str, first: int = 1) -> list[dict[str, Any]]:
    return [
        {"id": n, "title": f"album {n}", "release_date": day, "record_type": "single"}
        for n, day in enumerate(days, first)
    ]


def test_deezer_keeps_an_artists_recent_and_coming_albums_of_all_pages() -> None:
    def script(seen: Seen) -> Reply:
        if seen.path == "/artist/8/albums" and seen.query.get("index") == "100":
            return Reply(body={"data": albums("2026-11-19", first=201)})
        if seen.path == "/artist/8/albums":
            days = ("2026-08-21", "2026-08-22", "2027-01-05", "0000-00-00", "2013")
            elsewhere = "https://elsewhere.example/steal"
            return Reply(body={"data": albums(*days), "next": elsewhere})
        return Reply(body={"data": [{"id": 3, "title": "album 3", "artist": {"id": 8, "name": "Eight"}}]})

    source, _, sink, usage = observe(deezer, script, "new_releases", ["artist:8", "editorial:0"])
    assert usage.calls == 3, "a next page is asked for here, wherever it is said to be"
    parsed = source.parse("new_releases", sink)
    found = {record.album_id: record for record in parsed.records if isinstance(record, NewRelease)}
    assert set(found) == {"2", "3", "201"}
    assert found["201"].artist_ids == ["8"]
    assert (found["3"].artist_names, found["3"].album_type) == (["Eight"], "single"), (
        "both lists say something"
    )


def test_a_page_that_never_came_leaves_the_artist_open() -> None:
    def script(seen: Seen) -> Reply:
        if "index" in seen.query:
            return Reply(500, {})
        return Reply(body={"data": albums("2026-11-19"), "next": "x"})

    source, _, sink, _ = observe(deezer, script, "new_releases", ["artist:8"])
    parsed = source.parse("new_releases", sink)
    assert [missing.key for missing in parsed.missing] == ["artist:8"]
    assert len(parsed.records) == 1


def test_deezers_quota_error_inside_200_is_waited_out() -> None:
    calls: list[float] = []

    def script(seen: Seen) -> Reply:
        calls.append(seen.at)
        if len(calls) == 1:
            error = {"type": "Exception", "message": "Quota limit exceeded", "code": 4}
            return Reply(body={"error": error})
        return Reply(body={"id": 1, "name": "One", "nb_fan": 7})

    source, _, sink, usage = observe(deezer, script, "artists", ["1"])
    assert (usage.calls, usage.throttled, usage.failures) == (2, 1, ())
    assert calls[1] - calls[0] >= 1
    parsed = source.parse("artists", sink)
    assert parsed.missing == []
    assert len(parsed.records) == 1


def test_deezer_stays_under_50_calls_in_5_seconds_and_uses_them() -> None:
    def script(seen: Seen) -> Reply:
        return Reply(body={"id": int(seen.path.rpartition("/")[2]), "nb_fan": 1})

    keys = [str(n) for n in range(1, 301)]

    async def run() -> list[float]:
        clock = FakeClock()
        async with Upstream(script, clock) as upstream:
            source = DeezerSource("deezer", api_url=upstream.url, clock=clock, quota=LocalQuota(clock=clock))
            await source.observe("artists", DAY, keys, Landed())
            await source.aclose()
        return [seen.at for seen in upstream.requests]

    at = asyncio.run(run())
    assert 0.9 * 10 <= (len(at) - 1) / (at[-1] - at[0]) <= 10


INFO = {
    "artist": {
        "name": "Björk", "mbid": mbid(9), "url": "https://www.last.fm/music/Bj%C3%B6rk",
        "stats": {"listeners": "4126891", "playcount": "312345678"},
        "tags": {"tag": [{"name": "electronic"}, {"name": "icelandic"}]},
    }
}  # fmt: skip
TOP = {
    "toptracks": {
        "track": {
            "name": "Hyperballad", "playcount": "11458201", "listeners": "1182309", "mbid": "",
            "artist": {"name": "Björk", "mbid": mbid(9)}, "@attr": {"rank": "1"},
        },
        "@attr": {"artist": "Björk", "total": "1"},
    }
}  # fmt: skip


def lastfm_script(seen: Seen) -> Reply:
    assert seen.path == "/2.0/"
    assert seen.query["api_key"] == KEY
    assert seen.query["format"] == "json"
    if seen.query["artist"] == "Nobody & Nothing":
        return Reply(404, {"error": 6, "message": "The artist you supplied could not be found", "links": []})
    return Reply(body=INFO if seen.query["method"] == "artist.getinfo" else TOP)


def test_lastfm_counts_come_as_texts_and_the_key_never_lands() -> None:
    keys = [id_of("bjork"), id_of("Nobody & Nothing")]
    source, upstream, sink, usage = observe(lastfm, lastfm_script, "artists", keys)
    assert upstream.requests[0].query["autocorrect"] == "1"
    assert usage.calls == source.cost("artists", 2) == 2
    assert KEY not in repr(list(sink))
    assert "api_key" not in repr(list(sink))
    parsed = source.parse("artists", sink)
    (record,) = parsed.records
    assert isinstance(record, ArtistSnapshot)
    assert (record.artist_id, record.requested_id, record.name) == ("Bj%C3%B6rk", "bjork", "Björk")
    assert (record.listeners, record.plays, record.followers) == (4126891, 312345678, None)
    assert record.genres == ["electronic", "icelandic"]
    assert [missing.key for missing in parsed.missing] == [id_of("Nobody & Nothing")]
    assert "not be found" in parsed.missing[0].reason.detail

    source, _, sink, _ = observe(lastfm, lastfm_script, "top_tracks", [f"{id_of('Björk')}/XW"])
    (track,) = source.parse("top_tracks", sink).records
    assert isinstance(track, TopTrack)
    assert (track.artist_id, track.position, track.rank_value) == ("Bj%C3%B6rk", 1, 11458201)
    assert (track.track_id, track.primary_artist_id) == (None, "Bj%C3%B6rk")
    assert source.expected("new_releases", keys) == []
    assert source.cost("new_releases", 5) == 0


def test_lastfm_errors_mean_what_its_page_says() -> None:
    bad = Reply(body={"error": 10, "message": "Invalid API key"})
    *_, sink, error = observe(lastfm, lambda _: bad, "artists", ["A"])
    assert isinstance(error, SignInRefused | NotAllowed)
    assert KEY not in str(error)
    assert KEY not in repr(list(sink))

    calls: list[int] = []

    def busy(_: Seen) -> Reply:
        calls.append(1)
        return Reply(body={"error": 29, "message": "Rate limit exceeded"} if len(calls) == 1 else INFO)

    *_, usage = observe(lastfm, busy, "artists", ["A"])
    assert usage.throttled == 1
    assert not usage.failures


@pytest.mark.parametrize("name", ["Daft Punk", "Björk", "AC/DC", "+/-", "100%", "宇多田ヒカル", "a&b=c#d?"])
def test_a_lastfm_id_is_ascii_and_stands_for_its_name(name: str) -> None:
    assert name_of(id_of(name)) == name
    assert id_of(name).isascii()
    assert " " not in id_of(name)
    assert "/" not in id_of(name)
    _, upstream, _, _ = observe(lastfm, lastfm_script, "artists", [id_of(name)])
    assert unquote(upstream.requests[0].query["artist"]) == unquote(name)


@pytest.mark.parametrize("make", [listenbrainz, deezer, lastfm])
def test_a_long_pause_ends_the_observation_and_is_remembered(make: Make) -> None:
    reply = Reply(429, {}, {"Retry-After": "86400"})
    key = mbid(1) if make is listenbrainz else "1"
    source, upstream, sink, error = observe(make, lambda _: reply, "artists", [key])
    assert isinstance(error, CooldownRequired)
    assert len(upstream.requests) == 1
    assert [missing.key for missing in source.parse("artists", sink).missing] == [key]


@pytest.mark.parametrize(
    ("name", "make", "path"),
    [
        ("simulated-listenbrainz", ListenBrainzSource.from_settings, "/listenbrainz/1/popularity/artist"),
        ("simulated-deezer", DeezerSource.from_settings, "/deezer/artist/1"),
        ("simulated-lastfm", LastfmSource.from_settings, "/lastfm/2.0/"),
    ],
)
def test_the_simulated_twin_speaks_the_same_and_names_its_day(
    name: str, make: Callable[..., Source], path: str
) -> None:
    async def run() -> Upstream:
        async with Upstream(lambda _: Reply(body=[])) as upstream:
            settings = load_settings(simulator_url=upstream.url, spotify_assets_contact="me@example.org")
            source = make(settings, InMemoryState(), name=name, run_id="r")
            assert source.name == name
            assert source.namespace.startswith("simulated-")
            assert source.can_observe_past
            sink = Landed()
            await source.observe("artists", DAY, [mbid(1) if "listen" in name else "1"], sink)
            await source.aclose()
            assert sink[0].observed_at.date() == DAY
        return upstream

    (seen,) = asyncio.run(run()).requests
    assert seen.path == path
    assert seen.headers["x-simulated-date"] == DAY.isoformat()
    assert "me@example.org" in seen.headers["user-agent"]
    with pytest.raises(SettingsError, match="SIMULATOR_URL"):
        make(load_settings(), InMemoryState(), name=name)


def test_lastfm_without_a_key_says_where_to_get_one() -> None:
    with pytest.raises(SettingsError, match="LASTFM_API_KEY"):
        LastfmSource.from_settings(load_settings(), InMemoryState(), name="lastfm")


def test_every_source_has_a_reader() -> None:
    from spotify_assets.settings import LIVE_SOURCES, SIMULATED_SOURCES

    assert set(READERS) == {*LIVE_SOURCES, *SIMULATED_SOURCES}
