"""`up`: web UI, daemon and documentation site, until they are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import click
import httpx
import psutil  # type: ignore[import-untyped]
from rich.console import Console

from spotify_assets.cli.commands.operations.watching import Watch
from spotify_assets.cli.runtime.console import console
from spotify_assets.cli.runtime.environment import (
    SIMULATED_NOTE,
    Environment,
    export_dagster,
    open_environment,
    upstream,
)
from spotify_assets.cli.runtime.only_one import only_daemon, only_up
from spotify_assets.cli.runtime.serving import LOOPBACK, check_free, port_option, stop_like_ctrl_c
from spotify_assets.installation import PROJECT_ROOT, program
from spotify_assets.private_folders import make_private_folder
from spotify_assets.sources.http.transports import open_client

START_SECONDS = 180
STOP_SECONDS = 30
LOOK_SECONDS = 2


class _Service:
    """A child process with a log file, leader of a process group of its own."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        make_private_folder(log.parent)
        self.name, self.log = name, log
        with log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
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
@port_option(3000, "Port of the Dagster web UI.")
@port_option(8081, "Port of the documentation site.", "--docs-port")
def up_command(port: int, docs_port: int) -> None:
    """Start web UI, daemon and documentation site on loopback; Ctrl-C stops all of it.

    \b
    Examples:
      spotify-assets up
      spotify-assets up --port 3100 --docs-port 8100
    """  # noqa: D301 - \b is for click
    # Said for Ctrl-C too: a shell script starts what it puts into the background deaf to it.
    signal.signal(signal.SIGINT, stop_like_ctrl_c)
    signal.signal(signal.SIGTERM, stop_like_ctrl_c)
    if port == docs_port:
        raise click.UsageError("--port and --docs-port must differ")
    screen = console()
    try:
        environment = open_environment()
        web, docs = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{docs_port}"
        with only_up(environment.settings.spotify_assets_home, web):
            check_free(port, "--port")
            check_free(docs_port, "--docs-port")
            _serve(environment, screen, web, docs)
    except KeyboardInterrupt:
        screen.print("Stopped before everything had started.")
        raise click.exceptions.Exit(130) from None
    screen.print("Stopped.")


def _serve(environment: Environment, screen: Console, web: str, docs: str) -> None:
    """Start everything, and stop it when somebody says so or when there is nothing left to serve."""
    export_dagster(environment)
    home = environment.settings.spotify_assets_home
    logs = home / "logs"
    workspace = str(PROJECT_ROOT / "workspace.yaml")

    def waiting() -> None:
        screen.print("A daemon was alive here a moment ago; looking whether it still is …")

    with ExitStack() as stack:
        stack.enter_context(only_daemon(environment.warehouse, waiting))
        stack.enter_context(upstream(environment.settings))
        services: list[_Service] = []
        stack.callback(_stop, services)

        def start(name: str, *command: str) -> None:
            services.append(_Service(name, list(command), logs / f"{name}.log"))

        if "dagster_web_url" not in environment.settings.model_fields_set:
            os.environ["DAGSTER_WEB_URL"] = web  # links in alerts lead here
        screen.print("Starting (half a minute) …")
        start(
            "webserver", *program("spotify-assets"), "webserver", "--port", web.rpartition(":")[2],
            "--workspace", workspace,
        )  # fmt: skip
        start("daemon", *program("dagster-daemon"), "run", "--workspace", workspace)
        start("docs", *program("spotify-assets"), "docs", "--port", docs.rpartition(":")[2])
        _wait_until(lambda: _answers(f"{web}/server_info"), services)
        screen.print(f"Dagster web UI   {web}")
        _wait_until(lambda: _answers(docs), services)
        screen.print(f"Documentation    {docs}")
        if environment.simulated:
            screen.print(SIMULATED_NOTE, style="yellow")
        screen.print(f"Logs             {logs}", markup=False, soft_wrap=True)
        screen.print("Ctrl-C stops all of it. After a change of .env, stop it and start it again.")
        held = stack.enter_context(environment.warehouse.holding())
        watch = Watch(home, held, web, lambda line: screen.print(line, markup=False, soft_wrap=True))
        with suppress(KeyboardInterrupt):
            while True:
                watch.look()
                for service in services:
                    if reason := service.ended():
                        raise click.ClickException(f"{reason}\nEverything else was stopped.")
                time.sleep(LOOK_SECONDS)
        screen.print("Stopping …")
