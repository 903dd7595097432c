"""The web UI, asked over HTTP and WebSocket as its own pages ask, and as pages and names of others do."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import websockets
from dagster import AssetKey, DagsterInstance
from dagster_webserver.webserver import DagsterWebserver
from starlette.routing import BaseRoute, Route

from spotify_assets.defs._dagster_compat import workspace_opener
from spotify_assets.serving import web_ui
from spotify_assets.serving.web_ui import guarded_web_ui, web_ui_guard, web_ui_server
from spotify_assets_tests.support.command import eventually

DEFINITIONS = """
import dagster as dg

@dg.asset
def observed() -> None: ...

@dg.schedule(cron_schedule="0 12 * * *", target="*", default_status=dg.DefaultScheduleStatus.RUNNING)
def daily(): ...

defs = dg.Definitions(assets=[observed], schedules=[daily])
"""
SELECTOR = 'repositoryLocationName: "defs.py", repositoryName: "__repository__"'
LAUNCH = (
    f'mutation {{launchRun(executionParams: {{selector: {{{SELECTOR}, jobName: "__ASSET_JOB"}}}}) '
    "{__typename ... on PythonError {message} ... on PipelineNotFoundError {message}}}"
)
LIMIT = 'mutation {setConcurrencyLimit(concurrencyKey: "spotify", limit: 7)}'
JSON = {"Content-Type": "application/json"}
SAME = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
CROSS = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}


@dataclass(frozen=True)
class Page:
    """A web UI that listens, and its records."""

    port: int
    instance: DagsterInstance

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(
        self, method: str, path: str, headers: Mapping[str, str | list[str]], body: bytes | None = None
    ) -> tuple[int, str]:
        """Send exactly this, a Host of ours unless another is given; gives status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, values in {"Host": self.host, **headers}.items():
                for value in values if isinstance(values, list) else [values]:
                    connection.putheader(name, value)
            if body is not None and "Content-Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def ask(self, query: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Ask as a page of the web UI does."""
        given = JSON if headers is None else headers
        status, text = self.send("POST", "/graphql", given, json.dumps({"query": query}).encode())
        return status, json.loads(text) if status == 200 else text

    def records(self) -> tuple[int, int | None, int]:
        """What a mutation would have changed: runs, the limit of a pool, what is known of an asset."""
        limits = self.instance.event_log_storage.get_concurrency_keys()
        info = (
            self.instance.event_log_storage.get_concurrency_info("spotify") if "spotify" in limits else None
        )
        events = self.instance.fetch_materializations(AssetKey("observed"), limit=100).records
        return self.instance.get_runs_count(), info.slot_count if info else None, len(events)


@contextmanager
def serving(folder: Path, *, read_only: bool = False, hosts: tuple[str, ...] = ()) -> Iterator[Page]:
    (folder / "defs.py").write_text(DEFINITIONS)
    (folder / "workspace.yaml").write_text(
        f"load_from: [{{python_file: {{relative_path: {folder}/defs.py, location_name: defs.py}}}}]"
    )
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    guard = web_ui_guard("127.0.0.1", *hosts)
    with (
        ExitStack() as stack,
        guarded_web_ui(
            workspace_opener(folder / "workspace.yaml", read_only=read_only), guard
        ) as application,
        DagsterInstance.get() as instance,
    ):
        server = web_ui_server(application, "127.0.0.1", port)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        stack.callback(thread.join, 20)
        stack.callback(setattr, server, "should_exit", True)
        assert eventually(lambda: server.started, 20)
        yield Page(port, instance)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        with serving(home, hosts=("ui.example.org", "192.168.7.7", "fd00::7")) as started:
            yield started


@contextmanager
def unchanged(page: Page) -> Iterator[None]:
    before = page.records()
    yield
    assert page.records() == before


def test_its_own_pages_and_programs_may_do_everything(page: Page) -> None:
    own = {**JSON, **SAME, "Origin": f"http://{page.host}"}
    before = page.records()
    status, answer = page.ask(LAUNCH, own)
    assert (status, answer["data"]["launchRun"]["__typename"]) == (200, "LaunchRunSuccess")
    assert page.ask(LIMIT)[0] == 200, "a program sends no Origin"
    body = json.dumps({"metadata": {"rows": 3}}).encode()
    assert page.send("POST", "/report_asset_materialization/observed", own, body)[0] == 200
    assert page.records() == (before[0] + 1, 7, before[2] + 1)
    assert page.ask("{version}", {"Content-Type": "application/json; charset=UTF-8", **SAME})[0] == 200


@pytest.mark.parametrize(
    "named",
    ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "127.8.9.1", "[::1]:{port}", "[::ffff:127.0.0.1]",
     "ui.example.org", "UI.example.org:8443", "192.168.7.7:{port}", "[fd00:0::7]"],
)  # fmt: skip
def test_its_own_names_open_it(page: Page, named: str) -> None:
    host = named.format(port=page.port)
    for origin in ({}, {"Origin": f"http://{host}"}):
        assert (
            page.send("POST", "/graphql", {**JSON, "Host": host, **origin}, b'{"query": "{version}"}')[0]
            == 200
        )
    assert page.send("GET", "/", {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:{port}",
     "0.0.0.0:{port}", "10.0.0.9", "[::2]", "", "a@127.0.0.1", "127.0.0.1:{port}:1", "127.0.0.1 evil.example",
     "127.1", "2130706433", "evil.example#127.0.0.1", "ui.example.org.", "xui.example.org"],
)  # fmt: skip
def test_a_name_that_somebody_else_points_here_opens_nothing(page: Page, host: str) -> None:
    named = {"Host": host.format(port=page.port)}
    same = {**named, "Origin": f"http://{named['Host']}", "Sec-Fetch-Site": "same-origin"}
    with unchanged(page):
        for headers in (named, same):
            for path in (
                "/",
                "/server_info",
                "/runs/1",
                "/logs/x/stdout",
                "/download_debug/1",
                "/favicon.png",
            ):
                assert page.send("GET", path, headers)[0] in {400, 403}, path
            assert page.send("POST", "/graphql", {**JSON, **headers}, b'{"query": "{version}"}')[0] in {
                400,
                403,
            }
    assert page.send("GET", "/", {"Host": ["evil.example", page.host]})[0] in {400, 403}


FOREIGN: list[Mapping[str, str | list[str]]] = [
    CROSS,
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1"},  # another server of this machine
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost:{port}"},
    {"Origin": "http://127.0.0.1:{port}.evil.example"},
    {"Origin": "http://127.0.0.1:{port}@evil.example"},
    {"Origin": "ftp://127.0.0.1:{port}"},
    {"Origin": ["http://127.0.0.1:{port}", "http://evil.example"]},
    {"Origin": "http://127.0.0.1:{port} http://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": ["same-origin", "cross-site"]},
    {"Sec-Fetch-Site": ""},
]


def filled(headers: Mapping[str, str | list[str]], port: int) -> dict[str, str | list[str]]:
    return {
        name: [each.replace("{port}", str(port)) for each in value]
        if isinstance(value, list)
        else value.replace("{port}", str(port))
        for name, value in headers.items()
    }


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
def test_another_page_changes_and_reads_nothing(page: Page, foreign: Mapping[str, str | list[str]]) -> None:
    headers = filled(foreign, page.port)
    with unchanged(page):
        for query in (LAUNCH, LIMIT):
            body = json.dumps({"query": query}).encode()
            assert page.send("POST", "/graphql", {**JSON, **headers}, body)[0] == 403
        for kind in ("materialization", "observation", "check"):
            path = f"/report_asset_{kind}/observed?check_name=c&passed=true"
            assert page.send("POST", path, {**JSON, **headers}, b"{}")[0] == 403
        for path in ("/logs/a/b.out", "/download_debug/1", "/notebook?path=x.ipynb&repoLocName=d",
                     "/dagit/notebook", "/server_info", "/dagit_info", "/", "/runs"):  # fmt: skip
            assert page.send("GET", path, headers)[0] == 403, path


def test_a_link_from_elsewhere_opens_a_page_but_no_data(page: Page) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    status, text = page.send("GET", "/runs/c6fd1b0e", followed)
    assert status == 200
    assert "<html" in text
    for path in ("/logs/a/b.out", "/download_debug/1", "/notebook?path=x", "/dagit/notebook", "/server_info"):
        assert page.send("GET", path, followed)[0] == 403
    assert page.send("POST", "/graphql", {**followed, **JSON}, b'{"query": "{version}"}')[0] == 403


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/%67raphql", "/graphql%0a", "/graphql%0A"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])
def test_nothing_is_asked_in_an_address(page: Page, method: str, path: str) -> None:
    query = f"{path}?query=" + LIMIT.replace(" ", "%20").replace("7", "8").replace('"', "%22")
    with unchanged(page):
        for headers in ({}, {"Accept": "text/html"}, CROSS, SAME):
            assert page.send(method, query, headers)[0] in {403, 405}


@pytest.mark.parametrize(
    "sent",
    [None, "", "text/plain", "text/plain; application/json", "text/plain;charset=application/json",
     "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql",
     "multipart/form-data; boundary=application/json", "application/json; boundary=x", "application/jsonp",
     "application/json, text/plain", "xapplication/json", "application/json;charset=utf-16",
     ["text/plain", "application/json"], ["application/json", "application/json"]],
    ids=str,
)  # fmt: skip
def test_nothing_but_json_is_taken(page: Page, sent: str | list[str] | None) -> None:
    headers: dict[str, str | list[str]] = {} if sent is None else {"Content-Type": sent}
    body = json.dumps({"query": LIMIT.replace("7", "9")}).encode()
    with unchanged(page):
        for path in ("/graphql", "/report_asset_materialization/observed?metadata=1"):
            assert page.send("POST", path, headers, body)[0] == 415


def test_a_body_has_a_known_and_bounded_length(page: Page) -> None:
    assert page.send("POST", "/graphql", {**JSON, "Content-Length": "9000000"}, None)[0] == 413
    assert page.send("POST", "/graphql", {**JSON, "Transfer-Encoding": "chunked"}, None)[0] == 411


async def _subscribe(page: Page, headers: Mapping[str, str], origin: str | None) -> str:
    async with websockets.connect(
        f"ws://{page.host}/graphql", additional_headers=dict(headers), origin=origin,  # type: ignore[arg-type]
        subprotocols=["graphql-ws"],  # type: ignore[list-item]
    ) as connection:  # fmt: skip
        await connection.send(json.dumps({"type": "connection_init", "payload": {}}))
        return str(json.loads(await asyncio.wait_for(connection.recv(), 20))["type"])


def test_a_websocket_is_opened_for_its_own_pages(page: Page) -> None:
    for origin in (f"http://{page.host}", None):
        assert asyncio.run(_subscribe(page, {}, origin)) == "connection_ack"


@pytest.mark.parametrize(
    ("origin", "headers"),
    [("http://evil.example", {}), ("null", {}), ("http://127.0.0.1:1", {}), (None, {"Host": "evil.example"}),
     (None, {"Sec-Fetch-Site": "cross-site"}), ("http://evil.example", {"Host": "evil.example"})],
)  # fmt: skip
def test_a_websocket_is_opened_for_nobody_else(
    page: Page, origin: str | None, headers: dict[str, str]
) -> None:
    sent = {"Host": page.host, **({"Origin": origin} if origin else {}), **headers}
    given = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection(("127.0.0.1", page.port), 20) as connection:
        connection.sendall(
            f"GET /graphql HTTP/1.1\r\n{given}Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: graphql-ws\r\n\r\n".encode()
        )
        assert connection.recv(12) == b"HTTP/1.1 403"


def test_it_is_shown_inside_no_other_page(page: Page) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    connection.request("GET", "/")
    assert connection.getresponse().headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    connection.close()


def test_what_dagster_serves_besides_pages_is_known_to_the_guard() -> None:
    """A new version of Dagster may bring addresses that read or change something."""
    server = DagsterWebserver.__new__(DagsterWebserver)
    server._app_path_prefix = ""
    built: list[BaseRoute] = server.build_routes()  # type: ignore[no-untyped-call]
    pages = {"root_static", "index_html_endpoint"}
    paths = {route.path for route in built if isinstance(route, Route) and route.name not in pages}
    assert {"/graphql", "/logs/{path:path}", "/download_debug/{run_id:str}"} <= paths
    guarded = (*web_ui.POST_ONLY, *web_ui.NOT_LINKED)
    assert all(path.startswith(guarded) for path in paths), paths


def test_nothing_is_changed_in_a_read_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with serving(tmp_path, read_only=True) as page, unchanged(page):
        assert page.ask(LAUNCH)[1]["data"]["launchRun"]["__typename"] == "UnauthorizedError"
        page.ask(LIMIT)
        assert page.send("POST", "/report_asset_materialization/observed", JSON, b"{}")[0] == 401
