"""A headless browser, and the way of a person through the pages of the web UI.

What must be seen there stands in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote, urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

GROUPS = ("landing", "snapshots", "staging", "intermediate", "marts")
CHROMIUM = "/usr/bin/chromium"
# Chromium looks nothing up by itself: a test machine may have no way out, and nothing is anybody's business.
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDTH, HEIGHT = 1400, 900
expect.set_options(timeout=20_000)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What went wrong on a page, and what it asked of strangers."""

    problems: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"error on the page: {error}"))
        page.on("response", self._response)
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # "Failed to load resource" comes again, with its address, as a response.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        # dbt's page has images whose address is an unfilled template until its script has run.
        if response.status >= 400 and "%7B%7B" not in response.url:
            self.problems.append(f"{response.status}: {response.url}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname != "127.0.0.1":
            self.strangers.append(request.url)


def open_page(browser: Browser, watch: Watch | None = None, scale: float = 1) -> Page:
    """A fresh page of a person who was never here before."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=scale,
        locale="en-US",
        timezone_id="UTC",
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    if watch is not None:
        watch.attach(page)
    return page


def open_graph(page: Page, web: str) -> Locator:
    """The graph of all groups; gives the graph. Opened all at once they are larger than any screen."""
    page.goto(f"{web}/asset-groups")
    expect(page.get_by_role("button", name="Materialize all")).to_be_visible()
    return _graph(page)


def open_group(page: Page, web: str, group: str) -> Locator:
    """The graph of one group's assets; gives the graph."""
    page.goto(f"{web}/locations/__repository__@spotify_assets/asset-groups/{group}/lineage")
    return _graph(page)


def _graph(page: Page) -> Locator:
    return page.locator("svg").filter(has=page.locator("foreignObject")).first


def ask_to_materialize_all(page: Page, web: str, days: str | None) -> Locator:
    """Open the dialogue that materializes what is observed; choose days ("[first...last]", or the latest)."""
    observed = quote('group:"landing" or group:"snapshots"')
    page.goto(f"{web}/asset-groups~{observed}")
    page.get_by_role("button", name=re.compile("Materialize (all|selected)")).click()
    dialogue = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    if days is None:
        dialogue.get_by_role("button", name="Latest").click()
    else:
        dialogue.get_by_role("textbox").first.fill(days)
        page.keyboard.press("Tab")
    expect(dialogue).to_contain_text("1 partition" if days is None else re.compile(r"[1-9]\d* partitions"))
    return dialogue


def open_partition(page: Page, web: str, asset: str, day: date) -> None:
    """The page of one partition of an asset."""
    page.goto(f"{web}/assets/{asset}?view=partitions&partition={day}")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()


def launch_one_partition(page: Page, web: str, asset: str, day: date) -> str:
    """Materialize one partition of an asset by clicks; gives the beginning of the run's id."""
    open_partition(page, web, asset, day)
    page.get_by_role("button", name="Materialize").first.click()
    dialogue = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    expect(dialogue).to_contain_text("1 partition")
    dialogue.get_by_role("button", name="Launch 1 run").click()
    return launched_run(page)


def launched_run(page: Page) -> str:
    """The beginning of the id of the run that was launched just now, as the page says it."""
    said = re.compile(r"Launched run\s+([0-9a-f]{8})")
    toast = page.get_by_text(said).last
    expect(toast).to_be_visible()
    found = said.search(toast.inner_text())
    assert found
    return found[1]


def open_checks(page: Page, web: str, asset: str) -> None:
    """The checks of an asset."""
    page.goto(f"{web}/assets/{asset}?view=checks")
    expect(page.get_by_text(re.compile(r"Checks \(\d+\)"))).to_be_visible()


def open_lineage(page: Page, docs: str) -> Locator:
    """The lineage graph of the documentation site; gives what it is drawn in."""
    page.goto(docs)
    expect(page.get_by_role("heading", name="What is rising?")).to_be_visible()
    page.locator(".launcher").click()
    expect(page.get_by_text("Lineage Graph", exact=True)).to_be_visible()
    canvas = page.locator(".launcher-content canvas").first
    expect(canvas).to_be_visible()
    return canvas
