"""`purge`: what it asks, what it prints, and its exit codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spotify_assets_tests.cli.command import Done, Installation, query

Cli = Callable[..., Done]
ARTIST = "0TnOYISbd1XYRBk9myaseg"


def test_an_artist_by_link_is_removed_and_the_proof_is_printed(cli: Cli, installation: Installation) -> None:
    cli("watch", "add", ARTIST).succeeded()
    looked = cli("purge", "--artist", f"https://open.spotify.com/artist/{ARTIST}", "--dry-run").succeeded()
    assert "ops.watchlist" in looked.out
    assert "Nothing was removed (--dry-run)" in looked.out
    asked = cli("purge", "--artist", ARTIST)
    assert asked.code == 2
    assert "add --yes" in asked.err
    (outcome,) = cli("purge", "--artist", ARTIST, "--yes", "--json").succeeded().json()
    assert outcome["left"] == 0
    assert {"place": "ops.watchlist", "found": 1, "removed": 1, "left": 0} in outcome["places"]
    assert query(installation.variables["DATABASE_URL"], "select * from ops.watchlist") == []
    again = cli("purge", "--artist", ARTIST, "--yes").succeeded()
    assert f"Searched again: nothing about artist {ARTIST} is left" in again.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "say what to remove"),
        (("--artist", ARTIST, "--user", "x"), 2, "choose one"),
        (("--expired", "--source", "spotify"), 2, "choose one"),
        (("--expired", "--yes"), 1, "SPOTIFY_RETENTION_DAYS is not set"),
        (("--source", "../x", "--yes"), 1, "cannot name a source"),
        (("--artist", "https://open.spotify.com/track/x", "--yes"), 1, "not an artist"),
    ],
)
def test_what_cannot_be_done_says_why(cli: Cli, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = cli("purge", *arguments)
    assert done.code == code
    assert words in done.err


def test_retention_is_enforced_by_a_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_RETENTION_DAYS", "30")
    done = cli("purge", "--expired", "--yes").succeeded()
    assert "nothing about source spotify before 20" in done.out


def test_what_is_left_is_an_error(cli: Cli, installation: Installation) -> None:
    import psycopg2

    connection = psycopg2.connect(installation.variables["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("create schema notes; create table notes.mine (text text)")
        cursor.execute("insert into notes.mine values (%s)", (f"I like {ARTIST}",))
    connection.close()
    done = cli("purge", "--artist", ARTIST, "--yes")
    assert done.code == 1
    assert "notes.mine" in done.out
    assert "1 entries" in done.out
