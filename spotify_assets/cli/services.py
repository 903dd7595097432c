"""`up`, `docs` and `simulate`: what runs until it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Literal

import click
import httpx
import psutil  # type: ignore[import-untyped]

from spotify_assets.cli.console import console
from spotify_assets.cli.environment import (
    SIMULATED_NOTE,
    Environment,
    export_dagster,
    open_environment,
    upstream,
)
from spotify_assets.settings import PROJECT_ROOT
from spotify_assets.sources.clients import open_client

LOOPBACK = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 30


def _stop_like_ctrl_c(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _docs_folder(environment: Environment) -> Path:
    return environment.settings.spotify_assets_home / "docs"


def _check_free(port: int, option: str, host: str = LOOPBACK) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise click.ClickException(
                f"Port {port} is in use. Stop what uses it, or choose another: {option} PORT"
            ) from None


class _Service:
    """A child process with a log file, leader of a process group of its own."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, log
        with log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def signal(self, sign: signal.Signals) -> None:
        """Send a signal to every process of the group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)

    def runs(self) -> bool:
        """Whether any process of the group is left: code servers and runs outlive the leader."""
        self.process.poll()
        return any(_in_group(process, self.process.pid) for process in psutil.process_iter())

    def ended(self) -> str | None:
        """Why it ended, or None while it runs."""
        if self.process.poll() is None:
            return None
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return f"{self.name} ended with code {self.process.returncode}. The end of {self.log}:\n{tail}"


def _in_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def _stop(services: list[_Service]) -> None:
    """Ask all to end, wait until every process of theirs has, then insist.

    A run under way gets the time to record that it was interrupted and to give up its place in its pool;
    killed at once, it would look as if it still ran, and the next run would wait for it.
    """
    # An impatient second Ctrl-C must not leave half of it running.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5)):
        left = [service for service in services if service.runs()]
        for service in left:
            service.signal(sign)
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = [service for service in left if service.runs()]


def _wait_until(ready: Callable[[], bool], services: list[_Service]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        for service in services:
            if reason := service.ended():
                raise click.ClickException(reason)
        if time.monotonic() > deadline:
            logs = ", ".join(str(service.log) for service in services)
            raise click.ClickException(f"not ready after {START_SECONDS} seconds; see {logs}")
        time.sleep(0.3)


def _answers(url: str) -> bool:
    try:
        with open_client(url, timeout=5) as client:
            return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False


@click.command("up", short_help="Start web UI, daemon and documentation site on loopback.")
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster web UI.")
@click.option("--docs-port", default=8081, show_default=True, help="Port of the documentation site.")
def up_command(port: int, docs_port: int) -> None:
    """Start web UI, daemon and documentation site on loopback; Ctrl-C stops all of it.

    \b
    Examples:
      spotify-assets up
      spotify-assets up --port 3100 --docs-port 8100
    """  # noqa: D301 - \b is for click
    # Said for Ctrl-C too: a shell script starts what it puts into the background deaf to it.
    signal.signal(signal.SIGINT, _stop_like_ctrl_c)
    signal.signal(signal.SIGTERM, _stop_like_ctrl_c)
    if port == docs_port:
        raise click.UsageError("--port and --docs-port must differ")
    _check_free(port, "--port")
    _check_free(docs_port, "--docs-port")
    environment = open_environment()
    export_dagster(environment)
    screen = console()
    logs = environment.settings.spotify_assets_home / "logs"
    here = Path(sys.executable).parent
    with ExitStack() as stack:
        stack.enter_context(upstream(environment.settings))
        services: list[_Service] = []
        stack.callback(_stop, services)

        def start(name: str, *command: str) -> None:
            services.append(_Service(name, list(command), logs / f"{name}.log"))

        web, docs = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{docs_port}"
        if "dagster_web_url" not in environment.settings.model_fields_set:
            os.environ["DAGSTER_WEB_URL"] = web  # links in alerts lead here
        screen.print("Starting (half a minute) …")
        start(
            "webserver", str(here / "dagster-webserver"), "--host", LOOPBACK, "--port", str(port),
            "--workspace", "workspace.yaml",
        )  # fmt: skip
        start("daemon", str(here / "dagster-daemon"), "run", "--workspace", "workspace.yaml")
        start("docs", str(here / "spotify-assets"), "docs", "--port", str(docs_port))
        _wait_until(lambda: _answers(f"{web}/server_info"), services)
        screen.print(f"Dagster web UI   {web}")
        _wait_until(lambda: _answers(docs), services)
        screen.print(f"Documentation    {docs}")
        if environment.simulated:
            screen.print(SIMULATED_NOTE, style="yellow")
        screen.print(f"Logs             {logs}", soft_wrap=True)
        screen.print("Ctrl-C stops all of it.")
        with suppress(KeyboardInterrupt):
            while True:
                for service in services:
                    if reason := service.ended():
                        raise click.ClickException(f"{reason}\nEverything else was stopped.")
                time.sleep(1)
        screen.print("Stopping …")
    screen.print("Stopped.")


_host_option = click.option(
    "--host",
    default=LOOPBACK,
    show_default=True,
    help="Address to serve on; anybody who reaches it may look.",
)


@click.command("docs", short_help="Build and serve the dbt documentation site.")
@_host_option
@click.option("--port", default=8081, show_default=True, help="Port to serve on.")
@click.option("--build-only", is_flag=True, help="Build the site and say where it is.")
def docs_command(host: str, port: int, build_only: bool) -> None:
    """Build the dbt documentation site and serve it, on loopback unless another address is given.

    \b
    Examples:
      spotify-assets docs
      spotify-assets docs --build-only
    """  # noqa: D301 - \b is for click
    from spotify_assets.serving.docs_site import DocsError, build_docs, serve_docs  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _stop_like_ctrl_c)
    if not build_only:
        _check_free(port, "--port", host)
    environment = open_environment()
    try:
        page = build_docs(environment.warehouse, _docs_folder(environment), simulated=environment.simulated)
    except DocsError as error:
        raise click.ClickException(str(error)) from None
    if build_only:
        click.echo(page)
        return
    with suppress(KeyboardInterrupt):
        serve_docs(
            page.parent, host, port, lambda url: click.echo(f"Documentation on {url}  (Ctrl-C stops it)")
        )


@click.command("simulate", short_help="Serve the simulated upstream.")
@_host_option
@click.option("--port", default=8090, show_default=True, help="Port to serve on; 0 for any free one.")
@click.option("--artists", default=1000, show_default=True, help="How many artists exist.")
@click.option("--seed", default=2026, show_default=True, help="Seed of the invented catalogue.")
@click.option(
    "--mode", type=click.Choice(["extended", "legacy", "development"]), default="extended", show_default=True,
    help="What the app may see at Spotify: everything; all but new releases and audio features, as older "
    "apps in between; or what apps made since February 2026 get.",
)  # fmt: skip
@click.option(
    "--mode-until", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD",
    help="Last day of that mode; development mode after it.",
)  # fmt: skip
@click.option("--latency", "latency_ms", default=0.0, help="Milliseconds that every answer waits.")
@click.option("--pace", "requests_per_second", type=float, help="Requests a second to Spotify before 429.")
@click.option("--quota", type=int, help="Calls to Spotify before QUOTA_EXCEEDED.")
@click.option("--limits", is_flag=True, help="Hold the published limits of the other services.")
def simulate_command(
    host: str, port: int, artists: int, seed: int, mode: Literal["extended", "legacy", "development"],
    mode_until: datetime | None, latency_ms: float, requests_per_second: float | None, quota: int | None,
    limits: bool,
) -> None:  # fmt: skip
    """Serve the simulated upstream: invented artists over the protocols of six services.

    \b
    Spotify (also a person's sign-in)  /api/token, /authorize, /v1
    ListenBrainz                       /listenbrainz
    Deezer                             /deezer
    Last.fm                            /lastfm/2.0
    MusicBrainz                        /musicbrainz/ws/2
    Wikidata                           /wikidata/sparql

    The page at / lists every call, and the control endpoints under /_simulator that change mode, faults and
    consent while it runs. The header X-Simulated-Date: YYYY-MM-DD chooses the day that is answered for.

    \b
    Examples:
      spotify-assets simulate
      spotify-assets simulate --mode development --pace 5 --latency 50
      spotify-assets simulate --mode-until 2026-11-20 --limits
    """  # noqa: D301 - \b is for click
    from spotify_assets.simulator.config import SERVICES, SimulatorConfig  # noqa: PLC0415
    from spotify_assets.simulator.server import serve  # noqa: PLC0415

    try:
        config = SimulatorConfig(
            seed=seed, artists=artists, mode=mode, mode_until=mode_until.date() if mode_until else None,
            latency_ms=latency_ms, requests_per_second=requests_per_second, quota=quota,
            limited=SERVICES if limits else frozenset(),
        )  # fmt: skip
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    def ready(url: str) -> None:
        click.echo(f"SIMULATED upstream on {url}  (Ctrl-C stops it). Point the platform at it:")
        click.echo(
            f"  SPOTIFY_API_URL={url}/v1 SPOTIFY_ACCOUNTS_URL={url} "
            "SPOTIFY_CLIENT_ID=any SPOTIFY_CLIENT_SECRET=any"
        )
        click.echo(f"  or, for every protocol: SIMULATOR_URL={url}")

    with suppress(KeyboardInterrupt):
        serve(config, host=host, port=port, ready=ready)
