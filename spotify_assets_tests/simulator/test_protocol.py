"""Tokens, limits, modes, paging, errors: the protocol as the real service speaks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import httpx
import pytest

from spotify_assets.simulator.catalogue import charts
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_client import client_of, simulated
from spotify_assets_tests.support.simulator_server import running

WORLD = Catalogue(artists=1000)
CALM = Catalogue(artists=200, quirks=False)
IDS = WORLD.artist_ids()
DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with simulated(artists=1000) as signed_in:
        yield signed_in


@pytest.fixture(scope="module")
def development() -> Iterator[httpx.Client]:
    with simulated(artists=200, quirks=False, mode="development", audio_features=True) as signed_in:
        yield signed_in


def message(reply: httpx.Response) -> tuple[int, str]:
    node = reply.json()["error"]
    assert node["status"] == reply.status_code
    return reply.status_code, node["message"]


def test_token() -> None:
    with running(SimulatorConfig(artists=3, client_id="me", client_secret="mine")) as base:
        url, form = f"{base}/api/token", {"grant_type": "client_credentials"}
        reply = httpx.post(url, auth=("me", "mine"), data=form)
        assert reply.json().keys() == {"access_token", "token_type", "expires_in"}
        assert (reply.json()["token_type"], reply.json()["expires_in"]) == ("Bearer", 3600)
        in_form = httpx.post(url, data={**form, "client_id": "me", "client_secret": "mine"})
        assert in_form.status_code == 200
        for auth, wrong, error in (
            (("me", "other"), form, "invalid_client"),
            (("you", "mine"), form, "invalid_client"),
            (None, form, "invalid_client"),
            (("me", "mine"), {}, "unsupported_grant_type"),
            (("me", "mine"), {"grant_type": "password"}, "unsupported_grant_type"),
        ):
            refused = httpx.post(url, auth=auth, data=wrong)
            assert (refused.status_code, refused.json()["error"]) == (400, error)
        garbage = httpx.post(url, headers={"Authorization": "Basic !"}, data=form)
        assert garbage.json()["error"] == "invalid_client"
        assert httpx.get(url).status_code == 405


def test_tokens_expire() -> None:
    with simulated(artists=3, token_seconds=1) as client:
        path = f"/v1/artists/{Catalogue(artists=3).artist_id(0)}"
        assert client.get(path).status_code == 200
        time.sleep(1.05)
        reply = client.get(path)
        assert message(reply) == (401, "The access token expired")
        assert "invalid_token" in reply.headers["www-authenticate"]
        with client_of(str(client.base_url)) as anew:
            assert anew.get(path).status_code == 200


def test_without_a_good_token(client: httpx.Client) -> None:
    base = str(client.base_url)
    assert message(httpx.get(f"{base}/v1/artists?ids=x")) == (401, "No token provided")
    for header, expected in (
        ("Bearer nobody", (401, "Invalid access token")),
        ("Basic abc", (400, "Only valid bearer authentication supported")),
    ):
        assert message(httpx.get(f"{base}/v1/x", headers={"Authorization": header})) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/artists?ids={','.join(IDS[:51])}", (400, "Too many ids requested")),
        (f"/albums?ids={','.join(IDS[:21])}", (400, "Too many ids requested")),
        (f"/tracks?ids={','.join(IDS[:51])}", (400, "Too many ids requested")),
        ("/artists?ids=short", (400, "Invalid base62 id")),
        ("/artists/short", (400, "Invalid base62 id")),
        ("/artists", (400, "Missing required field: ids")),
        (f"/artists/{'0' * 22}", (404, "Resource not found")),
        (f"/albums/{'0' * 22}", (404, "Resource not found")),
        (f"/albums/{'0' * 22}/tracks", (404, "Resource not found")),
        (f"/tracks/{'0' * 22}", (404, "Resource not found")),
        (f"/artists/{'0' * 22}/top-tracks", (404, "Resource not found")),
        (f"/artists/{'0' * 22}/albums", (404, "Resource not found")),
        (f"/playlists/{'0' * 22}", (404, "Resource not found")),
        (f"/artists/{IDS[0]}/top-tracks?market=usa", (400, "Invalid market code")),
        (f"/artists/{IDS[0]}/albums?limit=51", (400, "Invalid limit")),
        (f"/artists/{IDS[0]}/albums?limit=0", (400, "Invalid limit")),
        (f"/artists/{IDS[0]}/albums?offset=-1", (400, "Invalid offset")),
        (f"/artists/{IDS[0]}/albums?include_groups=tapes", (400, "Invalid album type")),
        ("/browse/new-releases?limit=51", (400, "Invalid limit")),
        ("/search?q=a&type=artist&limit=51", (400, "Invalid limit")),
        ("/search?type=artist", (400, "No search query")),
        ("/search?q=a&type=show", (400, "Bad search type field")),
        (f"/audio-features/{IDS[0]}", (403, "Forbidden")),
        (f"/artists/{IDS[0]}/related-artists", (403, "Forbidden")),
        ("/recommendations", (403, "Forbidden")),
        ("/me/top/artists", (401, "Valid user authentication required")),
        ("/nothing", (404, "Service not found")),
        (f"/artists/{IDS[0]}/nothing", (404, "Service not found")),
    ],
)
def test_errors(client: httpx.Client, path: str, expected: tuple[int, str]) -> None:
    assert message(client.get(f"/v1{path}")) == expected


def test_batches_answer_in_order_with_null_for_unknown(client: httpx.Client) -> None:
    asked = [IDS[3], "0" * 22, IDS[1], IDS[3]]
    found = client.get(f"/v1/artists?ids={','.join(asked)}").json()["artists"]
    assert [one and one["id"] for one in found] == [IDS[3], None, IDS[1], IDS[3]]
    assert client.get(f"/v1/albums?ids={IDS[0]}").json() == {"albums": [None]}
    assert client.get(f"/v1/tracks?ids={IDS[0]}").json() == {"tracks": [None]}


def test_the_wire_says_what_the_catalogue_says(client: httpx.Client) -> None:
    """The fast path over prepared text, and the objects it is made from, are the same."""
    served = client.get(f"/v1/artists?ids={','.join(IDS[:50])}").json()["artists"]
    assert served == [WORLD.artist(one, DAY) for one in IDS[:50]]
    for one in IDS[:30]:
        reply = client.get(f"/v1/artists/{one}/top-tracks")
        assert reply.json()["tracks"] == WORLD.top_tracks(one, DAY)
    in_market = client.get(f"/v1/artists/{IDS[0]}/top-tracks?market=US").json()["tracks"][0]
    assert in_market["is_playable"] is True
    assert in_market["album"]["is_playable"] is True
    track = client.get(f"/v1/tracks/{in_market['id']}").json()
    assert track == WORLD.track(in_market["id"], DAY)
    removed = next(index for index in range(1000) if WORLD.life(index).removed_on)
    after = date.fromordinal((WORLD.life(removed).removed_on or 0) + 1)
    with client_of(str(client.base_url), after.isoformat()) as later:
        reply = later.get(f"/v1/artists/{IDS[removed]}")
        assert reply.json() == WORLD.artist(IDS[removed], after)
        assert reply.json()["name"] == ""


def test_the_day_is_chosen_by_a_header(client: httpx.Client) -> None:
    path = f"/v1/artists/{IDS[2]}"
    seen = {
        day: client.get(path, headers={"X-Simulated-Date": day}).json()["popularity"]
        for day in ("2026-11-20", "2026-05-01", "2025-01-01")
    }
    assert seen == {day: (WORLD.artist(IDS[2], date.fromisoformat(day)) or {})["popularity"] for day in seen}
    assert len(set(seen.values())) > 1
    for wrong in ("yesterday", "2026-13-01", "20261120", "1999-12-31"):
        assert client.get(path, headers={"X-Simulated-Date": wrong}).status_code == 400
    with client_of(str(client.base_url), None) as today:
        now = datetime.now(UTC).date()
        assert today.get("/v1/browse/new-releases?limit=1").json()["albums"]["items"][0][
            "id"
        ] == WORLD.album_id(*WORLD.new_releases(now)[0])


def test_paging_visits_everything_once(client: httpx.Client) -> None:
    day = next(
        date.fromordinal(day) for day in range(DAY.toordinal(), 0, -1) if not WORLD.world.item_doubled(day)
    )
    headers = {"X-Simulated-Date": day.isoformat()}
    url, found, pages = "/v1/browse/new-releases?limit=30&country=US", [], 0
    while url:
        page = client.get(url, headers=headers).json()["albums"]
        found += [album["id"] for album in page["items"]]
        url, pages = page["next"], pages + 1
        assert (page["total"], page["limit"]) == (100, 30)
    assert pages == 4
    assert page["previous"].endswith("offset=60&limit=30&country=US")
    assert found == [WORLD.album_id(*entry) for entry in WORLD.new_releases(day)]


def test_album_groups(client: httpx.Client) -> None:
    def groups(query: str) -> list[str]:
        items = client.get(f"/v1/artists/{IDS[0]}/albums?limit=50{query}").json()["items"]
        return [item["album_group"] for item in items]

    assert set(groups("&include_groups=album")) == {"album"}
    assert set(groups("&include_groups=single,appears_on")) <= {"single", "appears_on"}
    assert groups("&include_groups=album,single,compilation,appears_on") == groups("")


def test_search(client: httpx.Client) -> None:
    name = WORLD.name(4)
    found = client.get("/v1/search", params={"q": name, "type": "artist"}).json()["artists"]
    assert found["items"][0]["name"] == name
    assert found["limit"] == 20
    album = WORLD.life(4).discography.until(DAY.toordinal())[-1]
    query = f'album:"{WORLD.album_name(album)}" artist:"{name}"'
    items = client.get("/v1/search", params={"q": query, "type": "album"}).json()["albums"]["items"]
    assert WORLD.album_id(album) in {item["id"] for item in items}
    title = WORLD.song_title(4, album.songs[0])
    both = client.get("/v1/search", params={"q": f"{title} {name}", "type": "track,artist"}).json()
    assert both.keys() == {"tracks", "artists"}
    assert WORLD.track_id(album, 0, 1) in {item["id"] for item in both["tracks"]["items"]}
    new = client.get("/v1/search", params={"q": "tag:new", "type": "album", "limit": 50}).json()["albums"]
    assert {item["id"] for item in new["items"]} <= {
        WORLD.album_id(*entry) for entry in WORLD.released_between(DAY.toordinal() - 13, DAY.toordinal())
    }
    assert new["total"] > 5
    genre = WORLD.genres(2)[0]
    of_genre = client.get("/v1/search", params={"q": f'genre:"{genre}"', "type": "artist"}).json()["artists"]
    assert {genre in item["genres"] for item in of_genre["items"]} == {True}


def test_development_mode_removes_calls(development: httpx.Client) -> None:
    one, release = IDS[0], CALM.new_releases(DAY)[0][0]
    for path in (
        f"/artists?ids={one}",
        f"/albums?ids={one}",
        f"/tracks?ids={one}",
        f"/artists/{one}/top-tracks?market=US",
        "/browse/new-releases",
        f"/audio-features?ids={one}",
        f"/audio-features/{one}",
        f"/playlists/{charts.playlist_ids(2026)[0]}/tracks",
    ):
        assert message(development.get(f"/v1{path}")) == (403, "Forbidden")
    albums = f"/v1/artists/{one}/albums"
    assert development.get(albums).json()["limit"] == 5
    assert development.get(f"{albums}?limit=10").status_code == 200
    assert message(development.get(f"{albums}?limit=11")) == (400, "Invalid limit")
    search = "/v1/search?q=tag:new&type=album"
    assert development.get(search).json()["albums"]["limit"] == 5
    assert message(development.get(f"{search}&limit=11")) == (400, "Invalid limit")
    assert development.get(f"/v1/albums/{CALM.album_id(release)}/tracks?limit=50").status_code == 200


def test_development_mode_removes_fields(development: httpx.Client) -> None:
    release = CALM.new_releases(DAY)[0][0]
    artist = development.get(f"/v1/artists/{IDS[0]}").json()
    assert artist.keys() == {"external_urls", "href", "id", "images", "name", "type", "uri"}
    album = development.get(f"/v1/albums/{CALM.album_id(release)}").json()
    assert not album.keys() & {"popularity", "label", "available_markets", "album_group"}
    assert album["external_ids"]["upc"]
    assert "available_markets" not in album["tracks"]["items"][0]
    track = development.get(f"/v1/tracks/{CALM.track_id(release, 0, 1)}").json()
    assert not track.keys() & {"popularity", "available_markets", "linked_from"}
    assert track["external_ids"]["isrc"]
    assert "available_markets" not in track["album"]
    assert "album_group" not in development.get(f"/v1/artists/{IDS[0]}/albums").json()["items"][0]
    playlist = development.get(f"/v1/playlists/{charts.playlist_ids(2026)[0]}").json()
    assert "tracks" not in playlist
    assert "track" not in playlist["items"]["items"][0]
    assert playlist["items"]["items"][0]["item"]["name"]


def test_audio_features_are_a_switch() -> None:
    with simulated(artists=20, quirks=False, audio_features=True) as client:
        track = client.get(f"/v1/artists/{IDS[0]}/top-tracks").json()["tracks"][0]
        found = client.get(f"/v1/audio-features/{track['id']}").json()
        assert found["duration_ms"] == track["duration_ms"]
        asked = f"/v1/audio-features?ids={track['id']},{'0' * 22}"
        assert client.get(asked).json() == {"audio_features": [found, None]}
        assert message(client.get(f"/v1/audio-features?ids={','.join(['0' * 22] * 101)}")) == (
            400,
            "Too many ids requested",
        )


def test_pace_limit() -> None:
    with simulated(artists=3, requests_per_second=2.5, window_seconds=2) as client:
        path = "/v1/browse/new-releases?limit=1"
        assert [client.get(path).status_code for _ in range(5)] == [200] * 5
        reply = client.get(path)
        assert message(reply) == (429, "API rate limit exceeded")
        wait = int(reply.headers["retry-after"])
        assert wait in {1, 2}
        time.sleep(wait + 0.05)
        assert client.get(path).status_code == 200


def test_quota() -> None:
    with simulated(artists=3, quota=2) as client:
        path = "/v1/browse/new-releases?limit=1"
        assert [client.get(path).status_code for _ in range(2)] == [200, 200]
        reply = client.get(path)
        assert reply.status_code == 429
        assert reply.json()["error"]["reason"] == "QUOTA_EXCEEDED"
        assert "retry-after" not in reply.headers


def test_latency_is_for_each_and_not_for_all() -> None:
    with simulated(artists=3, latency_ms=500) as client:
        start = time.monotonic()
        threads = [threading.Thread(target=client.get, args=("/v1/markets",)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 0.5 <= time.monotonic() - start < 6 * 0.5


def test_requests_are_counted() -> None:
    with simulated(artists=3) as client:
        client.delete("/_simulator/requests")
        one = Catalogue(artists=3).artist_id(0)
        client.get(f"/v1/artists/{one}?market=SE")
        httpx.get(f"{client.base_url}/v1/artists/{one}")
        seen = client.get("/_simulator/requests").json()
        assert seen["total"] == 2
        assert seen["by_status"] == {"200": 1, "401": 1}
        assert seen["by_path"] == {"GET /v1/artists/{id}": 2}
        first, second = seen["requests"]
        assert (first["path"], first["query"], first["day"]) == (
            f"/v1/artists/{one}",
            "market=SE",
            "2026-11-20",
        )
        assert (first["authorization"], second["authorization"]) == (True, False)
        assert "Bearer" not in str(seen)
        client.delete("/_simulator/tokens")
        assert client.get(f"/v1/artists/{one}").status_code == 401
        assert client.get("/_simulator/nothing").status_code == 404


def test_viral_starts_are_told(client: httpx.Client) -> None:
    found = client.get("/_simulator/viral-starts?from=2026-01-01&to=2026-11-20").json()["viral_starts"]
    assert len(found) == len(WORLD.viral_starts(date(2026, 1, 1), DAY)) > 0
    assert client.get("/_simulator/viral-starts").status_code == 400


def test_root_page_says_what_this_is(client: httpx.Client) -> None:
    text = client.get("/", headers={"Accept": "*/*"})
    html = client.get("/", headers={"Accept": "text/html"})
    for reply in (text, html):
        assert "simulated" in reply.text
        assert "invented" in reply.text
        assert "/v1/browse/new-releases" in reply.text
        assert reply.headers["x-simulated"] == "true"
    assert html.text.startswith("<!DOCTYPE html>")


def test_only_gets(client: httpx.Client) -> None:
    assert message(client.post("/v1/artists")) == (405, "Method not allowed")


def test_configuration_is_checked() -> None:
    for wrong in ({"artists": 0}, {"mode": "beta"}, {"latency_ms": -1}, {"requests_per_second": 0.001}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SimulatorConfig(**wrong)
