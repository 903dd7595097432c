"""`watch`: artists by id, URI, link or name, against the simulated upstream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pyarrow as pa
import pytest
from pydantic import SecretStr

from spotify_assets.settings import load_settings
from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.warehouse.open import open_warehouse
from spotify_assets_tests.support.command import Done, Installation, change
from spotify_assets_tests.support.warehouse import DAY, artists, load

Cli = Callable[..., Done]
CATALOGUE = Catalogue(artists=200)
IDS = CATALOGUE.artist_ids(6)


def tracked(cli: Cli) -> dict[str, str | None]:
    return {
        artist["artist_id"]: artist["name"] for artist in cli("watch", "list", "--json").succeeded().json()
    }


def unique_name() -> tuple[str, str]:
    names = [CATALOGUE.name(index) for index in range(200)]
    index = next(
        index for index in range(20, 200) if sum(names[index].casefold() in n.casefold() for n in names) == 1
    )
    return CATALOGUE.artist_id(index), names[index]


def test_an_artist_is_added_by_id_uri_and_link(cli: Cli) -> None:
    done = cli(
        "watch",
        "add",
        IDS[0],
        f"spotify:artist:{IDS[1]}",
        f"https://open.spotify.com/intl-de/artist/{IDS[2]}?si=x",
    ).succeeded()
    assert set(tracked(cli)) == set(IDS[:3])
    assert done.out.count("tracking: ") == 3
    assert "(simulated)" in done.out
    assert done.out.endswith("spotify-assets materialize\n")
    again = cli("watch", "add", IDS[0]).succeeded()
    assert again.out == f"already tracked: {IDS[0]}  {CATALOGUE.name(0)}  (simulated)\n"
    assert tracked(cli) == {artist_id: CATALOGUE.name(index) for index, artist_id in enumerate(IDS[:3])}


def test_an_id_that_nobody_has_is_added_and_said_so(cli: Cli) -> None:
    done = cli("watch", "add", "0" * 22, "0TnOYISbd1XYRBk9myase")
    assert done.out.startswith(f"tracking: {'0' * 22}  (simulated)\n")
    assert f"simulated knows nobody by the id {'0' * 22}" in done.err
    assert "looks like a damaged id: an id has 22 letters and digits, this one has 21" in done.err
    assert (done.code, tracked(cli)) == (1, {"0" * 22: None})


def test_without_an_answer_an_artist_is_added_all_the_same(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_URL", "http://127.0.0.1:9")
    done = cli("watch", "add", IDS[0]).succeeded()
    assert f"tracking: {IDS[0]}  (simulated)" in done.out
    assert "added without looking up who it is" in done.err
    assert tracked(cli) == {IDS[0]: None}


def test_who_was_observed_is_listed_by_name(cli: Cli, database: str) -> None:
    change(
        database,
        "insert into ops.watchlist (source, artist_id, added_by) values ('simulated', repeat('b', 22), 'x')",
    )
    warehouse = open_warehouse(load_settings(database_url=SecretStr(database)))
    for ago, name in ((2, "As It Was"), (1, "As It Is Called")):
        day = DAY - timedelta(days=ago)
        rows = artists(["b" * 22], source="simulated", day=day)
        named = rows.set_column(rows.column_names.index("name"), "name", pa.array([name]))
        load(warehouse, named, source="simulated", day=day)
    assert tracked(cli) == {"b" * 22: "As It Is Called"}
    assert "As It Is Called" in cli("watch", "list").succeeded().out
    cli("watch", "remove", "as it is called").succeeded()


def test_a_name_is_searched_for(cli: Cli) -> None:
    artist_id, name = unique_name()
    assert cli("watch", "add", name.upper()).succeeded().out.startswith(f"tracking: {artist_id}  {name}")
    assert tracked(cli) == {artist_id: name}
    listed = cli("watch", "list").succeeded().out
    assert name in listed
    assert "SIMULATED" in listed


def test_an_unknown_or_ambiguous_name_is_not_guessed(cli: Cli) -> None:
    unknown = cli("watch", "add", "Qqqxyzzy Nobody", IDS[0])
    assert unknown.code == 1
    assert "No artist called 'Qqqxyzzy Nobody'" in unknown.err
    assert set(tracked(cli)) == {IDS[0]}, "what can be understood is added all the same"

    word = CATALOGUE.name(0).split()[0]
    several = [CATALOGUE.name(index) for index in range(200) if word in CATALOGUE.name(index)]
    if len(several) < 2:
        word = "e"
    ambiguous = cli("watch", "add", word)
    assert ambiguous.code == 1
    assert "may be any of these" in ambiguous.err
    assert "followers)" in ambiguous.err
    assert set(tracked(cli)) == {IDS[0]}


def test_a_link_to_something_else_is_refused_with_a_hint(cli: Cli) -> None:
    done = cli("watch", "add", f"https://open.spotify.com/track/{IDS[0]}")
    assert done.code == 1
    assert "this names a track, not an artist" in done.err
    assert "open its artist's page" in done.err
    assert tracked(cli) == {}
    assert cli("watch", "add", "spotify:artist:tooshort").code == 1


def test_a_file_has_one_artist_a_line(cli: Cli, installation: Installation) -> None:
    file = installation.home / "artists.txt"
    file.write_text(
        f"\ufeff{IDS[0]}  # the first\n\n# nobody\nspotify:artist:{IDS[1]}\r\n{IDS[2]}\n", encoding="utf-8"
    )
    cli("watch", "add", "--file", str(file)).succeeded()
    assert set(tracked(cli)) == set(IDS[:3])
    file.write_bytes(b"Bj\xf6rk\n")
    done = cli("watch", "add", "--file", str(file))
    assert done.code == 1
    assert "UTF-8" in done.err
    assert "Traceback" not in done.err


def test_an_artist_is_removed_by_reference_or_name_and_the_others_stay(cli: Cli) -> None:
    _, name = unique_name()
    cli("watch", "add", *IDS[:2], name).succeeded()
    done = cli("watch", "remove", "nobody at all", f"spotify:artist:{IDS[0]}", name)
    assert done.code == 1
    assert "nobody at all: is not tracked" in done.err
    assert f"no longer tracked: {IDS[0]}" in done.out
    assert set(tracked(cli)) == {IDS[1]}
    assert cli("watch", "remove", IDS[0]).code == 1
    cli("watch", "add", IDS[0]).succeeded()
    assert set(tracked(cli)) == set(IDS[:2])


def test_a_name_cannot_play_with_the_terminal(cli: Cli, simulator: str) -> None:
    artist_id, name = unique_name()
    evil = "[bold]loud[/bold] \x1b[31mred\x07"
    httpx.post(
        f"{simulator}/_simulator/faults",
        json={"fault": "name", "path": "/search", "value": evil, "index": None},
    ).raise_for_status()
    try:
        done = cli("watch", "add", name)
    finally:
        httpx.delete(f"{simulator}/_simulator/faults").raise_for_status()
    shown = done.text + cli("watch", "list").text
    assert "[bold]loud[/bold] \\x1b[31mred\\x07" in shown
    assert "\x1b" not in shown
    assert artist_id in shown


def test_nobody_tracked_says_how_to_begin(cli: Cli) -> None:
    assert "spotify-assets watch add ARTIST" in cli("watch", "list").succeeded().out
    assert cli("watch", "list", "--json").json() == []


@pytest.mark.parametrize("user", ["KeyError", "OSError"])
def test_a_user_without_a_name_can_add(cli: Cli, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    import getpass

    def nameless() -> str:
        raise {"KeyError": KeyError, "OSError": OSError}[user]("uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nameless)
    cli("watch", "add", IDS[0]).succeeded()
