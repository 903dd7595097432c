"""The documentation site that `up` serves."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from spotify_assets_tests.browser import pages
from spotify_assets_tests.browser.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


def test_it_opens_on_the_overview_and_says_simulated(page: Page, stack: Stack) -> None:
    page.goto(stack.docs)
    expect(page.get_by_role("heading", name="What is rising?")).to_be_visible()
    expect(page.get_by_role("note")).to_be_in_viewport()
    expect(page.get_by_role("note")).to_contain_text("SIMULATED")


def test_a_mart_has_its_columns_described(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.docs}/#!/model/model.spotify_assets.artist_popularity_trend")
    expect(page.get_by_role("heading", name="artist_popularity_trend").first).to_be_visible()
    expect(page.get_by_text("average_7_days", exact=True).first).to_be_visible()
    expect(page.get_by_role("note")).to_be_in_viewport()


def test_the_lineage_graph_opens_and_the_banner_covers_nothing_of_it(page: Page, stack: Stack) -> None:
    canvas = pages.open_lineage(page, stack.docs)
    banner = page.get_by_role("note")
    expect(banner).to_be_in_viewport()
    top = banner.evaluate("element => element.getBoundingClientRect().top")
    controls = page.get_by_text("Update Graph")
    expect(controls).to_be_visible()
    assert controls.evaluate("element => element.getBoundingClientRect().bottom") <= top
    # Something is drawn: the canvas is not of one colour.
    drawn = canvas.evaluate(
        "() => [...document.querySelectorAll('.launcher-content canvas')].some(layer => {"
        " const pixels = layer.getContext('2d').getImageData(0, 0, layer.width, layer.height).data;"
        " const colours = new Set(); for (let i = 0; i < pixels.length; i += 4)"
        " colours.add(`${pixels[i]},${pixels[i + 1]},${pixels[i + 2]},${pixels[i + 3]}`);"
        " return colours.size > 20; })"
    )
    assert drawn
