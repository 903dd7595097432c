"""Dagster's records, log files and compute logs of a whole day name no artist: they outlast a purge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.command import Installation, contents, query
from spotify_assets_tests.support.simulator_server import running

ARTISTS = 60
IDS = Catalogue(artists=ARTISTS).artist_ids(5)
UNKNOWN, ODD = "0" * 22, "not-an-id"
SOURCES = "simulated,simulated-deezer,simulated-lastfm"
FAULTS = [
    {"fault": "status_500", "path": f"artists/{IDS[0]}/top-tracks", "times": None},
    {"fault": "answer", "path": f"artists/{IDS[1]}/albums", "times": None, "status": 404,
     "value": {"error": {"status": 404, "message": f"no artist {IDS[1]}"}}},
    {"fault": "status_502", "path": "getinfo", "times": 3},
    {"fault": "status_500", "path": "/artist/[0-9]+/top", "times": 5},
]  # fmt: skip


@pytest.fixture
def upstream() -> Iterator[str]:
    with running(SimulatorConfig(artists=ARTISTS)) as url:
        for fault in FAULTS:
            httpx.post(f"{url}/_simulator/faults", json=fault).raise_for_status()
        yield url


def texts(database: str, home: Path) -> dict[str, str]:
    """Everything that Dagster or a process of ours has written but the lake, by place."""
    found = {name: "\n".join(rows) for name, rows in contents(database, "dagster").items()}
    for path in home.rglob("*"):
        if path.is_file() and path.relative_to(home).parts[0] in {"logs", "dagster"}:
            found[str(path.relative_to(home))] = path.read_text("utf-8", errors="replace")
    return found


def known(database: str) -> set[str]:
    """Ids and names of artists, wherever our own tables hold them."""
    rows = query(
        database,
        "select artist_id, name from snapshots.artist_snapshots "
        "union select artist_id, name from ops.watchlist "
        "union select artist_id, target_id from ops.identities "
        "union select unnest(artist_ids), unnest(artist_names) from snapshots.new_releases",
    )
    return {text for row in rows for text in row if text} | {*IDS, UNKNOWN, ODD}


def test_a_whole_day_names_nobody_in_what_dagster_keeps(
    installation: Installation, upstream: str, database: str
) -> None:
    here = installation.changed(SIMULATOR_URL=upstream, SOURCES=SOURCES)
    here.run("watch", "add", *IDS, UNKNOWN).succeeded()
    day = here.run("materialize", "--json")
    assert query(database, "select count(*) from ops.partition_loads where rows_missing > 0")[0][0] > 0
    assert query(database, "select count(*) from marts.artist_popularity_trend")[0][0] > 0, day.text
    names, kept = known(database), texts(database, here.home)
    assert len(names) > 20
    assert any("event_logs" in place for place in kept)
    assert any(place.startswith("logs/") for place in kept)
    for said in ("show_missing", "missing_by_reason", "top tracks of an artist"):
        assert any(said in text for text in kept.values()), said
    # An id of few digits may be any number.
    named = [name for name in names if not (name.isdigit() and len(name) < 5)]
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, named))})(?!\w)")
    found = {
        place: [text[max(at.start() - 200, 0) : at.end() + 40] for at in pattern.finditer(text)][:3]
        for place, text in kept.items()
    }
    assert {place: where for place, where in found.items() if where} == {}
