"""How `up` refuses to start, and how it ends. Last in its folder: it stops what the other tests use."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from playwright.sync_api import Page

from spotify_assets.warehouse.embedded import server
from spotify_assets_tests.browser import pages
from spotify_assets_tests.browser.stack import Stack, free_port, is_free
from spotify_assets_tests.support.command import Installation, eventually, query

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


@pytest.mark.parametrize("option", ["--port", "--docs-port"])
def test_an_occupied_port_is_named_with_the_way_out(short_tmp: Path, option: str) -> None:
    other = "--docs-port" if option == "--port" else "--port"
    with socket.socket() as occupier:
        occupier.bind(("127.0.0.1", 0))
        occupier.listen()
        port = occupier.getsockname()[1]
        done = Installation(short_tmp).run("up", option, str(port), other, str(free_port()))
    assert done.code == 1
    advice = f"Stop what uses it, or choose another: {option} PORT"
    assert done.text.strip() == f"Error: Port {port} is in use. {advice}"


def test_two_services_cannot_have_one_port(short_tmp: Path) -> None:
    port = str(free_port())
    done = Installation(short_tmp).run("up", "--port", port, "--docs-port", port)
    assert done.code == 2
    assert "must differ" in done.text


def test_ctrl_c_stops_everything_even_while_a_run_is_under_way(page: Page, stack: Stack) -> None:
    dialogue = pages.ask_to_materialize_all(page, stack.web, None)
    dialogue.get_by_role("button", name="Launch 1 run").click()
    run = pages.launched_run(page)
    assert eventually(lambda: stack.run_status(run) == "STARTED", 120, 0.3)
    page.goto("about:blank")

    assert stack.interrupt() == 0
    assert stack.printed.rstrip().endswith("Stopped.")
    assert eventually(lambda: not stack.processes(), 5), stack.processes()
    assert is_free(stack.port)
    assert is_free(stack.docs_port)

    # The run is on record as ended, and holds no place in a pool that a later run would wait for.
    home = stack.installation.home
    database = server.ensure_running(home)
    status = query(database, f"select status from dagster.runs where starts_with(run_id, '{run}')")
    assert status in ([("FAILURE",)], [("CANCELED",)])
    places = query(database, "select count(*) from dagster.concurrency_slots where run_id is not null")
    assert places == [(0,)]
    server.release(home)
