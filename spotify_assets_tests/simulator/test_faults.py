"""Each fault does what it says, over real sockets."""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.faults.rules import FAULTS, Fault
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_client import client_of, simulated
from spotify_assets_tests.support.simulator_server import running

IDS = Catalogue(artists=200, quirks=False).artist_ids(50)
BATCH = f"/v1/artists?ids={','.join(IDS)}"
ONE = f"/v1/artists/{IDS[0]}"
TOP = f"/v1/artists/{IDS[0]}/top-tracks?market=US"
LIST = "/v1/browse/new-releases?limit=20"


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with simulated(artists=200, quirks=False) as client:
        yield client


@pytest.fixture
def client(server: httpx.Client) -> Iterator[httpx.Client]:
    server.delete("/_simulator/faults")
    with client_of(str(server.base_url)) as fresh:
        yield fresh
    server.delete("/_simulator/faults")


def strike(client: httpx.Client, fault: str, **options: Any) -> None:
    options.setdefault("times", 1)
    client.post("/_simulator/faults", json={"fault": fault, **options}).raise_for_status()


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        ("rate_limited", 429, "1"),
        ("rate_limited_bare", 429, None),
        ("rate_limited_day", 429, "86400"),
        ("quota_exceeded", 429, None),
        ("status_500", 500, None),
        ("status_502", 502, None),
        ("status_503", 503, None),
        ("not_found", 404, None),
        ("forbidden", 403, None),
        ("premium_required", 403, None),
    ],
)
def test_status(client: httpx.Client, fault: str, status: int, retry_after: str | None) -> None:
    strike(client, fault)
    reply = client.get(BATCH)
    assert reply.status_code == status
    assert reply.json()["error"]["status"] == status
    assert reply.headers.get("retry-after") == retry_after
    assert reply.headers["x-simulated"] == "true"
    assert client.get(BATCH).status_code == 200  # struck once


def test_reason_of_a_used_up_quota(client: httpx.Client) -> None:
    strike(client, "quota_exceeded")
    assert client.get(ONE).json()["error"]["reason"] == "QUOTA_EXCEEDED"


def test_retry_after_as_a_date(client: httpx.Client) -> None:
    strike(client, "rate_limited_date", seconds=30)
    reply = client.get(ONE)
    wait = parsedate_to_datetime(reply.headers["retry-after"]) - datetime.now(UTC)
    assert 25 < wait.total_seconds() <= 30


def test_seconds_are_a_rules_own(client: httpx.Client) -> None:
    strike(client, "rate_limited", seconds=7)
    assert client.get(ONE).headers["retry-after"] == "7"


def test_timeout(client: httpx.Client) -> None:
    strike(client, "timeout")
    with pytest.raises(httpx.ReadTimeout):
        client.get(ONE, timeout=0.3)
    strike(client, "timeout", seconds=0.2)
    start = time.monotonic()
    assert client.get(ONE).status_code == 200
    assert time.monotonic() - start >= 0.2


def test_slow_drip(client: httpx.Client) -> None:
    strike(client, "slow_drip", seconds=0.02)
    start = time.monotonic()
    with client.stream("GET", ONE, timeout=10) as reply:
        pieces = reply.iter_raw(1)
        seen = b"".join(next(pieces) for _ in range(10))
    assert seen == b'{"external'
    assert time.monotonic() - start >= 0.15


def test_reset_in_the_middle(client: httpx.Client) -> None:
    strike(client, "reset")
    base = urlsplit(str(client.base_url))
    asked = f"GET {BATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n"
    with socket.create_connection((base.hostname or "", base.port or 0)) as raw:
        raw.sendall(asked.encode())
        seen, was_reset = b"", False
        while not was_reset:
            try:
                piece = raw.recv(65536)
            except ConnectionResetError:
                was_reset = True
            else:
                assert piece, "closed in good order"
                seen += piece
    assert seen.startswith(b"HTTP/1.1 200")
    assert b'{"artists":[{' in seen
    strike(client, "reset")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.get(BATCH)


def test_truncated_json(client: httpx.Client) -> None:
    whole = client.get(ONE).content
    strike(client, "truncated_json")
    reply = client.get(ONE)
    assert reply.status_code == 200
    assert whole.startswith(reply.content)
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_html_and_empty(client: httpx.Client) -> None:
    strike(client, "html")
    reply = client.get(ONE)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<html>" in reply.content
    strike(client, "empty")
    reply = client.get(ONE)
    assert (reply.status_code, reply.content) == (200, b"")


def test_gzip_bomb(client: httpx.Client) -> None:
    strike(client, "gzip_bomb", size=20_000_000)
    with client.stream("GET", BATCH) as reply:
        packed = b"".join(reply.iter_raw())
        assert reply.headers["content-encoding"] == "gzip"
    assert len(packed) < 50_000
    assert len(gzip.decompress(packed)) >= 20_000_000
    assert json.loads(gzip.decompress(packed)) == {"artists": []}


def test_a_bomb_is_large_unless_told_otherwise(client: httpx.Client) -> None:
    strike(client, "gzip_bomb")
    with client.stream("GET", BATCH) as reply:
        assert int(reply.headers["content-length"]) < 1_000_000
        sizes = 0
        for piece in reply.iter_bytes():
            sizes += len(piece)
            if sizes > 100_000_000:
                break
    assert sizes > 100_000_000


def test_a_revoked_token_stays_revoked(client: httpx.Client) -> None:
    assert client.get(ONE).status_code == 200
    strike(client, "unauthorized")
    assert client.get(ONE).json()["error"]["message"] == "The access token expired"
    assert client.get(ONE).status_code == 401
    with client_of(str(client.base_url)) as anew:
        assert anew.get(ONE).status_code == 200


def test_a_revoked_secret(client: httpx.Client) -> None:
    strike(client, "invalid_client", path="^/api/token")
    reply = client.post("/api/token", auth=("a", "b"), data={"grant_type": "client_credentials"})
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_client")


def test_fields(client: httpx.Client) -> None:
    strike(client, "field_missing", field="followers", index=1)
    first, second = client.get(BATCH).json()["artists"][:2]
    assert "followers" in first
    assert "followers" not in second
    strike(client, "field_added")
    assert client.get(ONE).json()["unheard_of"] == {"new": [1, 2, 3]}
    strike(client, "field_type")
    assert client.get(ONE).json()["popularity"] == {"unexpected": "object"}
    strike(client, "field_type", value="high", index=None)
    assert {one["popularity"] for one in client.get(BATCH).json()["artists"]} == {"high"}
    strike(client, "field_missing", field="name")
    assert "name" not in client.get(TOP).json()["tracks"][0]
    strike(client, "field_missing", field="artists")
    assert "artists" not in client.get(LIST).json()["albums"]["items"][0]


def test_null_artist(client: httpx.Client) -> None:
    strike(client, "null_artist", index=2)
    artists = client.get(BATCH).json()["artists"]
    assert [one is None for one in artists[:4]] == [False, False, True, False]
    strike(client, "null_artist")
    assert client.get(TOP).json()["tracks"][0]["artists"][0] is None


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("nul_name", "Nul\x00Byte"),
        ("emoji_name", "🎺"),
        ("script_name", "<script>"),
        ("formula_name", "=HYPERLINK"),
        ("name", "told"),
    ],
)
def test_names(client: httpx.Client, fault: str, shown: str) -> None:
    strike(client, fault, value="told")
    first, second = client.get(BATCH).json()["artists"][:2]
    assert shown in first["name"]
    assert shown not in second["name"]


def test_a_name_of_ten_megabytes(client: httpx.Client) -> None:
    strike(client, "huge_name")
    assert len(client.get(ONE).json()["name"]) == 10_000_000


def test_pages(client: httpx.Client) -> None:
    first = client.get(LIST).json()["albums"]
    honest = client.get(first["next"]).json()["albums"]
    strike(client, "duplicate_page", path="offset=20")
    second = client.get(first["next"]).json()["albums"]
    assert second["items"] == first["items"] != honest["items"]
    assert (second["offset"], second["next"]) == (20, honest["next"])
    strike(client, "cyclic_next")
    page = client.get(LIST).json()["albums"]
    assert client.get(page["next"]).json()["albums"]["items"] == page["items"]
    strike(client, "foreign_next")
    page = client.get(LIST).json()["albums"]
    assert page["next"].startswith("https://elsewhere.example.invalid/v1/browse/new-releases?offset=20")
    strike(client, "foreign_next", host="http://127.0.0.1:9")
    assert (
        client.get(f"/v1/artists/{IDS[0]}/albums?limit=1").json()["next"].startswith("http://127.0.0.1:9/v1/")
    )


def test_redirect_to_another_host(client: httpx.Client) -> None:
    strike(client, "foreign_redirect")
    reply = client.get(ONE, follow_redirects=False)
    assert reply.status_code == 302
    assert reply.headers["location"].startswith("https://elsewhere.example.invalid/")


def test_rules_count_and_choose(client: httpx.Client) -> None:
    strike(client, "status_500", path="^/v1/artists/", after=1, times=2)
    strike(client, "status_503", path="market=US$", times=None)
    statuses = [client.get(ONE).status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert client.get(BATCH).status_code == 200
    assert client.get(TOP).status_code == 503
    rules = client.get("/_simulator/faults").json()["faults"]
    assert [(rule["fault"], rule["struck"]) for rule in rules] == [("status_500", 2), ("status_503", 1)]
    client.delete("/_simulator/faults")
    assert client.get(TOP).status_code == 200


def test_probability_is_the_same_every_time(client: httpx.Client) -> None:
    def run() -> list[int]:
        client.delete("/_simulator/faults")
        strike(client, "status_500", probability=0.3, times=None)
        return [client.get(ONE).status_code for _ in range(60)]

    first = run()
    assert first == run()
    assert 5 < first.count(500) < 35


def test_a_wrong_rule_is_refused(client: httpx.Client) -> None:
    for rule in (
        {"fault": "nope"},
        {"fault": "html", "when": 1},
        {"times": 1},
        {"fault": "html", "path": "("},
        3,
    ):
        assert client.post("/_simulator/faults", json=rule).status_code == 400
    assert client.get("/_simulator/faults").json() == {"faults": []}


def test_any_answer_of_any_protocol(client: httpx.Client) -> None:
    quota = {"error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}}
    strike(client, "answer", path="^/deezer/", value=quota, times=1)
    reply = client.get("/deezer/editorial")
    assert (reply.status_code, reply.json()) == (200, quota)
    assert "data" in client.get("/deezer/editorial").json()
    strike(client, "answer", path="^/musicbrainz/", value={"error": "busy"}, status=503)
    assert client.get("/musicbrainz/ws/2/artist?query=x").status_code == 503
    assert client.post("/_simulator/faults", json={"fault": "answer", "status": 99}).status_code == 400


def test_a_token_comes_back(client: httpx.Client) -> None:
    secret = client.headers["authorization"]
    strike(client, "token_echo", times=1)
    reply = client.get("/v1/browse/new-releases?limit=5")
    page = reply.json()["albums"]
    assert page["items"][0]["authorization"] == reply.headers["x-echo"] == secret
    assert page["next"].startswith("https://elsewhere.example.invalid/v1/browse/new-releases?")
    assert "access_token=Bearer" in page["next"]
    strike(client, "token_echo", path="^/listenbrainz/", times=1)
    signed = {"Authorization": "Token mine"}
    assert (
        client.get("/listenbrainz/1/validate-token", headers=signed).json()["authorization"] == "Token mine"
    )


def test_open_services_shed_load_and_switch_things_off(client: httpx.Client) -> None:
    known = Elsewhere(2026, 200, quirks=False)
    mbids = [mbid for mbid in map(known.mbid, range(9)) if mbid]
    page = {"resource": f"https://open.spotify.com/artist/{IDS[0]}", "fmt": "json"}

    def counts() -> httpx.Response:
        return client.post("/listenbrainz/1/popularity/artist", json={"artist_mbids": mbids})

    strike(client, "busy", path="^/musicbrainz/")
    busy = client.get("/musicbrainz/ws/2/url", params=page)
    words = "The MusicBrainz web server is currently busy. Please try again later."
    assert (busy.status_code, busy.json()) == (503, {"error": words})
    names = ("retry-after", "x-ratelimit-zone", "x-ratelimit-limit", "server")
    assert [busy.headers[name] for name in names] == ["0", "global", "15", "openresty"]
    strike(client, "counts_disabled", path="^/listenbrainz/")
    off = counts()
    assert (off.status_code, off.json()["error"][:40]) == (500, "Popularity API currently disabled due to")
    strike(client, "token_wanted", path="^/listenbrainz/")
    wanted = counts()
    assert (wanted.status_code, wanted.json()["error"][:18]) == (401, "Due to bad actors ")
    strike(client, "counts_null", path="^/listenbrainz/")
    assert {row["total_listen_count"] for row in counts().json()} == {None}
    assert counts().json()[0]["total_listen_count"]


def test_faults_from_the_start() -> None:
    config = SimulatorConfig(artists=5, faults=(Fault(fault="status_503", times=1),))
    with running(config) as base, client_of(base) as client:
        assert client.get("/v1/browse/new-releases").status_code == 503
        assert client.get("/v1/browse/new-releases").status_code == 200


def test_every_fault_is_tested() -> None:
    named = set(re.findall(r'"(\w+)"', Path(__file__).read_text()))
    assert named >= FAULTS
