"""`login` and `logout` against the simulated upstream, and no secret of theirs anywhere."""

from __future__ import annotations

import hashlib
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from spotify_assets_tests.support.command import Done, Installation, change, command, query


def free_redirect() -> str:
    """An address on this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/callback"


@pytest.fixture
def platform(installation: Installation) -> Installation:
    return installation.changed(SPOTIFY_REDIRECT_URL=free_redirect())


def login(
    platform: Installation,
    visit: bool = True,
    *options: str,
    meanwhile: Callable[[Installation], None] = lambda _: None,
) -> tuple[Done, list[str]]:
    """Run `login`, open the address that it prints, and return what it said and what is secret about it."""
    process = subprocess.Popen(
        [*command(), "login", "--no-browser", *options],
        env={**platform.environment(), "PYTHONUNBUFFERED": "1"},
        cwd=platform.home, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    out, secrets = "", []
    while "Waiting" not in out and process.poll() is None:
        out += process.stdout.readline()
    meanwhile(platform)
    found = re.search(r"(http://\S+/authorize\?\S+)", out)
    if visit:
        assert found, out
        sent = httpx.get(found.group(1), follow_redirects=False)
        target = sent.headers["location"]
        secrets = re.findall(r"code=([^&]+)", target)
        assert httpx.get(target).status_code == 200
    rest, err = process.communicate(timeout=60)
    return Done(process.returncode, out + rest, err), secrets


def everywhere(platform: Installation) -> str:
    """Everything in the database and in the files of the home."""
    url = platform.variables["DATABASE_URL"]
    tables = query(
        url,
        "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')",
    )
    rows = [row for (table,) in tables for (row,) in query(url, f"select t::text from {table} as t")]
    files = [
        path.read_bytes().decode("latin-1")
        for path in Path(platform.home).rglob("*")
        if path.is_file() and path.suffix != ".key"
    ]
    return "\n".join([*rows, *files])


def test_login_keeps_an_encrypted_sign_in_and_logout_deletes_everything(platform: Installation) -> None:
    done, codes = login(platform)
    done.succeeded()
    assert re.search(r"Signed in: .+ \(simulated, user .+\), until 20\d\d-\d\d-\d\d\.", done.out)
    assert len(codes) == 1
    kept = everywhere(platform)
    assert "simulated-refresh" not in kept, "the refresh token stands nowhere in clear"
    assert "simulated-refresh" not in done.text
    assert codes[0] not in kept + done.text
    url = platform.variables["DATABASE_URL"]
    ((months,),) = query(url, "select extract(month from age(expires_at, authorised_at)) from ops.users")
    assert months == 6

    (first,) = query(url, "select authorised_at from ops.users")
    login(platform)[0].succeeded()
    (second,) = query(url, "select authorised_at from ops.users")
    assert second > first, "signing in again renews"

    refused = platform.run("logout")
    assert refused.code == 2
    assert "--yes" in refused.err
    gone = platform.run("logout", "--yes").succeeded()
    assert "The token is deleted" in gone.out
    assert re.search(r"ops\.users +1 +1 +0", gone.out)
    assert query(url, "select * from ops.users") == []


def token_calls(platform: Installation) -> list[str]:
    """Calls of a sign-in that the simulated upstream has got."""
    report = httpx.get(f"{platform.variables['SIMULATOR_URL']}/_simulator/requests?limit=10000").json()
    paths = [request["path"] for request in report["requests"]]
    return [path for path in paths if path.startswith(("/api/token", "/v1/me"))]


COOLED = """
insert into ops.cooldowns (upstream, credential, until, promised, reason, set_at)
values ('simulated', %s, now() + interval '1 hour', true, 'it said so', now())
"""


def cool_down(platform: Installation) -> None:
    change(platform.variables["DATABASE_URL"], COOLED.replace("%s", f"'{APP}'"))


APP = hashlib.sha256(b"simulated").hexdigest()[:12]


def test_a_sign_in_counts_its_call_in_the_books_of_the_app(platform: Installation) -> None:
    before = token_calls(platform)
    login(platform)[0].succeeded()
    assert token_calls(platform) == [*before, "/api/token", "/v1/me"]
    books = query(platform.variables["DATABASE_URL"], "select upstream, credential, calls from ops.api_usage")
    assert books == [("simulated", APP, 1)], "the token call is free, as everywhere"


def test_a_cooldown_is_told_before_anyone_is_asked_to_sign_in(platform: Installation) -> None:
    cool_down(platform)
    before = token_calls(platform)
    done, _ = login(platform, False)
    assert done.code == 1
    assert "simulated has to be left alone until" in done.err
    assert "it said so" in done.err
    assert "to sign in" not in done.out
    assert token_calls(platform) == before


def test_nothing_is_asked_in_a_cooldown_that_began_while_somebody_signed_in(platform: Installation) -> None:
    before = token_calls(platform)
    done, _ = login(platform, meanwhile=cool_down)
    assert done.code == 1
    assert "has to be left alone until" in done.err
    assert token_calls(platform) == before
    assert query(platform.variables["DATABASE_URL"], "select * from ops.users") == []


def test_what_is_simulated_signs_in_at_the_simulated_upstream_whatever_app_is_set(
    platform: Installation,
) -> None:
    done, _ = login(
        platform.changed(
            SOURCES="simulated", SPOTIFY_CLIENT_ID="someone", SPOTIFY_CLIENT_SECRET="canary",
            SPOTIFY_ACCOUNTS_URL="http://127.0.0.1:9", SPOTIFY_API_URL="http://127.0.0.1:9/v1",
        )
    )  # fmt: skip
    done.succeeded()
    assert f"{platform.variables['SIMULATOR_URL']}/authorize" in done.out
    assert "(simulated, user" in done.out


def test_nobody_signs_in(platform: Installation) -> None:
    started = time.monotonic()
    done, _ = login(platform, False, "--timeout", "1")
    assert done.code == 1
    assert "Nobody signed in within 1 seconds" in done.err
    assert time.monotonic() - started < 30
    assert query(platform.variables["DATABASE_URL"], "select * from ops.users") == []


def test_a_person_who_says_no(platform: Installation) -> None:
    simulator = platform.variables["SIMULATOR_URL"]
    httpx.post(f"{simulator}/_simulator/consent", json={"agrees": False}).raise_for_status()
    try:
        done, _ = login(platform)
    finally:
        httpx.post(f"{simulator}/_simulator/consent", json={"agrees": True}).raise_for_status()
    assert done.code == 1
    assert "declined" in done.err


def test_localhost_is_refused_before_anything_is_opened(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTIFY_REDIRECT_URL", "http://localhost:8765/callback")
    done = cli("login", "--no-browser")
    assert done.code == 1
    assert "Spotify refuses the name localhost" in done.err
    assert "127.0.0.1" in done.err


def test_without_an_app_it_says_what_to_set(
    cli: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES", "listenbrainz")
    done = cli("login", "--no-browser")
    assert done.code == 1
    assert "SPOTIFY_CLIENT_ID" in done.err


def test_logout_with_nobody_signed_in(cli: Callable[..., Done]) -> None:
    done = cli("logout", "--yes")
    assert done.code == 1
    assert "Nobody is signed in" in done.err
