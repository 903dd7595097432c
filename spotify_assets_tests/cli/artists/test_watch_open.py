"""`watch` with open sources: references of all services, identities found and corrected by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.sources.lastfm.names import id_of
from spotify_assets_tests.support.command import Done

Cli = Callable[..., Done]
CATALOGUE = Catalogue(artists=200)
WORLD = Elsewhere(CATALOGUE.seed, 200, quirks=True)
MBID = "056e4f3e-d505-4dad-8ec1-d04f521cbb56"


def one(**ties: bool) -> int:
    """An artist that is known elsewhere in exactly this way."""
    return next(
        index
        for index in range(10, 200)
        if all(getattr(WORLD.ties(index), name) == value for name, value in ties.items())
    )


def elsewhere(cli: Cli, artist_id: str) -> dict[str, Any]:
    rows = cli("watch", "list", "--json").succeeded().json()
    (row,) = [row for row in rows if row["artist_id"] == artist_id]
    return {found["target"]: found for found in row["identities"]}


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES", "simulated,simulated-listenbrainz,simulated-deezer,simulated-lastfm")


@pytest.mark.usefixtures("everything")
def test_who_is_added_is_identified_right_away(cli: Cli) -> None:
    linked = one(linked=True, deezer_linked=True, lastfm=True, twice=False, shared=False)
    artist_id, name = CATALOGUE.artist_id(linked), WORLD.catalogue.name(linked)
    done = cli("watch", "add", artist_id, "--priority", "7").succeeded()
    assert "simulated-musicbrainz" in done.out
    assert "(linked in MusicBrainz, 95% sure)" in done.out
    found = elsewhere(cli, artist_id)
    assert found["simulated-musicbrainz"]["target_id"] == WORLD.mbid(linked)
    assert found["simulated-deezer"]["target_id"] == str(WORLD.deezer_ids(linked)[0])
    assert found["simulated-lastfm"]["method"] == "musicbrainz"
    assert cli("watch", "list", "--json").json()[0]["priority"] == 7
    assert name in cli("watch", "list").succeeded().out, "MusicBrainz said what it is called"
    again = cli("watch", "identify", "--json").succeeded().json()
    assert again == {"found": [], "not_found": [], "left": 0, "problems": []}


@pytest.mark.usefixtures("everything")
def test_who_is_known_by_name_only_is_found_with_little_confidence(cli: Cli) -> None:
    index = one(musicbrainz=True, linked=False, wikidata=False, deezer=True, twice=False)
    name = WORLD.catalogue.name(index)
    done = cli("watch", "add", name).succeeded()
    assert "by its name only" in done.out
    found = elsewhere(cli, CATALOGUE.artist_id(index))["simulated-deezer"]
    assert (found["method"], found["confidence"]) == ("name", 0.4)
    assert found["target_id"] == str(WORLD.deezer_ids(index)[0])


@pytest.mark.usefixtures("everything")
def test_a_person_corrects_an_identity_for_good(cli: Cli) -> None:
    index = one(linked=True, deezer_linked=True)
    artist_id = CATALOGUE.artist_id(index)
    cli("watch", "add", artist_id).succeeded()
    done = cli(
        "watch",
        "identify",
        artist_id,
        "--deezer",
        "https://www.deezer.com/artist/27",
        "--lastfm",
        "Daft Punk",
    ).succeeded()
    assert "entered by hand" in done.out
    cli("watch", "identify", artist_id).succeeded()
    found = elsewhere(cli, artist_id)
    assert (found["simulated-deezer"]["target_id"], found["simulated-deezer"]["method"]) == ("27", "hand")
    assert (found["simulated-lastfm"]["target_id"], found["simulated-lastfm"]["confidence"]) == (
        "Daft+Punk", 1.0
    )  # fmt: skip
    assert found["simulated-musicbrainz"]["method"] == "musicbrainz"


@pytest.mark.usefixtures("everything")
def test_a_person_takes_back_that_an_artist_is_another(cli: Cli) -> None:
    artist_id, other = CATALOGUE.artist_id(3), CATALOGUE.artist_id(4)
    cli("watch", "add", artist_id).succeeded()
    assert "entered by hand" in cli("watch", "identify", artist_id, "--spotify", other).succeeded().out
    assert elsewhere(cli, artist_id)["simulated"]["target_id"] == other
    cli("watch", "identify", artist_id, "--spotify", artist_id).succeeded()
    found = elsewhere(cli, artist_id)["simulated"]
    assert (found["target_id"], found["method"]) == (artist_id, "hand")
    assert "itself" in cli("watch", "list").succeeded().out


@pytest.mark.usefixtures("everything")
def test_what_cannot_be_meant_is_refused(cli: Cli) -> None:
    artist_id = CATALOGUE.artist_id(3)
    cli("watch", "add", artist_id).succeeded()
    assert cli("watch", "identify", "--deezer", "27").code == 2
    for arguments, said in [
        (("nobody", "--deezer", "27"), "is not tracked"),
        ((artist_id, "--deezer", "odd"), "is no artist's id"),
        ((artist_id, "--musicbrainz", "deezer:27"), "is no artist's id"),
        ((artist_id, "--deezer", "https://www.deezer.com/track/1"), "leads to deezer and to no artist"),
        ((artist_id, "--spotify", artist_id), "is the id that it is watched under"),
    ]:
        done = cli("watch", "identify", *arguments)
        assert done.code == 1
        assert said in done.err


def test_without_spotify_names_are_searched_at_the_first_open_source(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES", "simulated-deezer,simulated-listenbrainz")
    index = one(deezer=True, deezer_linked=True, twice=False, shared=False)
    deezer_id = str(WORLD.deezer_ids(index)[0])
    done = cli("watch", "add", WORLD.catalogue.name(index)).succeeded()
    assert f"tracking: {deezer_id}" in done.out
    assert "(simulated-deezer)" in done.out
    assert elsewhere(cli, deezer_id)["simulated-musicbrainz"]["target_id"] == WORLD.mbid(index)
    cli("watch", "add", f"deezer:{deezer_id}").succeeded()
    cli("watch", "remove", f"https://www.deezer.com/artist/{deezer_id}").succeeded()
    assert cli("watch", "list", "--json").json() == []

    monkeypatch.setenv("SOURCES", "simulated-listenbrainz")
    other = one(musicbrainz=True, linked=True, shared=False)
    done = cli("watch", "add", WORLD.catalogue.name(other)).succeeded()
    assert f"tracking: {WORLD.mbid(other)}" in done.out
    assert "=" not in done.out, "its only source knows it by this id"
    assert "None of the sources" not in done.text
    cli("watch", "remove", WORLD.mbid(other)).succeeded()
    monkeypatch.setenv("SOURCES", "simulated-lastfm")
    third = one(lastfm=True, shared=False)
    done = cli("watch", "add", WORLD.catalogue.name(third), "https://www.last.fm/music/Duster").succeeded()
    assert "(simulated-lastfm)" in done.out
    rows = {row["artist_id"]: row for row in cli("watch", "list", "--json").json()}
    assert {row["source"] for row in rows.values()} == {"simulated-lastfm"}
    assert rows.keys() == {id_of(WORLD.catalogue.name(third)), "Duster"}
    assert "No artist called" in cli("watch", "add", "nobody is called that").err


def test_live_references_need_no_credentials_and_no_answer(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES", "listenbrainz,deezer")
    for name in ("DEEZER_API_URL", "MUSICBRAINZ_API_URL", "WIKIDATA_SPARQL_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/nobody")
    done = cli("watch", "add", f"https://musicbrainz.org/artist/{MBID}", "deezer:27").succeeded()
    assert "(musicbrainz)" in done.out
    assert "(deezer)" in done.out
    assert "still to be looked for: " in done.err
    assert done.err.endswith("spotify-assets watch identify\n")
    assert "SIMULATED" not in done.text
    assert {row["source"] for row in cli("watch", "list", "--json").json()} == {"musicbrainz", "deezer"}
    assert cli("watch", "remove", "27").succeeded().out == "no longer tracked: 27  (deezer)\n"
