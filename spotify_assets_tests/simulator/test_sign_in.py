"""A person's sign-in with PKCE, and what their apps then see."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.simulator_client import DAY
from spotify_assets_tests.support.simulator_server import running

REDIRECT = "http://127.0.0.1:8765/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASK = {
    "client_id": "app",
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "state": "s p&c",
    "scope": "user-top-read user-read-recently-played user-library-read user-follow-read "
    "playlist-read-private",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with running(SimulatorConfig(artists=200)) as url:
        yield url


def authorize(base: str, **changes: str) -> httpx.Response:
    return httpx.get(f"{base}/authorize", params=ASK | changes)


def answered(reply: httpx.Response) -> dict[str, str]:
    assert reply.status_code == 302
    assert reply.headers["location"].startswith(REDIRECT)
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query))


def token(base: str, day: str | None = None, **form: str) -> httpx.Response:
    headers = {} if day is None else {"X-Simulated-Date": day}
    return httpx.post(f"{base}/api/token", data={"client_id": "app"} | form, headers=headers)


def redeem(base: str, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return token(base, **(form | changes))


def renew(base: str, refresh: str, day: str | None = None) -> httpx.Response:
    return token(base, day, grant_type="refresh_token", refresh_token=refresh)


def signed_in(base: str, day: str | None = DAY, **changes: str) -> httpx.Client:
    given = redeem(base, answered(authorize(base, **changes))["code"]).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    return httpx.Client(
        base_url=f"{base}/v1", headers=headers | ({"X-Simulated-Date": day} if day else {}), timeout=10
    )


def refused(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]


def test_a_code_is_for_one_use_by_who_asked(base: str) -> None:
    answer = answered(authorize(base))
    assert answer["state"] == "s p&c"
    given = redeem(base, answer["code"])
    assert given.status_code == 200
    body = given.json()
    assert body.keys() == {"access_token", "token_type", "scope", "expires_in", "refresh_token"}
    assert set(body["scope"].split()) == set(ASK["scope"].split())
    assert refused(redeem(base, answer["code"])) == (400, "invalid_grant")
    for wrong in (
        {"code_verifier": "w" * 64},
        {"code_verifier": "short"},
        {"redirect_uri": "http://127.0.0.1:9999/callback"},
        {"client_id": "other"},
    ):
        code = answered(authorize(base))["code"]
        assert refused(redeem(base, code, **wrong)) == (400, "invalid_grant")
        assert refused(redeem(base, code)) == (400, "invalid_grant"), "a wrong try uses it up"


@pytest.mark.parametrize(
    ("redirect", "allowed"),
    [
        ("https://app.example.org/back", True),
        ("http://127.0.0.1:1/x", True),
        ("http://[::1]:8080/x", True),
        ("http://localhost:8080/x", False),
        ("https://localhost/x", False),
        ("http://app.example.org/back", False),
        ("http://192.168.0.2/x", False),
        ("ftp://127.0.0.1/x", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_redirects(base: str, redirect: str, allowed: bool) -> None:
    reply = authorize(base, redirect_uri=redirect)
    assert reply.status_code == (302 if allowed else 400)
    if not allowed:
        assert reply.text == "INVALID_CLIENT: Invalid redirect URI"


def test_what_else_is_refused(base: str) -> None:
    for wrong in (
        {"response_type": "token"},
        {"scope": "everything"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"client_id": ""},
    ):
        assert authorize(base, **wrong).status_code == 400
    assert httpx.post(f"{base}/authorize").status_code == 405
    assert refused(token(base, grant_type="authorization_code", code="none")) == (400, "invalid_grant")
    assert refused(renew(base, "none")) == (400, "invalid_grant")
    assert refused(token(base, grant_type="refresh_token")) == (400, "invalid_request")


def test_a_refresh_token_lives_six_months_from_the_sign_in(base: str) -> None:
    asked = httpx.get(f"{base}/authorize", params=ASK, headers={"X-Simulated-Date": "2026-01-01"})
    refresh = redeem(base, answered(asked)["code"]).json()["refresh_token"]
    for day in ("2026-01-02", "2026-06-30"):
        again = renew(base, refresh, day)
        assert again.status_code == 200
        assert "refresh_token" not in again.json(), "the old one is to be kept"
        assert set(again.json()["scope"].split()) == set(ASK["scope"].split())
    late = renew(base, refresh, "2026-07-02")
    assert refused(late) == (400, "invalid_grant")
    assert late.json()["error_description"] == "Refresh token expired"


def test_refresh_tokens_may_rotate() -> None:
    with running(SimulatorConfig(artists=3, refresh_rotates=True)) as base:
        first = redeem(base, answered(authorize(base))["code"]).json()["refresh_token"]
        second = renew(base, first).json()["refresh_token"]
        assert second != first
        assert refused(renew(base, first)) == (400, "invalid_grant")
        assert renew(base, second).status_code == 200


def test_a_person_may_refuse_change_and_withdraw() -> None:
    with running(SimulatorConfig(artists=50, consents=False)) as base:
        assert answered(authorize(base)) == {"error": "access_denied", "state": "s p&c"}
        agreed = httpx.post(f"{base}/_simulator/consent", json={"agrees": True, "user": "someone else"})
        assert agreed.json() == {"user": "someone else", "agrees": True}
        given = redeem(base, answered(authorize(base))["code"]).json()
        headers = {"Authorization": f"Bearer {given['access_token']}"}
        assert httpx.get(f"{base}/v1/me", headers=headers).json()["id"] == "someone else"
        httpx.delete(f"{base}/_simulator/consent")
        assert httpx.get(f"{base}/v1/me", headers=headers).status_code == 401
        assert refused(renew(base, given["refresh_token"])) == (400, "invalid_grant")


def test_scopes_decide(base: str) -> None:
    with signed_in(base, scope="user-top-read") as client:
        assert client.get("/me").status_code == 200
        assert client.get("/me/top/tracks").status_code == 200
        for path in (
            "player/recently-played",
            "tracks",
            "albums",
            "playlists",
            "following?type=artist",
        ):
            reply = client.get(f"/me/{path}")
            assert (reply.status_code, reply.json()["error"]["message"]) == (
                403,
                "Insufficient client scope",
            )
        assert client.get("/me/player").status_code == 404
    app = token(base, grant_type="client_credentials", client_secret="any").json()["access_token"]
    reply = httpx.get(f"{base}/v1/me", headers={"Authorization": f"Bearer {app}"})
    assert reply.status_code == 401
    assert reply.json()["error"]["message"] == "Valid user authentication required"


def paged(client: httpx.Client, path: str, inner: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        page = client.get(url).json()
        page = page[inner] if inner else page
        found += page["items"]
        url = page["next"]
    return found


def test_library_and_tops(base: str) -> None:
    with signed_in(base) as client:
        tracks = paged(client, "/me/tracks?limit=50")
        assert len({row["track"]["id"] for row in tracks}) == len(tracks) > 60
        added = [row["added_at"] for row in tracks]
        assert added == sorted(added, reverse=True)
        assert tracks[0]["added_at"] < "2026-11-21"
        assert len(paged(client, "/me/albums?limit=7")) > 7
        followed = paged(client, "/me/following?type=artist&limit=9", "artists")
        assert len({one["id"] for one in followed}) == len(followed) > 9
        spans = [
            [one["id"] for one in paged(client, f"/me/top/artists?limit=50&time_range={span}")]
            for span in ("short_term", "medium_term", "long_term")
        ]
        assert {*spans[0]} == {*spans[1]} == {*spans[2]}
        assert spans[0] != spans[2]
        assert client.get("/me/top/artists?time_range=ever").status_code == 400
        assert len(client.get("/me/top/tracks?limit=50").json()["items"]) > 20
        playlist = client.get("/me/playlists").json()["items"][0]["id"]
        assert client.get(f"/playlists/{playlist}").status_code == 200
    with signed_in(base, day="2026-05-20") as earlier:
        before = {row["track"]["id"] for row in paged(earlier, "/me/tracks?limit=50")}
        assert before < {row["track"]["id"] for row in tracks}


def test_recently_played_goes_back_fifty_plays(base: str) -> None:
    with signed_in(base) as client:
        page = client.get("/me/player/recently-played?limit=50").json()
        times = [row["played_at"] for row in page["items"]]
        assert len(times) == 50
        assert times == sorted(times, reverse=True)
        assert times[0].startswith("2026-11-20T")
        assert client.get(page["next"]).json()["items"] == []
        newest = client.get("/me/player/recently-played?limit=10").json()
        after = newest["cursors"]["before"]
        since = client.get(f"/me/player/recently-played?after={after}&limit=50").json()["items"]
        assert since == newest["items"][:-1]
        assert len(paged(client, "/me/player/recently-played?limit=20")) == 50
        assert client.get("/me/player/recently-played?after=1&before=2").status_code == 400
    with signed_in(base, day="2026-11-21") as tomorrow:
        later = tomorrow.get("/me/player/recently-played?limit=50").json()["items"]
        assert {row["played_at"] for row in later} & set(times), "the days join"


def test_development_mode_drops_fields_of_a_person() -> None:
    with (
        running(SimulatorConfig(artists=50, mode="development", quirks=False)) as base,
        signed_in(base, scope="user-read-private user-read-email user-library-read") as client,
    ):
        assert not client.get("/me").json().keys() & {"country", "email", "product", "followers"}
        row = client.get("/me/tracks?limit=1").json()["items"][0]
        assert row.keys() == {"added_at", "track"}
        assert "popularity" not in row["track"]
