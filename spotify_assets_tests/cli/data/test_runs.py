"""`materialize` and `backfill` as processes: what they print, and how they end."""

from __future__ import annotations

import re
import signal
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets_tests.support.command import Installation, eventually, query
from spotify_assets_tests.support.simulator_server import running
from spotify_assets_tests.support.terminal import Shown

IDS = Catalogue(artists=200).artist_ids(3)
ARTISTS_ONLY = ("--select", "landing/raw_artists", "--select", "snapshots/artist_snapshots")


def test_the_outcome_for_programs_and_for_people(installation: Installation, database: str) -> None:
    installation.run("watch", "add", *IDS).succeeded()
    done = installation.run("materialize", "--day", "2026-11-03", *ARTISTS_ONLY, "--json").succeeded()
    outcome = done.json()
    assert done.err == ""
    assert outcome["success"] is True
    assert outcome["simulated"] is True
    assert outcome["problems"] == outcome["stopped"] == []
    (load,) = outcome["loads"]
    assert (load["table"], load["source"], load["day"]) == ("artist_snapshots", "simulated", "2026-11-03")
    assert (load["requested"], load["loaded"], load["missing"]) == (3, 3, {})
    assert query(database, "select distinct run_id from ops.partition_loads") == [(outcome["run_id"],)]

    text = installation.run(
        "backfill", "--from", "2026-11-04", "--to", "2026-11-05", *ARTISTS_ONLY
    ).succeeded()
    assert "SIMULATED upstream" in text.out
    assert "Materializing 2026-11-04 to 2026-11-05" in text.out
    assert "Next: " in text.out
    assert "\x1b" not in text.text, "there is no terminal, so there are no colours"
    lines = [line for line in text.out.splitlines() if not line.startswith("Next:")]  # to be copied whole
    assert all(len(line) <= 110 for line in lines), text.out
    assert query(database, "select count(*) from snapshots.artist_snapshots") == [(9,)]


def only_ours(shown: Shown) -> None:
    """Nothing of what Dagster or dbt say was ever written to the terminal, not even for a moment."""
    assert not re.search(r"dagster - |DEBUG|RUN_START|STEP_|Traceback|Stack Trace", shown.written), (
        shown.written
    )


def test_a_terminal_shows_our_own_lines_only(installation: Installation) -> None:
    installation.run("watch", "add", *IDS).succeeded()
    done = installation.watched("materialize", "--day", "2026-11-03", *ARTISTS_ONLY)
    assert done.code == 0, done.text
    only_ours(done)
    note, header, row, *following = done.lines
    assert "SIMULATED" in note
    assert header.split() == ["table", "source", "days", "asked", "loaded"]
    assert row.split() == ["artist_snapshots", "simulated", "1", "3", "3"]
    assert " ".join(following).startswith("Next: ")
    progress = re.findall(r"Materializing 2026-11-03[^\r\n\x1b]*", done.written)
    assert progress
    assert max(map(len, progress)) <= 80, "the line of progress never wraps"


def test_nobody_tracked_and_a_lost_day_fail_with_what_to_do(
    installation: Installation, simulator: str
) -> None:
    nobody = installation.watched("materialize", *ARTISTS_ONLY)
    assert nobody.code == 1
    said = " ".join(nobody.lines)  # broken between words
    failed, _, log = said.partition(" The run's log: ")
    assert " failed: " in failed
    assert failed.endswith("spotify-assets watch add ARTIST (id, URI, link or name).")
    assert log
    only_ours(nobody)

    live = installation.changed(
        SPOTIFY_CLIENT_ID="someone",
        SPOTIFY_CLIENT_SECRET="something",
        SPOTIFY_API_URL=f"{simulator}/v1",
        SPOTIFY_ACCOUNTS_URL=simulator,
    )
    live.run("watch", "add", IDS[0]).succeeded()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    lost = live.run("materialize", "--day", f"{yesterday}", *ARTISTS_ONLY, "--json")
    assert lost.code == 1
    outcome = lost.json()
    assert outcome["success"] is False
    assert outcome["simulated"] is False
    assert f"{yesterday} is lost" in outcome["problems"][0]
    assert "spotify-assets import artist-snapshots FILE --source spotify" in outcome["problems"][0]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_130_and_a_word(installation: Installation, stop: signal.Signals) -> None:
    installation.run("watch", "add", *IDS).succeeded()
    log = installation.home / "out.log"
    with log.open("w") as output:
        process = installation.start(
            "backfill", "--from", "2026-11-01", "--to", "2026-11-19", *ARTISTS_ONLY, output=output,
            SPOTIFY_REQUESTS_PER_SECOND="0.5",
        )  # fmt: skip
    try:
        assert eventually(lambda: list(installation.home.glob("lake/raw/*/artists/*/*.gz")), 60)
        process.send_signal(stop)
        code = process.wait(60)
    finally:
        process.kill()
    assert code == 130, log.read_text()
    assert "Interrupted." in log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_an_upstream_that_is_silent_about_one_thing_costs_the_day_none_of_its_marts(
    installation: Installation, database: str
) -> None:
    with running(SimulatorConfig(artists=200)) as url:
        httpx.post(f"{url}/_simulator/faults", json={"fault": "status_500", "path": "/top-tracks"})
        here = installation.changed(SIMULATOR_URL=url)
        here.run("watch", "add", *IDS).succeeded()
        done = here.watched("materialize", seconds=500)
    assert done.code == 1, done.text
    only_ours(done)
    (failed,) = [line for line in done.text.split("\n\n")[-1].splitlines() if line.startswith("failed: ")]
    assert "top" in failed
    newest = "select max(snapshot_date), count(*) from marts.artist_popularity_trend where value is not null"
    ((day, rows),) = query(database, newest)
    assert (day, rows > 0) == (datetime.now(UTC).date(), True)
