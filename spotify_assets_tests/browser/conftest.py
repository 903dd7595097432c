"""One running platform and one browser for the whole suite; a fresh page for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from spotify_assets_tests.browser.pages import Watch, chromium, open_page
from spotify_assets_tests.browser.stack import Stack, running

ARTISTS, DAYS = 30, 12


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """`demo`, then `up`, as a user would."""
    with tempfile.TemporaryDirectory(prefix="sa-") as folder, running(Path(folder), ARTISTS, DAYS) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which nothing may go wrong, and which may ask nothing of another machine."""
    watch = Watch()
    opened = open_page(browser, watch)
    yield opened
    opened.context.close()
    assert not watch.problems, watch.problems
    assert not watch.strangers, watch.strangers
