"""`purge`: what it asks, what it prints, and its exit codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spotify_assets_tests.support.command import Done, Installation, change, query

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


MBID = "056e4f3e-d505-4dad-8ec1-d04f521cbb56"


@pytest.mark.parametrize(
    ("reference", "source", "ident"),
    [
        ("https://www.deezer.com/artist/27", "simulated-deezer", "27"),
        ("https://www.deezer.com/de/artist/27?utm_source=x", "simulated-deezer", "27"),
        ("deezer:27", "simulated-deezer", "27"),
        (f"https://listenbrainz.org/artist/{MBID}/", "simulated-musicbrainz", MBID),
        (MBID.upper(), "simulated-musicbrainz", MBID),
        (f"spotify:artist:{ARTIST}", "simulated", ARTIST),
    ],
)
def test_what_watch_understands_purge_understands(
    cli: Cli, installation: Installation, reference: str, source: str, ident: str
) -> None:
    url = installation.variables["DATABASE_URL"]
    watch(url, source, ident)
    (outcome,) = cli("purge", "--artist", reference, "--yes", "--json").succeeded().json()
    assert {"place": "ops.watchlist", "found": 1, "removed": 1, "left": 0} in outcome["places"]
    assert query(url, "select * from ops.watchlist") == []


def watch(url: str, source: str, ident: str) -> None:
    values = f"('{source}', '{ident}', 'somebody')"
    change(url, f"insert into ops.watchlist (source, artist_id, added_by) values {values}")


def test_a_source_of_an_imported_file_may_be_purged_and_a_misspelt_one_is_told(
    cli: Cli, installation: Installation
) -> None:
    watch(installation.variables["DATABASE_URL"], "charts", ARTIST)
    (installation.home / "lake" / "raw" / "old-charts").mkdir(parents=True)
    told = cli("purge", "--source", "chart", "--yes")
    assert told.code == 1
    assert ", charts, old-charts" in told.err
    (outcome,) = cli("purge", "--source", "charts", "--yes", "--json").succeeded().json()
    assert (outcome["found"], outcome["left"]) == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "say what to remove"),
        (("--artist", ARTIST, "--user", "x"), 2, "choose one"),
        (("--expired", "--source", "spotify"), 2, "choose one"),
        (("--expired", "--yes"), 1, "SPOTIFY_RETENTION_DAYS is not set"),
        (("--source", "../x", "--yes"), 1, "cannot name a source"),
        (("--source", "deezr", "--yes"), 1, "There is no source 'deezr'. Known are: spotify, listenbrainz"),
        (("--artist", ARTIST, "--source", "deezr", "--yes"), 1, "There is no source 'deezr'"),
        (("--user", "anna", "--source", "deezr", "--yes"), 1, "There is no source 'deezr'"),
        (("--artist", "https://open.spotify.com/track/x", "--yes"), 1, "not an artist"),
        (("--artist", "https://www.deezer.com/album/27", "--yes"), 1, "to no artist"),
        (("--artist", "https://example.com/artist/27", "--yes"), 1, "link to example.com"),
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
