"""ListenBrainz and Deezer over the same artists: order, batches, errors, limits, and growth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_client import DAY
from spotify_assets_tests.support.simulator_server import running

SIZE = 1000
WORLD = Elsewhere(2026, SIZE, quirks=True)
KNOWN = [index for index in range(SIZE) if WORLD.ties(index).musicbrainz]
AT_DEEZER = [index for index in range(SIZE) if WORLD.ties(index).deezer]
STRANGER = "13dd61c7-ce73-4e97-9f0c-9f0e53144411"
POPULARITY = "/listenbrainz/1/popularity/artist"
AGENT = "tests/1.0 ( tests@example.org )"


def client_of(base: str, day: str = DAY) -> httpx.Client:
    return httpx.Client(base_url=base, headers={"X-Simulated-Date": day, "User-Agent": AGENT}, timeout=20)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with running(SimulatorConfig(artists=SIZE)) as base, client_of(base) as opened:
        yield opened


def mbids(count: int) -> list[str]:
    return [WORLD.mbids.encode(1, index) for index in KNOWN[:count]]


def test_most_artists_are_linked_and_some_are_nowhere() -> None:
    ties = [WORLD.ties(index) for index in range(SIZE)]
    assert 0.75 < sum(one.linked for one in ties) / SIZE < 0.85
    assert 0.07 < sum(one.wikidata and not one.linked for one in ties) / SIZE < 0.13
    assert 0.03 < sum(one.musicbrainz and not (one.linked or one.wikidata) for one in ties) / SIZE < 0.07
    assert 0.03 < sum(not one.musicbrainz for one in ties) / SIZE < 0.07
    assert any(one.twice for one in ties)
    for index in range(SIZE):
        mbid = WORLD.mbid(index)
        assert mbid is None or WORLD.of_mbid(mbid) == index
        assert [WORLD.of_deezer(str(one)) for one in WORLD.deezer_ids(index)] == [
            (index, bool(place)) for place, _ in enumerate(WORLD.deezer_ids(index))
        ]
        assert WORLD.named(WORLD.catalogue.name(index).upper()) == index
    assert WORLD.of_mbid(STRANGER) is None
    assert WORLD.of_deezer("27") is None


def test_listeners_come_in_the_order_asked_with_null_for_strangers(client: httpx.Client) -> None:
    asked = [mbids(3)[2], STRANGER, *mbids(2)]
    found = client.post(POPULARITY, json={"artist_mbids": asked}).json()
    assert [row["artist_mbid"] for row in found] == asked
    assert (found[1]["total_listen_count"], found[1]["total_user_count"]) == (None, None)
    assert found[0]["total_listen_count"] > found[0]["total_user_count"] > 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"artist_mbids": mbids(1) * 1001},
            "Maximum number of artist_mbids that can be fetched at once is 1000",
        ),
        ({"artist_mbids": []}, "At least one valid artist_mbid must be present."),
        ({"artist_mbids": ["x"]}, "artist_mbid x is not valid."),
        ({}, "artist_mbids JSON element must be present and contain a list of artist_mbids"),
    ],
)
def test_a_batch_is_checked(client: httpx.Client, body: dict[str, Any], message: str) -> None:
    reply = client.post(POPULARITY, json=body)
    assert (reply.status_code, reply.json()) == (400, {"code": 400, "error": message})


def test_a_thousand_fit_a_batch(client: httpx.Client) -> None:
    asked = (mbids(SIZE) * 2)[:1000]
    start = time.monotonic()
    assert len(client.post(POPULARITY, json={"artist_mbids": asked}).json()) == 1000
    assert time.monotonic() - start < 3


def test_counts_only_grow(client: httpx.Client) -> None:
    asked = {"artist_mbids": mbids(60)}
    before: list[dict[str, Any]] = []
    for day in ("2019-01-01", "2025-01-01", "2026-11-18", "2026-11-19", "2026-11-20", "2026-12-31"):
        now = client.post(POPULARITY, json=asked, headers={"X-Simulated-Date": day}).json()
        for earlier, later in zip(before, now, strict=bool(before)):
            for name in ("total_listen_count", "total_user_count"):
                assert (earlier[name] or 0) <= (later[name] or 0)
        before = now
    assert sum(row["total_listen_count"] is None for row in before) < 5


def test_top_recordings_need_a_token(client: httpx.Client) -> None:
    path = f"/listenbrainz/1/popularity/top-recordings-for-artist/{mbids(1)[0]}"
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    signed = {"Authorization": "Token mine"}
    found = client.get(path, headers=signed).json()
    counts = [row["total_listen_count"] for row in found]
    assert counts == sorted(counts, reverse=True)
    assert {tuple(row["artist_mbids"]) for row in found} == {(mbids(1)[0],)}
    assert len({row["recording_mbid"] for row in found}) == len(found) > 5
    assert client.get(path[:-36] + STRANGER, headers=signed).json() == []
    assert client.get(path[:-36] + "x", headers=signed).status_code == 400
    with running(SimulatorConfig(artists=9, listenbrainz_token="theirs")) as base, client_of(base) as strict:
        assert strict.get(path, headers=signed).status_code == 401
        assert strict.get(path, headers={"Authorization": "Token theirs"}).status_code == 200


def test_fresh_releases_lie_around_the_day(client: httpx.Client) -> None:
    path = "/listenbrainz/1/explore/fresh-releases/"

    def asked(query: str) -> list[str]:
        payload = client.get(f"{path}?{query}").json()["payload"]
        assert payload["total_count"] == len(payload["releases"])
        return [row["release_date"] for row in payload["releases"]]

    both = asked("days=7")
    assert both == sorted(both)
    assert both[0] >= "2026-11-13"
    assert both[-1] > DAY
    assert asked("days=7&future=false")[-1] <= DAY
    assert asked("days=7&past=false&release_date=2026-01-01")[0] >= "2026-01-01"
    for wrong in ("days=91", "days=0", "days=x", "sort=size", "release_date=soon", "past=1", "future=no"):
        assert client.get(f"{path}?{wrong}").status_code == 400


def test_fresh_releases_lack_covers_and_kinds_that_nobody_entered(client: httpx.Client) -> None:
    rows = client.get("/listenbrainz/1/explore/fresh-releases/?days=90").json()["payload"]["releases"]
    bare = [row for row in rows if row["caa_id"] is None]
    assert 0.2 < len(bare) / len(rows) < 0.5
    assert all((row["caa_id"] is None) == (row["caa_release_mbid"] is None) for row in rows)
    assert any("release_group_primary_type" not in row for row in rows)
    assert {row.get("release_group_secondary_type", "none") for row in rows} <= {"none", "Compilation"}


def test_most_listened_of_all(client: httpx.Client) -> None:
    def ranked(query: str) -> list[tuple[str, int]]:
        payload = client.get(f"/listenbrainz/1/stats/sitewide/artists?{query}").json()["payload"]
        return [(row["artist_mbid"], row["listen_count"]) for row in payload["artists"]]

    first = ranked("count=20")
    assert [count for _, count in first] == sorted((count for _, count in first), reverse=True)
    assert first[10:] == ranked("count=10&offset=10")
    assert ranked("range=week")[0][1] < first[0][1]
    assert client.get("/listenbrainz/1/stats/sitewide/artists?range=ever").status_code == 400


def test_listenbrainz_counts_calls_and_says_so() -> None:
    limited = SimulatorConfig(artists=20, limited=frozenset({"listenbrainz"}), limit_scale=0.2)
    with running(limited) as base, client_of(base) as client:
        signed = {"Authorization": "Token mine"}
        replies = [
            client.post(POPULARITY, json={"artist_mbids": mbids(1)}, headers=signed if n % 2 else {})
            for n in range(62)
        ]
        assert 429 in {reply.status_code for reply in replies}
        over = next(reply for reply in replies if reply.status_code == 429)
        assert over.json()["code"] == 429
        assert over.headers["x-ratelimit-limit"] == "30", "of an address, with a token or without"
        assert int(over.headers["x-ratelimit-reset"]) > time.time()
        assert over.headers["x-ratelimit-remaining"] == "0"
        time.sleep(int(over.headers["x-ratelimit-reset-in"]))
        again = client.post(POPULARITY, json={"artist_mbids": mbids(1)})
        assert (again.status_code, again.headers["x-ratelimit-remaining"]) == (200, "29")


def test_deezer_pages(client: httpx.Client) -> None:
    ident = WORLD.deezer_ids(AT_DEEZER[0])[0]
    for path, size in (
        (f"artist/{ident}/albums", 3),
        (f"artist/{ident}/top", 4),
        ("editorial/0/releases", 50),
    ):
        seen: list[int] = []
        page: dict[str, Any] = {"next": f"/deezer/{path}?limit={size}"}
        while "next" in page:
            page = client.get(page["next"]).json()
            seen += [one["id"] for one in page["data"]]
        assert len(set(seen)) == len(seen) > size
        # A page may be shorter than asked for, as one that was recorded is.
        assert page["total"] * 0.9 <= len(seen) <= page["total"]


def test_deezer_refuses_with_status_200(client: httpx.Client) -> None:
    for path, code in (
        ("artist/27", 800),
        ("artist/x", 800),
        ("artist/27/top", 800),
        ("editorial/99999/releases", 800),
        ("nothing/at/all", 600),
        ("search/artist", 501),
    ):
        reply = client.get(f"/deezer/{path}")
        assert reply.status_code == 200
        assert reply.json()["error"]["code"] == code


def test_deezer_ranks_and_fans(client: httpx.Client) -> None:
    index = AT_DEEZER[1]
    ident = WORLD.deezer_ids(index)[0]
    tracks = client.get(f"/deezer/artist/{ident}/top?limit=50").json()["data"]
    ranks = [one["rank"] for one in tracks]
    assert ranks == sorted(ranks, reverse=True)
    assert 0 <= ranks[-1] <= ranks[0] <= 1_000_000
    fans = [
        client.get(f"/deezer/artist/{ident}", headers={"X-Simulated-Date": day}).json()["nb_fan"]
        for day in ("2020-01-01", "2025-01-01", DAY)
    ]
    assert fans == sorted(fans)
    chart = client.get("/deezer/chart/0/artists").json()["data"]
    assert [one["position"] for one in chart] == list(range(1, 11))


def test_deezer_finds_by_name_and_lists_a_second_entry_last(client: httpx.Client) -> None:
    index = next(one for one in AT_DEEZER if WORLD.ties(one).twice)
    name = WORLD.catalogue.name(index)
    for text in (name, f'artist:"{name}"'):
        found = client.get("/deezer/search/artist", params={"q": text}).json()["data"]
        assert [one["id"] for one in found if one["name"] == name] == WORLD.deezer_ids(index)
    first, second = found[0], found[-1]
    assert first["nb_fan"] > 50 * second["nb_fan"]
    assert client.get(f"/deezer/artist/{second['id']}/top").json()["data"] == []
    absent = next(one for one in range(SIZE) if not WORLD.ties(one).deezer)
    found = client.get("/deezer/search/artist", params={"q": WORLD.catalogue.name(absent)}).json()
    assert WORLD.catalogue.name(absent) not in {one["name"] for one in found["data"]}


def test_deezer_counts_calls() -> None:
    limited = SimulatorConfig(artists=20, limited=frozenset({"deezer"}), limit_scale=0.1)
    with running(limited) as base, client_of(base) as client:
        replies = [client.get("/deezer/editorial") for _ in range(51)]
        assert [reply.status_code for reply in replies] == [200] * 51
        assert replies[-1].json() == {
            "error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}
        }
        time.sleep(0.6)
        assert "data" in client.get("/deezer/editorial").json()


def test_faults_and_the_log_know_them(client: httpx.Client) -> None:
    client.delete("/_simulator/requests")
    client.post(
        "/_simulator/faults",
        json={"fault": "field_missing", "path": "^/deezer/", "field": "nb_fan", "times": 1},
    )
    ident = WORLD.deezer_ids(AT_DEEZER[0])[0]
    assert "nb_fan" not in client.get(f"/deezer/artist/{ident}").json()
    assert "nb_fan" in client.get(f"/deezer/artist/{ident}").json()
    client.delete("/_simulator/faults")
    assert client.get("/_simulator/requests").json()["by_path"] == {"GET /deezer/artist/{id}": 2}
