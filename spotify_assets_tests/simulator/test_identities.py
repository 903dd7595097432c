"""MusicBrainz, Wikidata and Last.fm over the same artists: who is who, who may ask, and how fast."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.simulator.test_open_services import SIZE, WORLD, client_of
from spotify_assets_tests.support.simulator_client import DAY
from spotify_assets_tests.support.simulator_server import running

CATALOGUE = WORLD.catalogue
LINKED = [index for index in range(SIZE) if WORLD.ties(index).linked and not WORLD.ties(index).shared]
PROPERTIES = {"spotify": "P1902", "deezer": "P2722", "mbid": "P434"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(SimulatorConfig(artists=SIZE)) as base, client_of(base) as opened:
        yield opened


def one(**wanted: bool) -> int:
    return next(
        index
        for index in range(SIZE)
        if all(getattr(WORLD.ties(index), name) == value for name, value in wanted.items())
    )


def whose(client: httpx.Client, page: str) -> httpx.Response:
    params = {"resource": page, "inc": "artist-rels", "fmt": "json"}
    return client.get("/musicbrainz/ws/2/url", params=params)


def spotify_page(index: int) -> str:
    return f"https://open.spotify.com/artist/{CATALOGUE.artist_id(index)}"


def stated(client: httpx.Client, given: str, ids: list[str], optional: bool = True) -> list[dict[str, str]]:
    others = [name for name in PROPERTIES if name != given]
    lines = [f"?item wdt:{PROPERTIES[name]} ?{name} ." for name in others]
    body = " ".join(f"OPTIONAL {{ {line} }}" if optional else line for line in lines)
    values = " ".join(f'"{ident}"' for ident in ids)
    query = (
        f"SELECT ?item {' '.join(f'?{name}' for name in PROPERTIES)} WHERE {{ "
        f"VALUES ?{given} {{ {values} }} ?item wdt:{PROPERTIES[given]} ?{given} . {body} }}"
    )
    reply = client.get("/wikidata/sparql", params={"query": query, "format": "json"})
    assert reply.headers["content-type"].startswith("application/sparql-results+json")
    rows = reply.json()["results"]["bindings"]
    return [{name: term["value"] for name, term in row.items()} for row in rows]


def test_a_spotify_page_leads_to_an_mbid_or_to_404(client: httpx.Client) -> None:
    found = whose(client, spotify_page(LINKED[0])).json()
    relation = found["relations"][0]
    assert (relation["target-type"], relation["direction"]) == ("artist", "backward")
    assert relation["artist"]["id"] == WORLD.mbid(LINKED[0])
    assert relation["artist"]["name"] == CATALOGUE.name(LINKED[0])
    for page in (
        spotify_page(one(linked=False, wikidata=True)),
        spotify_page(one(musicbrainz=False)),
        f"https://open.spotify.com/artist/{'0' * 22}",
        "https://example.org/",
    ):
        assert whose(client, page).status_code == 404
    shared = next((index for index in range(SIZE) if WORLD.ties(index).shared), None)
    if shared is not None:
        assert len(whose(client, spotify_page(shared)).json()["relations"]) == 2


def test_an_mbid_leads_to_pages(client: httpx.Client) -> None:
    index = one(deezer_linked=True, twice=True, lastfm=True)
    found = client.get(f"/musicbrainz/ws/2/artist/{WORLD.mbid(index)}?inc=url-rels&fmt=json").json()
    pages = {relation["url"]["resource"]: relation["ended"] for relation in found["relations"]}
    first, second = (f"https://www.deezer.com/artist/{ident}" for ident in WORLD.deezer_ids(index))
    assert pages[spotify_page(index)] is pages[first] is False
    assert pages[second] is True
    for page, ended in ((first, False), (second, True)):
        relation = whose(client, page).json()["relations"][0]
        assert (relation["artist"]["id"], relation["ended"]) == (WORLD.mbid(index), ended)
    fans = next(page for page in pages if "last.fm" in page)
    assert whose(client, fans).json()["relations"][0]["artist"]["id"] == WORLD.mbid(index)
    assert "relations" not in client.get(f"/musicbrainz/ws/2/artist/{WORLD.mbid(index)}?fmt=json").json()
    assert client.get("/musicbrainz/ws/2/artist/x?fmt=json").status_code == 400
    stranger = "13dd61c7-ce73-4e97-9f0c-9f0e53144411"
    assert client.get(f"/musicbrainz/ws/2/artist/{stranger}?fmt=json").status_code == 404


def test_many_pages_are_looked_up_in_one_question(client: httpx.Client) -> None:
    pages = [spotify_page(index) for index in LINKED[:3]]
    strangers = [f"https://open.spotify.com/artist/{'0' * 22}", "https://example.org/"]
    params = {"resource": [*pages, *strangers], "inc": "artist-rels", "fmt": "json"}
    found = client.get("/musicbrainz/ws/2/url", params=params).json()
    assert (found["url-count"], found["url-offset"]) == (3, 0)
    assert [one["resource"] for one in found["urls"]] == pages
    assert [one["relations"][0]["artist"]["id"] for one in found["urls"]] == [
        WORLD.mbid(index) for index in LINKED[:3]
    ]
    for resources, status in ((strangers, 404), (pages * 34, 400)):
        reply = client.get("/musicbrainz/ws/2/url", params={"resource": resources, "fmt": "json"})
        assert reply.status_code == status


def test_a_merged_mbid_redirects_to_the_artist_and_sends_it_in_full(client: httpx.Client) -> None:
    index = one(musicbrainz=True, linked=True)
    path = f"/musicbrainz/ws/2/artist/{WORLD.merged_mbid(index)}?inc=url-rels&fmt=json"
    reply = client.get(path)
    assert reply.status_code == 301
    assert reply.json()["id"] == WORLD.mbid(index)
    assert reply.json()["relations"]
    assert client.get(reply.headers["Location"]).json() == reply.json()
    counts = client.post(
        "/listenbrainz/1/popularity/artist", json={"artist_mbids": [WORLD.merged_mbid(index)]}
    ).json()
    assert counts[0]["total_listen_count"] is None
    stale = one(wikidata=True, stale=True)
    (row,) = stated(client, "spotify", [CATALOGUE.artist_id(stale)])[:1]
    assert row["mbid"] == WORLD.merged_mbid(stale)


def test_search_by_name(client: httpx.Client) -> None:
    index = one(musicbrainz=True, linked=False, wikidata=False)
    name = CATALOGUE.name(index)
    for query in (f'artist:"{name}"', f"artist:({name.lower()})", name):
        found = client.get("/musicbrainz/ws/2/artist", params={"query": query, "fmt": "json"}).json()
        assert (found["artists"][0]["id"], found["artists"][0]["score"]) == (WORLD.mbid(index), 100)
        assert "disambiguation" not in found["artists"][0]
        assert found["artists"][0]["life-span"] == {"ended": None}
    absent = CATALOGUE.name(one(musicbrainz=False))
    found = client.get("/musicbrainz/ws/2/artist", params={"query": absent, "fmt": "json"}).json()
    assert absent not in {artist["name"] for artist in found["artists"]}


def test_who_does_not_say_whom_to_write_to_is_refused(client: httpx.Client) -> None:
    page = {"resource": spotify_page(LINKED[0]), "fmt": "json"}
    for agent in ("python-httpx/0.28", "app/1.0", "app/1.0 (nobody)"):
        reply = client.get("/wikidata/sparql", params={"query": "SELECT"}, headers={"User-Agent": agent})
        assert (reply.status_code, reply.headers["content-type"]) == (403, "text/plain; charset=utf-8")
        assert reply.text.startswith("Please set a user-agent and respect our robot policy")
        assert client.get("/musicbrainz/ws/2/url", params=page, headers={"User-Agent": agent}).is_success
    reply = client.get("/musicbrainz/ws/2/url", params=page, headers={"User-Agent": ""})
    assert reply.status_code == 403
    assert "has not identified itself" in reply.json()["error"]
    assert client.get("/musicbrainz/ws/2/url", params={"resource": "x"}).status_code == 406


def test_limits_are_switches() -> None:
    services = frozenset({"musicbrainz", "lastfm", "wikidata"})
    config = SimulatorConfig(artists=20, limited=services, limit_scale=0.5)
    with running(config) as base, client_of(base) as client:
        page = f"https://open.spotify.com/artist/{CATALOGUE.artist_id(0)}"
        found, refused = (whose(client, page) for _ in range(2))
        assert (found.status_code, refused.status_code) == (200, 503)
        assert "X-RateLimit-Limit" in found.headers
        assert "exceeding the allowable rate limit. Please see" in refused.json()["error"]
        assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Zone"][:5]) == ("1", "ws ip")
        time.sleep(0.55)
        assert whose(client, page).status_code == 200
        asked = "/lastfm/2.0/?method=artist.search&artist=the&api_key=k&format=json"
        answers = [client.get(asked).json() for _ in range(6)]
        assert [answer.get("error") for answer in answers] == [None] * 5 + [29]
        replies = [client.get("/wikidata/sparql", params={"query": ""}) for _ in range(61)]
        assert [reply.status_code for reply in replies] == [400] * 60 + [429]
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert replies[-1].headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError, match="limited"):
        SimulatorConfig(limited=frozenset({"tidal"}))


def test_wikidata_states_ids_sometimes_several(client: httpx.Client) -> None:
    twice, plain = one(wikidata=True, twice=True), one(wikidata=True, twice=False, deezer=True)
    silent, lost = one(wikidata=False), one(wikidata=True, deezer=False)
    ids = [CATALOGUE.artist_id(index) for index in (twice, silent, plain, lost)]
    rows = stated(client, "spotify", ids)
    assert [row["deezer"] for row in rows if row["spotify"] == ids[0]] == [
        str(ident) for ident in WORLD.deezer_ids(twice)
    ]
    assert {row["mbid"] for row in rows if row["spotify"] == ids[2]} == {WORLD.mbid(plain)}
    assert all(row["item"].startswith("http://www.wikidata.org/entity/Q") for row in rows)
    assert ids[1] not in {row["spotify"] for row in rows}
    assert [row.get("deezer") for row in rows if row["spotify"] == ids[3]] == [None]
    assert ids[3] not in {row["spotify"] for row in stated(client, "spotify", ids, optional=False)}
    for given, ident in (("mbid", str(WORLD.mbid(plain))), ("deezer", str(WORLD.deezer_ids(plain)[0]))):
        assert stated(client, given, [ident])[0]["spotify"] == ids[2]
    assert client.get("/wikidata/sparql", params={"query": "ASK {}"}).status_code == 400
    query = 'SELECT * WHERE { VALUES ?s { "x" } ?item wdt:P1902 ?s }'
    assert client.post("/wikidata/sparql", data={"query": query}).json()["results"]["bindings"] == []


def lastfm(client: httpx.Client, method: str, **params: Any) -> httpx.Response:
    asked = {"method": method, "api_key": "k", "format": "json", **params}
    return client.get("/lastfm/2.0/", params=asked)


def test_lastfm_counts_in_texts(client: httpx.Client) -> None:
    index = one(lastfm=True)
    name = CATALOGUE.name(index)
    artist = lastfm(client, "artist.getInfo", artist=name.lower()).json()["artist"]
    assert artist["name"] == name
    plays, listeners = artist["stats"]["playcount"], artist["stats"]["listeners"]
    assert isinstance(plays, str)
    assert int(plays) > int(listeners) > 0
    earlier = client.get(
        "/lastfm/2.0/",
        params={"method": "artist.getinfo", "api_key": "k", "format": "json", "artist": name},
        headers={"X-Simulated-Date": "2025-11-20"},
    ).json()
    assert int(earlier["artist"]["stats"]["playcount"]) < int(plays)
    tracks = lastfm(client, "artist.getTopTracks", artist=name, limit=5, page=2).json()["toptracks"]
    assert [track["@attr"]["rank"] for track in tracks["track"]] == ["6", "7", "8", "9", "10"]
    assert tracks["@attr"]["perPage"] == "5"
    found = lastfm(client, "artist.search", artist=name).json()["results"]
    assert found["artistmatches"]["artist"][0]["name"] == name
    by_mbid = next(i for i in LINKED if WORLD.ties(i).lastfm and "mbid" in info(client, i))
    assert lastfm(client, "artist.getInfo", mbid=str(WORLD.mbid(by_mbid))).json()["artist"]["name"] == (
        CATALOGUE.name(by_mbid)
    )


def info(client: httpx.Client, index: int) -> dict[str, Any]:
    found: dict[str, Any] = lastfm(client, "artist.getInfo", artist=CATALOGUE.name(index)).json()["artist"]
    return found


def test_lastfm_errors(client: httpx.Client) -> None:
    absent = CATALOGUE.name(one(lastfm=False))
    for params, status, code in (
        ({"method": "artist.getInfo", "artist": absent}, 200, 6),
        ({"method": "artist.getInfo"}, 400, 6),
        ({"method": "artist.getInfo", "artist": absent, "api_key": ""}, 403, 10),
        ({"method": "artist.unheardOf"}, 400, 3),
    ):
        reply = lastfm(client, **params)
        assert (reply.status_code, reply.json()["error"]) == (status, code)
        assert isinstance(reply.json()["message"], str)
    with running(SimulatorConfig(artists=3, lastfm_key="right")) as base, client_of(base, DAY) as strict:
        assert lastfm(strict, "artist.search", artist="x").json()["error"] == 10
        assert "results" in lastfm(strict, "artist.search", artist="x", api_key="right").json()
