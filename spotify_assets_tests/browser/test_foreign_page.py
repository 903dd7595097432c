"""A page of somebody else, open in the same browser, tries to drive the web UI."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, expect

from spotify_assets_tests.browser import pages
from spotify_assets_tests.browser.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

LIMIT = 'mutation {setConcurrencyLimit(concurrencyKey: "foreign-%d", limit: 7)}'
PAGE = """<!doctype html><title>evil</title><body><p id=said></p><iframe name=hidden></iframe><script>
const mutation = number => `mutation {setConcurrencyLimit(concurrencyKey: "foreign-${number}", limit: 7)}`;
const attempt = (name, promise) => promise.then(value => name + ": " + value, () => name + ": refused");
const post = (number, init) => fetch("WEB/graphql", {method: "POST",
  body: JSON.stringify({query: mutation(number)}), ...init}).then(answer => answer.type);
const form = document.createElement("form");
form.method = "POST"; form.target = "hidden"; form.enctype = "text/plain";
form.action = "WEB/graphql?query=" + encodeURIComponent(mutation(1));
document.body.append(form); form.submit();
Promise.all([
  attempt("image", new Promise((yes, no) => { const image = new Image(); image.onload = yes;
    image.onerror = no; image.src = "WEB/graphql?query=" + encodeURIComponent(mutation(2)); })),
  attempt("json", post(3, {headers: {"Content-Type": "application/json"}})),
  attempt("two types", post(4, {mode: "no-cors", headers: {"Content-Type": "text/plain; application/json"}})),
  attempt("blob", post(5, {mode: "no-cors", body: new Blob([JSON.stringify({query: mutation(5)})])})),
  attempt("read", fetch("WEB/server_info").then(answer => answer.text())),
  attempt("socket", new Promise((yes, no) => { const socket = new WebSocket("WS/graphql", "graphql-ws");
    socket.onopen = yes; socket.onerror = no; })),
]).then(found => setTimeout(() => { said.textContent = found.join(", "); }, 1000));
</script>"""


@pytest.fixture
def foreign(stack: Stack) -> Iterator[int]:
    """The port of another server of this machine, which serves that page."""
    text = PAGE.replace("WEB", stack.web).replace("WS", stack.web.replace("http", "ws"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_it_changes_nothing_and_reads_nothing(
    browser: Browser, stack: Stack, foreign: int, name: str
) -> None:
    page = pages.open_page(browser)
    page.goto(f"http://{name}:{foreign}/")
    said = page.locator("#said")
    expect(said).to_contain_text("read: refused")
    for what in ("image", "json", "socket"):
        expect(said).to_contain_text(f"{what}: refused")
    page.context.close()
    keys = stack.ask("{instance {concurrencyLimits {concurrencyKey}}}")["instance"]["concurrencyLimits"]
    assert not [key for key in keys if key["concurrencyKey"].startswith("foreign")]
    # The same mutation works for whoever is no foreign page: what is looked at would have shown it.
    stack.ask(LIMIT % 0)
    keys = stack.ask("{instance {concurrencyLimits {concurrencyKey}}}")["instance"]["concurrencyLimits"]
    assert {"concurrencyKey": "foreign-0"} in keys
    stack.ask('mutation {deleteConcurrencyLimit(concurrencyKey: "foreign-0")}')
