"""The dbt documentation site: built from the project and the database, served from a folder.

What it says stands in `dbt_project`.
"""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from spotify_assets.dbt_manifest import dbt_command
from spotify_assets.serving.guard import NO_FRAMES, Guard
from spotify_assets.warehouse.connection import Warehouse

BANNER = (
    "<style>#simulated{position:fixed;bottom:0;left:0;right:0;height:28px;z-index:9999;"
    "background:#ffd54d;color:#222;font:14px/28px sans-serif;text-align:center}"
    # The page's own layers end above the banner, or it would cover the controls of the lineage graph.
    ".app,.launcher-content{height:auto!important;bottom:28px!important}.launcher{margin-bottom:28px}</style>"
    '<div id="simulated" role="note">'
    "SIMULATED upstream: rows whose source begins with simulated are invented, not observed anywhere.</div>"
)


class DocsError(Exception):
    """The site could not be built; the message holds what dbt said."""


def build_docs(warehouse: Warehouse, folder: Path, *, simulated: bool) -> Path:
    """Build the site.

    Args:
        warehouse: Database whose tables and columns the catalogue shows.
        folder: Where the site goes; replaced when it is complete.
        simulated: Whether every page must say that the upstream is simulated.

    Returns:
        The site's `index.html`.

    Raises:
        DocsError: dbt could not build it.
    """
    work = folder.with_name(f"{folder.name}.new-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    command = dbt_command("docs", "generate", "--quiet", "--target-path", str(work))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env={
                **os.environ, **warehouse.dbt_environment(),
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_LOG_PATH": str(work),
            },
        )  # fmt: skip
        if done.returncode != 0 or not (work / "catalog.json").exists():
            raise DocsError(f"dbt could not build the documentation:\n{done.stdout}{done.stderr}".strip())
        html = _one_page(work)
        if simulated:
            html = re.sub(r"(<body[^>]*>)", lambda match: match[1] + BANNER, html, count=1)
        ready = folder / ".index.html.new"
        ready.write_text(html, "utf-8")
        ready.replace(folder / "index.html")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder / "index.html"


def _one_page(work: Path) -> str:
    """The site as one page: dbt's, with what it would load written into it, as `--static` does.

    Without the unit tests, which dbt's lineage graph would draw as if they were tables.
    """
    manifest = json.loads((work / "manifest.json").read_text("utf-8"))
    unit_tests = set(manifest.pop("unit_tests", {}))
    for name in ("parent_map", "child_map"):
        manifest[name] = {
            node: [other for other in others if other not in unit_tests]
            for node, others in manifest[name].items()
            if node not in unit_tests
        }
    manifest["unit_tests"] = {}
    html = (work / "index.html").read_text("utf-8")
    for mark, data in (
        ('"MANIFEST.JSON INLINE DATA"', json.dumps(manifest)),
        ('"CATALOG.JSON INLINE DATA"', (work / "catalog.json").read_text("utf-8")),
    ):
        if mark not in html:
            raise DocsError(f"dbt's documentation page has no place for {mark}: another version of dbt?")
        html = html.replace(mark, data)
    # An address that dbt's own build left unfilled.
    return html.replace("${require('./assets/favicons/favicon.ico')}", "data:,")


class _Pages(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, guard: Guard, **named: Any) -> None:
        self._guard = guard  # before the base class, whose constructor answers the request
        super().__init__(*arguments, **named)

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Refuse other pages and other names; else as ever."""
        refusal = self._guard.refusal(self.command, unquote(self.path), self.headers.items())
        if refusal is None:
            return super().send_head()
        self.send_error(refusal.status, explain=refusal.reason)
        return None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing; nobody reads an access log of a local page."""

    def end_headers(self) -> None:
        """Let a browser ask whether the page is still the same: the next build replaces it."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header(*NO_FRAMES)
        super().end_headers()


def serve_docs(folder: Path, host: str, port: int, guard: Guard, ready: Callable[[str], None]) -> None:
    """Serve the site until interrupted.

    Args:
        folder: Where `build_docs` put it.
        host: Address to listen on; loopback unless somebody else guards the door.
        port: Port; 0 for any free one.
        guard: What requests have to look like.
        ready: Called with the site's URL.
    """
    handler = functools.partial(_Pages, directory=str(folder), guard=guard)
    with ThreadingHTTPServer((host, port), handler) as server:
        ready(f"http://{host}:{server.server_port}")
        server.serve_forever()
