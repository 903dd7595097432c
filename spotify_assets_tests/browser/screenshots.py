"""The README's pictures, taken from the real thing: `python -m spotify_assets_tests.browser.screenshots`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from spotify_assets.settings import PROJECT_ROOT
from spotify_assets_tests.browser import pages
from spotify_assets_tests.browser.stack import Stack, running
from spotify_assets_tests.support.command import eventually
from spotify_assets_tests.support.own_settings import forget

IMAGES = PROJECT_ROOT / "docs" / "images"
ARTISTS, DAYS = 60, 40
TODAY = datetime.now(UTC).date()


def _save(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)  # animations
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"{name}.png  {(IMAGES / f'{name}.png').stat().st_size / 1000:.0f} kB", flush=True)


def _sized(browser: Browser, height: int, width: int = pages.WIDTH) -> Page:
    page = pages.open_page(browser)
    page.set_viewport_size({"width": width, "height": height})
    return page


def _backfill(page: Page, stack: Stack) -> None:
    first, last = TODAY - timedelta(days=DAYS + 29), TODAY - timedelta(days=DAYS)
    dialogue = pages.ask_to_materialize_all(page, stack.web, f"[{first}...{last}]")
    dialogue.get_by_role("button", name="Launch backfill").click()
    asked = None
    if eventually(stack.newest_backfill, 30, 0.5):
        asked = stack.newest_backfill()
    assert asked

    def ended() -> bool:
        now = stack.newest_backfill()
        return now is not None and now["status"].startswith("COMPLETED")

    assert eventually(ended, 400, 2)
    page.goto(f"{stack.web}/runs/b/{asked['id']}")
    expect(page.get_by_text("100% completed").first).to_be_visible()
    _save(page, "backfill")


def _take(stack: Stack, browser: Browser) -> None:
    _backfill(_sized(browser, 800), stack)

    # Wide enough for all groups side by side.
    page = _sized(browser, 560, width=1800)
    page.goto(stack.web)
    page.get_by_text("Hide navigation").click()
    pages.open_graph(page, stack.web)
    _save(page, "asset-graph")

    page = _sized(browser, 1080)
    pages.open_partition(page, stack.web, "snapshots/artist_snapshots", TODAY)
    _save(page, "materialization")
    page.set_viewport_size({"width": pages.WIDTH, "height": 800})
    page.get_by_text("[Show Markdown]").click()
    expect(page.get_by_role("dialog").locator("img")).to_be_visible()
    _save(page, "plot")

    page = _sized(browser, 800)
    pages.open_checks(page, stack.web, "snapshots/top_tracks")
    page.get_by_text("contract", exact=True).first.click()
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    expect(page.get_by_text("Passed", exact=True).first).to_be_visible()
    _save(page, "checks")

    page = _sized(browser, 700)
    pages.open_lineage(page, stack.docs)
    # Of all models no name could be read.
    page.get_by_placeholder("...").first.fill("+artist_leaderboard")
    page.get_by_text("Update Graph").click()
    _save(page, "dbt-lineage")


def main() -> int:
    """Start a platform with simulated data, take the pictures, stop it."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    forget()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="sa-") as folder,
        running(Path(folder), ARTISTS, DAYS) as stack,
        pages.chromium() as browser,
    ):
        _take(stack, browser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
