"""What apps of different ages may see, and an app that loses it from one day to the next."""

from __future__ import annotations

from datetime import UTC, date, datetime

import httpx
import pytest

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.simulator.test_protocol import message
from spotify_assets_tests.support.simulator_client import client_of, simulated
from spotify_assets_tests.support.simulator_server import running

ONE = Catalogue(artists=50, quirks=False).artist_id(0)
SINGLE, BATCH, TOP = f"/v1/artists/{ONE}", f"/v1/artists?ids={ONE}", f"/v1/artists/{ONE}/top-tracks?market=US"
NEW, FEATURES = "/v1/browse/new-releases?limit=1", f"/v1/audio-features?ids={ONE}"


def on(client: httpx.Client, day: str, path: str) -> httpx.Response:
    return client.get(path, headers={"X-Simulated-Date": day})


def test_an_older_app_in_between() -> None:
    with simulated(artists=50, quirks=False, mode="legacy", audio_features=True) as client:
        assert client.get(SINGLE).json()["popularity"] > 0
        assert client.get(BATCH).json()["artists"][0] == client.get(SINGLE).json()
        assert client.get(TOP).json()["tracks"]
        assert client.get(f"/v1/artists/{ONE}/albums?limit=50").status_code == 200
        for path in (NEW, FEATURES):
            assert message(client.get(path)) == (403, "Forbidden")


def test_an_app_that_loses_fields_between_two_days() -> None:
    with simulated(artists=50, quirks=False, mode_until=date(2026, 11, 19)) as client:
        assert "popularity" in on(client, "2026-11-19", SINGLE).json()
        assert on(client, "2026-11-19", NEW).status_code == 200
        later = on(client, "2026-11-20", SINGLE)
        assert later.status_code == 200
        assert not later.json().keys() & {"popularity", "followers", "genres"}
        assert message(on(client, "2026-11-20", BATCH)) == (403, "Forbidden")
        assert "popularity" in on(client, "2026-11-19", SINGLE).json(), "days can be asked for in any order"


def test_the_day_changes_while_it_runs_for_whoever_names_none() -> None:
    with simulated(artists=50, quirks=False, day=None) as client:
        assert client.get("/_simulator/day").json() == {"day": datetime.now(UTC).date().isoformat()}
        assert client.post("/_simulator/day", json={"day": "2024-02-29"}).json() == {"day": "2024-02-29"}
        assert client.get(TOP).json() == on(client, "2024-02-29", TOP).json()
        assert client.get(TOP).json() != on(client, "2026-11-20", TOP).json()
        for wrong in ({"day": "2024-02-30"}, {"today": "2024-02-29"}):
            assert client.post("/_simulator/day", json=wrong).status_code == 400
        assert client.post("/_simulator/day", json={"day": None}).json() == {
            "day": datetime.now(UTC).date().isoformat()
        }


def test_modes_change_while_it_runs() -> None:
    with simulated(artists=50, quirks=False) as client:
        assert client.get("/_simulator/mode").json() == {
            "mode": "extended",
            "mode_until": None,
            "later_mode": "development",
        }
        changed = client.post("/_simulator/mode", json={"mode": "development"})
        assert changed.json()["mode"] == "development"
        assert client.get(BATCH).status_code == 403
        body = {"mode": "extended", "mode_until": "2026-11-20", "later_mode": "legacy"}
        assert client.post("/_simulator/mode", json=body).json() == body
        assert on(client, "2026-11-20", NEW).status_code == 200
        assert on(client, "2026-11-21", NEW).status_code == 403
        assert on(client, "2026-11-21", TOP).status_code == 200
        assert "legacy" in client.get("/").text
        for wrong in ({"mode": "beta"}, {"mode": "legacy", "mode_until": "soon"}, {}):
            assert client.post("/_simulator/mode", json=wrong).status_code == 400
    for wrong in ({"mode": "beta"}, {"later_mode": "beta"}):
        with pytest.raises(ValueError, match="mode"):
            SimulatorConfig(**wrong)  # type: ignore[arg-type]


def test_the_limits_of_development_mode() -> None:
    with simulated(artists=50, quirks=False, mode="development") as client:
        albums = f"/v1/artists/{ONE}/albums"
        assert client.get(albums).json()["limit"] == 5
        assert len(client.get(f"{albums}?limit=10").json()["items"]) > 5
        for path in (f"{albums}?limit=20", "/v1/search?q=tag:new&type=album&limit=50"):
            assert message(client.get(path)) == (400, "Invalid limit")
        seen, url = [], f"{albums}?limit=10"
        while url:
            page = client.get(url).json()
            seen += page["items"]
            url = page["next"]
        assert len(seen) == page["total"]
        assert not any("album_group" in album for album in seen)
        new = client.get("/v1/search?q=tag:new&type=album&limit=10").json()["albums"]["items"]
        days = [album["release_date"] for album in new if album["release_date_precision"] == "day"]
        assert days
        assert all("2026-11-07" <= released <= "2026-11-20" for released in days)


def token_of(base: str, client_id: str) -> dict[str, str]:
    form = {"grant_type": "client_credentials"}
    given = httpx.post(f"{base}/api/token", auth=(client_id, "s"), data=form).json()["access_token"]
    return {"Authorization": f"Bearer {given}"}


def test_a_quota_is_the_accounts_and_a_pace_the_apps() -> None:
    config = SimulatorConfig(artists=3, quota=3, accounts={"c": "another account"})
    with running(config) as base:
        apps = {name: token_of(base, name) for name in "abc"}

        def call(name: str) -> int:
            return httpx.get(f"{base}/v1/markets", headers=apps[name]).status_code

        assert [call(name) for name in "aabab"] == [200, 200, 200, 429, 429]
        assert call("c") == 200
    with running(SimulatorConfig(artists=3, requests_per_second=1, window_seconds=2)) as base:
        apps = {name: token_of(base, name) for name in "ab"}
        statuses = [
            httpx.get(f"{base}/v1/markets", headers=apps[name]).status_code for name in ("a", "a", "a", "b")
        ]
        assert statuses == [200, 200, 429, 200]


def test_an_owner_without_premium() -> None:
    with simulated(artists=3) as client:
        client.post("/_simulator/faults", json={"fault": "premium_required", "path": "^/v1/me"})
        assert client.get("/v1/markets").status_code == 200
        reply = client.get("/v1/me")
        words = "Active premium subscription required for the owner of the app"
        assert message(reply) == (403, words)


def test_the_root_page_names_every_protocol() -> None:
    with (
        running(SimulatorConfig(artists=3, limited=frozenset({"deezer"}))) as base,
        client_of(base) as client,
    ):
        text = client.get("/").text
        for said in ("/v1/me", "/authorize", "/deezer/", "/listenbrainz/", "/lastfm/", "/musicbrainz/"):
            assert said in text
        assert "/wikidata/sparql" in text
        assert "/_simulator/mode" in text
        assert "Limits held: deezer" in text
