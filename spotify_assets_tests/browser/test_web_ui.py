"""The Dagster web UI: what it shows, and what a person can set going there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from spotify_assets_tests.browser import pages
from spotify_assets_tests.browser.conftest import ARTISTS
from spotify_assets_tests.browser.stack import Stack
from spotify_assets_tests.support.command import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

ASSET = "snapshots/artist_snapshots"
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
FIRST, LAST = TODAY - timedelta(days=59), TODAY - timedelta(days=30)


@pytest.fixture(scope="session")
def backfill(stack: Stack, browser: Browser) -> str:
    """A backfill of what is observed, 30 days before the demo, asked for by clicks; gives its id."""
    watch = pages.Watch()
    page = pages.open_page(browser, watch)
    dialogue = pages.ask_to_materialize_all(page, stack.web, f"[{FIRST}...{LAST}]")
    expect(dialogue).to_contain_text("Launch runs to materialize 13 assets")
    expect(dialogue).to_contain_text("30 partitions")
    dialogue.get_by_role("button", name="Launch backfill").click()
    expect(dialogue).to_be_hidden()
    assert eventually(stack.newest_backfill, 30, 0.5)
    page.context.close()
    assert not watch.problems
    asked = stack.newest_backfill()
    assert asked
    return str(asked["id"])


def test_the_graph_shows_every_layer_as_a_group(page: Page, stack: Stack, backfill: str) -> None:
    graph = pages.open_graph(page, stack.web)
    for group in pages.GROUPS:
        expect(graph.get_by_text(group, exact=True).first).to_be_visible()
    for group, asset in (("landing", "raw_artists"), ("snapshots", "artist_snapshots")):
        expect(pages.open_group(page, stack.web, group).get_by_text(asset, exact=True).first).to_be_visible()


@pytest.mark.parametrize("group", ["landing", "snapshots"])
def test_the_graph_says_simulated_where_it_has_room_for_more_than_names(
    page: Page, stack: Stack, group: str
) -> None:
    page.set_viewport_size({"width": 3400, "height": 1900})
    graph = pages.open_group(page, stack.web, group)
    # Only assets in view are drawn.
    expect(graph.get_by_text("Latest event").first).to_be_visible()
    drawn = graph.get_by_text("Latest event").count()
    assert drawn >= 6
    expect(graph.get_by_text("simulated", exact=True)).to_have_count(drawn)


def test_no_dialogue_asks_a_new_visitor_for_an_address(page: Page, stack: Stack) -> None:
    page.goto(stack.web)
    expect(page.get_by_role("link", name="Runs")).to_be_visible()
    page.wait_for_timeout(1500)
    expect(page.get_by_text("Join the Dagster community")).to_have_count(0)


def test_an_asset_says_what_it_is_and_that_it_is_simulated(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.web}/assets/marts/artist_popularity_trend")
    expect(page.get_by_text("How each watched artist moves")).to_be_visible()
    expect(page.get_by_text("upstream: simulated")).to_be_visible()
    expect(page.get_by_text("Raw SQL")).to_have_count(0)
    expect(page.get_by_text("average_7_days", exact=True).first).to_be_attached()


def test_one_partition_is_materialized_by_clicks(page: Page, stack: Stack) -> None:
    before = stack.installation.run("sql", "--csv", _rows_of(YESTERDAY.isoformat())).succeeded().out
    run = pages.launch_one_partition(page, stack.web, ASSET, YESTERDAY)
    assert stack.wait_for_run(run, 150) == "SUCCESS"
    after = stack.installation.run("sql", "--csv", _rows_of(YESTERDAY.isoformat())).succeeded().out
    assert re.match(r"rows,popularity,followers\s+[1-9]\d*,[1-9]\d*,[1-9]\d*\s*$", after)
    assert after == before
    pages.open_partition(page, stack.web, ASSET, YESTERDAY)
    expect(page.get_by_text(run)).to_be_visible()


def _rows_of(day: str) -> str:
    return (
        "select count(*) as rows, sum(popularity) as popularity, sum(followers) as followers "
        f"from snapshots.artist_snapshots where snapshot_date = '{day}'"
    )


def test_what_a_materialization_loaded_can_be_read(page: Page, stack: Stack) -> None:
    pages.open_partition(page, stack.web, ASSET, TODAY)
    table = page.get_by_role("table").filter(has_text="dagster/partition_row_count").first

    def shown(key: str) -> str:
        row = table.get_by_role("row").filter(has=page.get_by_text(key, exact=True)).first
        return row.get_by_role("cell").nth(1).inner_text().strip()

    # The simulated upstream leaves an artist out now and then: the page must say what the ledger says.
    ledger = stack.installation.run(
        "sql", "--csv",
        "select rows_loaded, rows_requested, rows_missing, rows_quarantined from ops.partition_loads "
        f"where table_name = 'artist_snapshots' and partition_date = '{TODAY}'",
    ).succeeded()  # fmt: skip
    names = ("dagster/partition_row_count", "requested", "missing", "quarantined")
    assert ",".join(map(shown, names)) == ledger.out.split()[1]
    assert shown("requested") == str(ARTISTS)
    assert shown("note").startswith("SIMULATED")


def test_the_plot_of_a_materialization_is_drawn(page: Page, stack: Stack) -> None:
    pages.open_partition(page, stack.web, ASSET, TODAY)
    page.get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("dialog").locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 440
    assert re.fullmatch(r"Popularity of \d+ rows \(0–100\)", picture.get_attribute("alt") or "")


def test_the_backfill_is_one_run_and_succeeds(page: Page, stack: Stack, backfill: str) -> None:
    def ended() -> bool:
        asked = stack.newest_backfill()
        return asked is not None and asked["status"] not in {"REQUESTED", "CANCELING", "FAILING"}

    assert eventually(ended, 300, 2)
    asked = stack.newest_backfill()
    assert asked is not None
    assert asked["id"] == backfill
    assert asked["status"] == "COMPLETED_SUCCESS"
    assert asked["numPartitions"] == 30
    assert [run["status"] for run in asked["runs"]] == ["SUCCESS"]

    page.set_viewport_size({"width": pages.WIDTH, "height": 7000})  # only assets in view are drawn
    page.goto(f"{stack.web}/runs/b/{backfill}")
    expect(page.get_by_text("Status").locator("..")).to_contain_text("Succeeded")
    expect(page.get_by_text("100% completed").first).to_be_visible()
    loaded = stack.installation.run(
        "sql", "--csv",
        "select count(distinct partition_date) as days, count(distinct run_id) as runs "
        f"from ops.partition_loads where partition_date between '{FIRST}' and '{LAST}'",
    )  # fmt: skip
    assert loaded.succeeded().out.split() == ["days,runs", "30,1"]


@pytest.mark.parametrize("table", ["artist_snapshots", "top_tracks", "new_releases"])
def test_the_contract_of_a_loaded_table_is_green(page: Page, stack: Stack, backfill: str, table: str) -> None:
    pages.open_checks(page, stack.web, f"snapshots/{table}")
    page.get_by_text("contract", exact=True).first.click()
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    expect(page.get_by_text("Passed", exact=True)).to_be_visible()
    # The other one warns when the upstream left somebody out, but it has looked.
    expect(page.get_by_text("completeness", exact=True).first).to_be_visible()
    expect(page.get_by_text("Not evaluated")).to_have_count(0)


@pytest.mark.parametrize("mart", ["artist_popularity_trend", "track_popularity_trend", "new_release_radar"])
def test_every_check_of_a_mart_is_green(page: Page, stack: Stack, backfill: str, mart: str) -> None:
    stack.wait_until_idle()
    pages.open_checks(page, stack.web, f"marts/{mart}")
    heading = page.get_by_text(re.compile(r"Checks \(\d+\)")).inner_text()
    number = int(heading[heading.index("(") + 1 : -1])
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()
    # What it checks is said in words.
    expect(page.get_by_text("No description provided")).to_have_count(0)
    page.goto(f"{stack.web}/assets/marts/{mart}")
    results = page.get_by_text("Latest check results").locator("..")
    expect(results).to_have_text(re.compile(rf"Latest check results\s*{number}$"))
