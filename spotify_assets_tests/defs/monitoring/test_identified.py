"""What a daily run says of artists that it could not identify."""

from __future__ import annotations

import dagster as dg
import pytest

from spotify_assets.artists import watchlist
from spotify_assets.defs.monitoring.identified import NAME
from spotify_assets.settings import Settings, load_settings
from spotify_assets.simulator.catalogue.elsewhere import Elsewhere
from spotify_assets.simulator.faults.rules import Fault
from spotify_assets.simulator.server.config import SimulatorConfig
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.running import materialized, run
from spotify_assets_tests.support.simulator_server import running

WORLD = Elsewhere(2026, 60, quirks=False)
DAY = "2026-11-20"


def test_a_run_says_whom_it_could_not_identify_and_why(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = [n for n in range(60) if WORLD.ties(n).linked and WORLD.ties(n).deezer_linked][:3]
    watchlist.add_many(warehouse, "simulated", [(WORLD.catalogue.artist_id(n), None) for n in linked])
    monkeypatch.setenv("SOURCES", "simulated,simulated-deezer")
    robots = Fault(fault="answer", path="^/musicbrainz/", status=403, value={"error": "identify yourself"})

    def observed(*faults: Fault) -> tuple[dg.AssetCheckEvaluation, str]:
        with running(SimulatorConfig(artists=60, quirks=False, faults=faults)) as url:
            monkeypatch.setenv("SIMULATOR_URL", url)
            done = run(load_settings(), instance, [DAY], ["landing/raw_artists"])
        assert done.success
        (check,) = [one for one in done.get_asset_check_evaluations() if one.check_name == NAME]
        return check, str(materialized(instance, "landing/raw_artists")[DAY].get("unidentified", ""))

    check, told = observed(robots)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "3 watched artists have no Deezer id yet" in str(check.description)
    assert "3 watched artists have no Deezer id yet" in told
    assert "identify yourself" in told
    assert "SPOTIFY_ASSETS_CONTACT" in told
    assert all(WORLD.catalogue.artist_id(n) not in str(check.description) for n in linked)
    check, told = observed()
    assert check.passed
    assert told == ""
