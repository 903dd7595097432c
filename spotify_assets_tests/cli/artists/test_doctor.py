"""`doctor` and `status`: what an app may see, what today cost and what tomorrow will, told to a person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from spotify_assets.artists import watchlist
from spotify_assets.settings import load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.sources.http.quota import in_minutes
from spotify_assets.sources.state import credential_digest
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets.warehouse.upstream_state.api_usage import last_cooldowns
from spotify_assets.warehouse.upstream_state.quota import SharedQuota
from spotify_assets.warehouse.upstream_state.state import PostgresState
from spotify_assets_tests.support.command import Done
from spotify_assets_tests.support.servers.upstream import CALLS
from spotify_assets_tests.support.simulator_server import running

Cli = Callable[..., Done]
CONTACT = "someone@example.org"


@pytest.fixture
def warehouse(database: str) -> Warehouse:
    return open_warehouse(load_settings(database_url=SecretStr(database)))


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """An app of some mode, at an upstream that is asked as Spotify is; gives the upstream's address."""

    @contextmanager
    def app(mode: str) -> Iterator[str]:
        with running(SimulatorConfig(artists=60, quirks=False, mode=mode)) as url:  # type: ignore[arg-type]
            values = {
                "SPOTIFY_CLIENT_ID": "id", "SPOTIFY_CLIENT_SECRET": "canary-secret",
                "SPOTIFY_API_URL": f"{url}/v1", "SPOTIFY_ACCOUNTS_URL": url,
                "SPOTIFY_ASSETS_CONTACT": CONTACT, "SPOTIFY_REQUESTS_PER_SECOND": "200",
            }  # fmt: skip
            for name, value in values.items():
                monkeypatch.setenv(name, value)
            yield url

    return app


def watch(warehouse: Warehouse, count: int, source: str = "spotify") -> None:
    """Watch one artist of the simulated world before all others, and many that are nobody."""
    real = Catalogue(artists=60, quirks=False).artist_id(0)
    watchlist.add(warehouse, source, real, priority=5)
    watchlist.add_many(warehouse, source, [(f"{n:022d}", None) for n in range(count - 1)])


def calls(url: str) -> list[str]:
    """Paths of the calls of the API, in order."""
    report = httpx.get(f"{url}/_simulator/requests").json()
    return [one["path"] for one in report["requests"] if one["path"].startswith("/v1/")]


def told(text: str) -> dict[str, str]:
    """What is said of each capability: may, or may not with what the upstream said."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"  (may|may not)  +(\S.*?)(?:  +(.*?))? +since \d{4}-\d\d-\d\d\s*$", line):
            found[match[2]] = f"{match[1]} {match[3] or ''}".strip()
    return found


REFUSED = 'may not refused: HTTP 403: "Forbidden"'
MODES: dict[str, tuple[str, str, int, str]] = {
    "extended": (
        "extended",
        "Your app has extended access",
        5,
        "400 artists need 415 calls; there is no daily limit",
    ),
    "legacy": (
        "in between",
        "Your app is an older one",
        6,
        "400 artists need 1,216 calls; there is no daily limit",
    ),
    "development": (
        "development",
        "Your app is in what Spotify calls Development Mode",
        7,
        "400 artists need 1,205 calls; your budget is 400 a day: it covers snapshots of 400, new releases of "
        "0; the rest is recorded as missing",
    ),
}


@pytest.mark.parametrize("mode", list(MODES))
def test_it_finds_out_once_and_says_it_in_plain_words(
    cli: Cli,
    app: Callable[..., Any],
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    access, words, probes, tomorrow = MODES[mode]
    watch(warehouse, 400)
    with app(mode) as url:
        assert words in " ".join(cli("doctor").succeeded().out.split())
        assert len(calls(url)) == probes
        monkeypatch.delenv("SPOTIFY_REQUESTS_PER_SECOND")
        text = cli("doctor").succeeded().out
        report = cli("doctor", "--json").succeeded().json()
        assert len(calls(url)) == probes, "what is known is not asked again"
    flat = " ".join(text.split())
    assert words in flat
    assert f"tomorrow {tomorrow}" in flat
    of, pace = (" of 400", 1) if mode == "development" else ("", 5)
    assert f"today {probes}{of} calls made, at most {pace} a second" in flat
    assert "canary" not in text
    said = told(text)
    if mode == "development":
        assert said["ask for artists, 50 at once"] == REFUSED
        assert said["ask for an artist's top tracks"] == REFUSED
        assert said["see artist popularity"] == "may not left out of every answer about artists"
        assert said["ask for artists, one by one"] == "may"
        assert "raise SPOTIFY_CALLS_PER_DAY" in flat
        assert "SOURCES=spotify,listenbrainz,deezer" in flat
    else:
        assert said["ask for artists, 50 at once"] == "may"
        assert said["see artist popularity"] == "may"
        assert said["see album label"] == "may"
    assert said["ask for list of new releases"] == ("may" if mode == "extended" else REFUSED)
    (upstream,) = report["upstreams"]
    assert report["simulated"] is False
    assert report["problems"] == report["users"] == []
    assert (upstream["source"], upstream["access"]) == ("spotify", access)
    assert (upstream["calls_today"], upstream["cooldown"]) == (probes, None)
    assert upstream["tomorrow"]["artists"] == 400
    assert upstream["tomorrow"]["says"] == tomorrow
    assert upstream["tomorrow"]["fits"] is (mode != "development")
    assert len(upstream["capabilities"]) == len(said)
    allowed = {one["name"].partition(": ")[2] for one in upstream["capabilities"] if one["allowed"]}
    assert {
        name.removeprefix("ask for ").removeprefix("see ") for name, one in said.items() if one == "may"
    } == (allowed)


def test_asking_again_is_a_wish_and_not_asking_too(
    cli: Cli, app: Callable[..., Any], warehouse: Warehouse
) -> None:
    watch(warehouse, 1)
    with app("development") as url:
        text = cli("doctor", "--no-probe").succeeded().out
        assert calls(url) == []
        assert "Nothing was asked of Spotify yet" in " ".join(text.split())
        cli("doctor").succeeded()
        before = len(calls(url))
        # What was refused is believed; what is granted may have been taken back.
        cli("doctor", "--probe").succeeded()
        assert {path.split("/")[-1] for path in calls(url)[before:]} <= {
            "albums",
            Catalogue(artists=60, quirks=False).artist_id(0),
        }


def test_what_was_refused_is_asked_anew_when_wished(
    cli: Cli, app: Callable[..., Any], warehouse: Warehouse
) -> None:
    watch(warehouse, 1)
    notes = PostgresState(warehouse).capabilities("spotify", credential_digest(SecretStr("id")))
    for call in CALLS:  # as a page of a proxy had taught an earlier version
        notes.note(call, allowed=False, reason="refused: HTTP 403", at=datetime.now(UTC))
    with app("extended") as url:
        assert cli("doctor", "--no-probe", "--again").code == 2
        assert cli("doctor", "--json").succeeded().json()["upstreams"][0]["access"] == "development"
        assert calls(url) == []
        report = cli("doctor", "--again", "--json").succeeded().json()
        assert report["upstreams"][0]["access"] == "extended"
        assert len(calls(url)) == 5


def test_an_upstream_that_cannot_be_reached_is_a_problem(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    watch(warehouse, 2, "simulated")
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:9")
    done = cli("doctor")
    assert done.code == 1
    assert "gave no usable answer" in done.out
    assert "Nothing was asked of Spotify yet" in " ".join(done.out.split())
    assert "Traceback" not in done.text
    done = cli("doctor", "--json")
    assert done.code == 1
    report = done.json()
    assert report["simulated"] is True
    (problem,) = report["problems"]
    assert "gave no usable answer" in problem
    assert report["upstreams"][0]["access"] == "unknown"
    cli("doctor", "--no-probe").succeeded()


def test_nobody_watched_and_no_contact_are_things_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES", "listenbrainz,deezer")
    monkeypatch.delenv("SIMULATOR_URL")
    report = cli("doctor", "--json").succeeded().json()
    assert [one["source"] for one in report["upstreams"]] == ["listenbrainz", "deezer"]
    assert [one["access"] for one in report["upstreams"]] == [None, None]
    contact, whom = report["advice"]
    assert contact.startswith("Set SPOTIFY_ASSETS_CONTACT")
    assert re.fullmatch(r"Say whom to watch: (\S*/)?spotify-assets watch add ARTIST", whom)


def test_calls_and_a_pause_are_shown_by_both_and_nothing_is_asked_meanwhile(
    cli: Cli, app: Callable[..., Any], warehouse: Warehouse
) -> None:
    watch(warehouse, 3)
    with app("development") as url:
        cli("doctor").succeeded()
        before = len(calls(url))
        status = cli("status").succeeded().out
        assert f"calls     spotify: {before} of 400 today; tomorrow: 3 artists need 14 calls" in status
        assert "paused" not in status

        quota = SharedQuota(warehouse, "spotify", credential_digest(SecretStr("id")))
        quota.cool_down(7200, "it asked for a pause of 7,200 s (HTTP 429)")
        quota.close()
        (cooldown,) = last_cooldowns(warehouse)
        until = in_minutes(cooldown.until)
        status = cli("status").succeeded().out
        assert f"paused    spotify: nothing is asked until {until} (it asked for a pause of 7,200 s" in status
        doctor = " ".join(cli("doctor").succeeded().out.split())
        assert f"PAUSED nothing is asked until {until}: it asked for a pause of 7,200 s (HTTP 429)" in doctor
        SharedQuota(warehouse, "musicbrainz", "none").cool_down(90_000, "it asked for 25 hours")
        assert "it asked for 25 hours; it is asked once after a day" in cli("doctor").succeeded().out
        (other,) = cli("doctor", "--json").succeeded().json()["others_paused"]
        assert other["upstream"] == "musicbrainz"
        for command in ("status", "doctor"):
            (upstream,) = cli(command, "--json").succeeded().json()["upstreams"]
            assert datetime.fromisoformat(upstream["cooldown"]["until"]) == cooldown.until
            assert upstream["cooldown"]["promised"] is True
            assert upstream["calls_today"] == before
        asked = cli("doctor", "--probe")
        assert asked.code == 1
        assert f"has to be left alone until {cooldown.until.astimezone(UTC):%Y-%m-%d}" in asked.out
        assert len(calls(url)) == before

        wrong = cli("doctor", "--end-cooldown", "deezer")
        assert wrong.code == 2
        assert "deezer is not paused; paused now: musicbrainz, spotify" in " ".join(wrong.text.split())
        half = cli("doctor", "--end-cooldown", "spotify", "--end-cooldown", "deezer")
        assert "paused now: musicbrainz, spotify" in " ".join(half.text.split())
        done = cli("doctor", "--end-cooldown", "spotify", "--end-cooldown", "musicbrainz").succeeded()
        assert "PAUSED" not in done.out
        cli("doctor", "--again").succeeded()
        assert len(calls(url)) > before
