"""Documentation site and simulated upstream, asked by their own pages, by programs, and by others."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from spotify_assets_tests.support.command import Installation, eventually

SERVE_DOCS = """
import sys; from pathlib import Path
from spotify_assets.serving.docs_site import serve_docs
from spotify_assets.serving.guard import Guard, own_hosts
guard = Guard(own_hosts("docs.example.org"))
serve_docs(Path(sys.argv[1]), "127.0.0.1", 0, guard, lambda url: print(url, flush=True))
"""


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def docs(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text("<p>columns")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE_DOCS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process, ending(process):
        assert process.stdout is not None
        yield process.stdout.readline().strip()


@pytest.fixture
def simulator(short_tmp: Path) -> Iterator[str]:
    said = short_tmp / "said"
    with said.open("w") as output:
        process = Installation(short_tmp).start(
            "simulate", "--port", "0", "--allow-host", "simulator", output=output
        )
        with ending(process):
            assert eventually(lambda: "http" in said.read_text(), 60)
            found = re.search(r"http://127\.0\.0\.1:\d+", said.read_text())
            assert found
            yield found[0]


def test_the_documentation_is_shown_under_its_own_names_only(docs: str) -> None:
    for headers in ({}, {"Host": "docs.example.org"}, {"Sec-Fetch-Site": "none"}):
        answer = httpx.get(docs, headers=headers)
        assert (answer.status_code, answer.text) == (200, "<p>columns")
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        for method in ("GET", "HEAD"):
            answer = httpx.request(method, docs, headers=headers)
            assert answer.status_code == 403
            assert "columns" not in answer.text


def test_no_foreign_page_controls_the_simulated_upstream(simulator: str) -> None:
    control = f"{simulator}/_simulator/mode"
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert httpx.post(control, json={"mode": "development"}, headers=headers).status_code == 403
        assert httpx.get(control, headers=headers).status_code == 403
    assert httpx.get(control).json()["mode"] == "extended"
    for headers in ({}, {"Host": "simulator:8090"}, {"Origin": simulator}):
        assert httpx.post(control, json={"mode": "development"}, headers=headers).status_code == 200
    assert httpx.get(control).json()["mode"] == "development"
    token = httpx.post(
        f"{simulator}/api/token", data={"grant_type": "client_credentials"}, auth=("any", "any")
    )
    assert token.status_code == 200, "forms are what Spotify's own clients send"
