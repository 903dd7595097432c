"""Docker or podman, whichever this machine has, and one stack of docker-compose.yml on it.

What must be true of the stack is in the tests.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from spotify_assets.settings import PROJECT_ROOT
from spotify_assets_tests.support.command import clean_variables, eventually
from spotify_assets_tests.support.shared import SHARED

LONGEST = 2400.0
PROFILES = ("--profile", "simulator", "--profile", "public")
GUEST = ("guest", "the-password-of-a-test")
# openssl passwd -6 -salt testsalt12 'the-password-of-a-test'
GUEST_HASH = (
    "$6$testsalt12$7OJ95EUAmJUGQLl1Hayh762Yho/LtiqdRpxOiqz3ICXRpK2chOnn9ByhTLkGSFQzMAiDZlk/vXNVzIeTRWb2J/"
)
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
LAUNCH = (
    "mutation ($params: ExecutionParams!) {launchRun(executionParams: $params) {__typename "
    "... on LaunchRunSuccess {run {runId}} ... on PythonError {message} ... on UnauthorizedError {message}}}"
)


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def compose_command() -> tuple[str, list[str]]:
    """The engine and its compose; skips, saying why, where there is none."""
    if _works("docker", "info") and _works("docker", "compose", "version"):
        return "docker", ["docker", "compose"]
    prepare = SHARED / "containers" / "prepare.sh"
    if prepare.exists() and os.geteuid() == 0:
        done = subprocess.run(
            ["bash", str(prepare)], capture_output=True, text=True, timeout=1200, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"podman cannot be set up here: {done.stderr[-300:]}")
    if not shutil.which("podman-compose") or not _works("podman", "info"):
        pytest.skip("neither `docker compose` nor `podman-compose` works here")
    return "podman", ["podman-compose"]


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass
class Stack:
    """The stack, under a name and on ports of its own."""

    engine: str
    compose: list[str]
    folder: Path
    name: str = field(default_factory=lambda: f"sa-test-{secrets.token_hex(3)}")
    addresses: dict[str, str] = field(
        default_factory=lambda: {
            name: _free_address()
            for name in ("DATABASE_ADDRESS", "WEB_ADDRESS", "DOCS_ADDRESS", "PUBLIC_UI_ADDRESS")
        }
    )

    @property
    def secrets(self) -> Path:
        """The folder with the passwords."""
        return self.folder / "secrets"

    def make_secrets(self) -> None:
        """As an operator does, who chose three of the passwords."""
        self.secrets.mkdir()
        for user in ("postgres", "owner", "loader"):
            (self.secrets / f"{user}_password").write_text(f"{secrets.token_hex(8)}@/:?#% 'ü$x")
        script = PROJECT_ROOT / "deploy" / "secrets.sh"
        subprocess.run(["sh", str(script), str(self.secrets)], check=True)

    def environment(self, **variables: str) -> dict[str, str]:
        """Of compose: the developer's `.env` does not count."""
        empty = self.folder / "empty.env"
        empty.touch()
        return {
            **clean_variables(), "SPOTIFY_ASSETS_SECRETS": str(self.secrets),
            "SPOTIFY_ASSETS_CODE_ENV": str(empty), "PUBLIC_UI_USER": GUEST[0],
            "PUBLIC_UI_PASSWORD_HASH": GUEST_HASH, **self.addresses, **variables,
        }  # fmt: skip

    def do(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of compose."""
        none = str(self.folder / "empty.env")
        return subprocess.run(
            [*self.compose, "-p", self.name, "--env-file", none, *PROFILES, *arguments],
            cwd=PROJECT_ROOT, env=self.environment(**variables), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LONGEST if "build" in arguments else 600, check=False,
        )  # fmt: skip

    def must(self, *arguments: str) -> str:
        """A command of compose that has to succeed."""
        done = self.do(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def up(self) -> None:
        """Start what is not running, as an operator would."""
        self.must("up", "-d", "--no-build")

    def container(self, service: str) -> str:
        """The name of a service's container."""
        found = subprocess.run(
            [self.engine, "ps", "-a", "--format", "{{.Names}}"], capture_output=True, text=True, check=True
        ).stdout.split()
        (name,) = (one for one in found if one in {f"{self.name}_{service}_1", f"{self.name}-{service}-1"})
        return name

    def inside(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in a running service."""
        return subprocess.run(
            [self.engine, "exec", self.container(service), *command],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def kill(self, service: str) -> None:
        """End a service at once, without a word."""
        subprocess.run([self.engine, "kill", self.container(service)], capture_output=True, check=True)

    def logs(self, service: str) -> str:
        """What a service has said."""
        done = subprocess.run(
            [self.engine, "logs", self.container(service)], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def healthy(self, service: str) -> bool:
        """Whether the service's own health check passes now."""
        kind, *test = self.configured(service)["Config"]["Healthcheck"]["Test"]
        return self.inside(service, *(["sh", "-c", *test] if kind == "CMD-SHELL" else test)).returncode == 0

    @property
    def database_url(self) -> str:
        """The database, from outside, as its superuser."""
        password = quote((self.secrets / "postgres_password").read_text().strip(), safe="")
        return f"postgresql://postgres:{password}@{self.addresses['DATABASE_ADDRESS']}/spotify_assets"

    def configured(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        shown = subprocess.run(
            [self.engine, "inspect", self.container(service)], capture_output=True, text=True, check=True
        ).stdout
        found: dict[str, Any] = json.loads(shown)[0]
        return found

    @property
    def public(self) -> str:
        """The web UI for others."""
        return f"http://{self.addresses['PUBLIC_UI_ADDRESS']}"

    def ask(
        self, query: str, base: str | None = None, auth: tuple[str, str] | None = None, **variables: Any
    ) -> Any:
        """Dagster's GraphQL API."""
        url = f"{base or 'http://' + self.addresses['WEB_ADDRESS']}/graphql"
        answer = httpx.post(url, json={"query": query, "variables": variables}, timeout=60, auth=auth)
        answer.raise_for_status()
        found = answer.json()
        assert "errors" not in found, found["errors"]
        return found["data"]

    def knows_the_job(self) -> bool:
        """Whether the web UI has loaded the definitions from the code server."""
        try:
            found = self.ask("{repositoriesOrError {... on RepositoryConnection {nodes {jobs {name}}}}}")
        except httpx.HTTPError:
            return False
        nodes = found["repositoriesOrError"].get("nodes", [])
        return any(job["name"] == "observe_day" for node in nodes for job in node["jobs"])

    def launch(
        self, day: str, base: str | None = None, auth: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        """Ask for a day, as the web UI does; gives what was answered."""
        params = {
            "selector": {
                "repositoryLocationName": "spotify_assets", "repositoryName": "__repository__",
                "jobName": "observe_day",
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
        }  # fmt: skip
        answer: dict[str, Any] = self.ask(LAUNCH, base, auth, params=params)["launchRun"]
        return answer

    def runs(self) -> dict[str, dict[str, Any]]:
        """Every run, by its id."""
        found = self.ask("{runsOrError(limit: 100) {... on Runs {results {id status}}}}")
        return {run["id"]: run for run in found["runsOrError"]["results"]}

    def quiet(self) -> bool:
        """Whether no run is under way or waits."""
        return all(run["status"] in ENDED for run in self.runs().values())

    def finds_its_records(self) -> bool:
        """Whether the web UI reaches the database; connections from before its death fail once."""
        try:
            return bool(self.runs())
        except (httpx.HTTPError, AssertionError):
            return False

    def ended(self, run_id: str) -> bool:
        """Whether the run has ended."""
        return self.finds_its_records() and self.runs()[run_id]["status"] in ENDED

    def wait_for(self, run_id: str, seconds: float = 900) -> None:
        """Wait until a run has succeeded."""
        assert eventually(lambda: self.ended(run_id), seconds, 2), self.runs()
        assert self.runs()[run_id]["status"] == "SUCCESS", self.logs("code")[-3000:]
