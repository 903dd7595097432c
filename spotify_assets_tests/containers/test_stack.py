"""docker-compose.yml, brought up for real: it observes today, survives the death of each service, and lets no
stranger in."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg2
import pytest

from spotify_assets.simulator.catalogue.lists import Catalogue
from spotify_assets_tests.containers.engine import GUEST, LONGEST, Stack, compose_command
from spotify_assets_tests.support.command import contents, eventually, query

pytestmark = [pytest.mark.containers, pytest.mark.timeout(LONGEST * 2)]

SERVICES = ("postgres", "simulator", "code", "web", "daemon", "docs", "code-view", "web-public", "proxy")
ARTISTS = Catalogue(artists=1000).artist_ids(12)
NOT_COMPARED = {"marts.data_quality_daily"}
"""Tells of each time it was looked, not only of what was seen."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    engine, compose = compose_command()
    made = Stack(engine, compose, tmp_path_factory.mktemp("compose"))
    made.environment()
    made.make_secrets()
    began = time.monotonic()
    try:
        made.must("build")
        print(f"built after {time.monotonic() - began:.0f} s")
        made.up()
        assert eventually(made.knows_the_job, 600, 2), made.logs("web")[-3000:]
        print(f"up after {time.monotonic() - began:.0f} s")
        yield made
    finally:
        made.do("down", "-v", "-t", "2")
        print(f"torn down after {time.monotonic() - began:.0f} s")


@pytest.fixture(scope="module")
def today(stack: Stack) -> str:
    """A day that was observed through the web UI."""
    said = stack.inside("code", "spotify-assets", "watch", "add", *ARTISTS[:6])
    assert said.returncode == 0, said.stderr
    day = datetime.now(UTC).date().isoformat()
    stack.wait_for(stack.launch(day)["run"]["runId"])
    return day


def observed(stack: Stack, day: str) -> int:
    statement = (
        "select count(*) from snapshots.artist_snapshots where snapshot_date = %s and source = 'simulated'"
    )
    return int(query(stack.database_url, statement, (day,))[0][0])


def facts(stack: Stack) -> dict[str, list[str]]:
    # A sensor may have asked for a day too.
    assert eventually(stack.quiet, 600, 2), stack.runs()
    found = contents(stack.database_url)
    return {name: rows for name, rows in found.items() if name not in NOT_COMPARED}


def begun(stack: Stack, run_id: str) -> None:
    """Wait until a run is in the middle of its work; the daemon may have asked for today before it."""
    assert eventually(lambda: stack.runs()[run_id]["status"] == "STARTED", 600, 0.5), stack.runs()
    time.sleep(3)


def heal(stack: Stack) -> None:
    """Start again what ended: after a kill by hand, engines leave that to the operator."""
    stack.up()
    assert eventually(lambda: stack.knows_the_job() and stack.finds_its_records(), 300, 2)


def test_it_does_not_start_without_passwords(stack: Stack, tmp_path: Path) -> None:
    other = Stack(stack.engine, stack.compose, tmp_path)
    try:
        done = other.do("up", "-d", "--no-build", "postgres")
        # Engines name the first that they look for.
        assert re.search(rf"{other.secrets}/\w+_password", done.stdout + done.stderr)
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(host="127.0.0.1", port=other.addresses["DATABASE_ADDRESS"].split(":")[1])
    finally:
        other.do("down", "-v", "-t", "1")


def test_a_given_base_image_is_used(stack: Stack) -> None:
    image = f"registry.example/postgres@sha256:{'0' * 64}"
    shown = stack.do(
        "config", POSTGRES_IMAGE=image, PYTHON_IMAGE="registry.example/python:3.12.1-slim"
    ).stdout
    assert f"image: {image}" in shown
    assert "PYTHON_IMAGE: registry.example/python:3.12.1-slim" in shown
    assert "docker.io" not in shown


def test_a_day_asked_for_in_the_web_ui_is_observed(stack: Stack, today: str) -> None:
    assert observed(stack, today) == 6
    assert query(stack.database_url, "select count(*) from marts.artist_leaderboard")[0][0] == 6


def test_every_health_check_passes(stack: Stack, today: str) -> None:
    for service in SERVICES:
        assert eventually(lambda service=service: stack.healthy(service), 180, 3), service  # type: ignore[misc]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_held_to_its_bounds(stack: Stack, service: str) -> None:
    if service != "postgres":  # which is root until it has handed the volume to its own user
        assert stack.inside(service, "id", "-u").stdout.strip() not in {"", "0"}
    assert stack.inside(service, "touch", "/usr/new").returncode != 0
    assert stack.inside(service, "touch", "/tmp/new").returncode == 0
    said = stack.configured(service)
    assert said["HostConfig"]["ReadonlyRootfs"]
    assert said["HostConfig"]["Memory"] > 0
    assert said["HostConfig"]["PidsLimit"] > 0
    known = str(said["Config"]["Env"])
    for path in stack.secrets.iterdir():
        assert path.read_text().strip() not in known, path.name


def test_each_service_is_another_user_of_the_database(stack: Stack, today: str) -> None:
    """And none is its superuser, but for the test itself."""
    found = query(
        stack.database_url,
        "select distinct usename, rolsuper from pg_stat_activity join pg_roles on rolname = usename "
        "where datname = current_database() and pid <> pg_backend_pid()",
    )
    assert {name for name, _ in found} <= {
        f"spotify_{kind}" for kind in ("loader", "reader", "dagster", "viewer")
    }
    assert not any(superuser for _, superuser in found)
    owners = query(
        stack.database_url,
        "select n.nspname, pg_get_userbyid(c.relowner) from pg_class as c join pg_namespace as n "
        "on n.oid = c.relnamespace where n.nspname in ('snapshots', 'ops', 'marts', 'dagster') "
        "and c.relkind in ('r', 'p') group by 1, 2",
    )
    assert dict(owners) == {
        "snapshots": "spotify_owner", "ops": "spotify_owner", "marts": "spotify_loader",
        "dagster": "spotify_dagster",
    }  # fmt: skip
    for kind in ("owner", "loader", "reader", "dagster", "viewer"):
        url = (stack.secrets / f"{kind}_url").read_text().strip()
        mine = url.replace("@postgres:5432", f"@{stack.addresses['DATABASE_ADDRESS']}")
        assert query(mine, "select rolsuper from pg_roles where rolname = current_user") == [(False,)]


REACHES = "import socket; socket.create_connection(({host!r}, {port}), 5)"
ASKS = (
    "from dagster._grpc.client import DagsterGrpcClient as C; c = C(host='code-view', port=4000); "
    "print('answers', c.ping('x')['echo']); {power}; print('obeys')"
)


def test_the_public_web_ui_cannot_reach_past_what_it_shows(stack: Stack, today: str) -> None:
    for host, port in (("code", 4000), ("web", 3000), ("docs", 8081), ("simulator", 8090)):
        assert stack.inside("web-public", "python", "-c", REACHES.format(host=host, port=port)).returncode
    for power in ("c.shutdown_server()", "c.reload_code(5)", "c.external_notebook_data('/etc/passwd')"):
        said = stack.inside("web-public", "python", "-c", ASKS.format(power=power))
        assert "answers x" in said.stdout, said.stderr
        assert "obeys" not in said.stdout
    assert stack.inside("web-public", "ls", "/data/user-tokens.key").returncode != 0
    viewer = (stack.secrets / "viewer_url").read_text().strip()
    write = (
        f"import psycopg2; c = psycopg2.connect({viewer!r}).cursor(); c.execute('delete from dagster.runs')"
    )
    assert "permission denied" in stack.inside("web-public", "python", "-c", write).stderr
    # What it shows is all there.
    found = stack.ask(
        "{repositoriesOrError {... on RepositoryConnection {nodes {jobs {name}}}} "
        'assetNodes(assetKeys: [{path: ["snapshots", "artist_snapshots"]}]) {'
        "assetMaterializations(limit: 1) {partition} assetPartitionStatuses {__typename}}}",
        stack.public, GUEST,
    )  # fmt: skip
    assert "observe_day" in str(found["repositoriesOrError"])
    assert found["assetNodes"][0]["assetMaterializations"] == [{"partition": today}]


def test_the_guard_stands_behind_the_proxy_too(stack: Stack) -> None:
    for base, auth in ((f"http://{stack.addresses['WEB_ADDRESS']}", None), (stack.public, GUEST)):
        send = functools.partial(
            httpx.post, f"{base}/graphql", json={"query": "{version}"}, auth=auth, timeout=30
        )
        assert send(headers={"Origin": base, "Sec-Fetch-Site": "same-origin"}).status_code == 200
        assert send(headers={"Origin": "http://evil.example"}).status_code == 403
        assert send(headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert send(headers={"Host": "evil.example"}).status_code == 403
        assert httpx.get(f"{base}/graphql?query={{version}}", auth=auth).status_code == 405


def test_the_public_web_ui_asks_who_is_there_and_changes_nothing(stack: Stack, today: str) -> None:
    for auth in (None, (GUEST[0], "wrong"), ("admin", "admin")):
        for path in ("/", "/graphql", "/server_info"):
            assert httpx.get(f"{stack.public}{path}", auth=auth).status_code == 401
    assert eventually(
        lambda: httpx.get(f"{stack.public}/server_info", auth=GUEST).status_code == 200, 120, 2
    ), stack.logs("web-public")
    before = stack.runs()
    assert stack.launch(today, stack.public, GUEST)["__typename"] == "UnauthorizedError"
    assert stack.runs().keys() == before.keys()


def test_a_run_killed_with_its_code_server_is_healed_by_asking_again(stack: Stack, today: str) -> None:
    assert stack.inside("code", "spotify-assets", "watch", "add", *ARTISTS[6:9]).returncode == 0
    run_id = stack.launch(today)["run"]["runId"]
    begun(stack, run_id)
    stack.kill("code")
    heal(stack)
    # Nobody was there to say that it had ended.
    assert eventually(lambda: stack.runs()[run_id]["status"] == "FAILURE", 240, 2), stack.logs("daemon")[
        -3000:
    ]
    stack.wait_for(stack.launch(today)["run"]["runId"])
    assert observed(stack, today) == 9


def test_a_run_whose_database_is_killed_is_healed_by_asking_again(stack: Stack, today: str) -> None:
    assert stack.inside("code", "spotify-assets", "watch", "add", *ARTISTS[9:12]).returncode == 0
    run_id = stack.launch(today)["run"]["runId"]
    begun(stack, run_id)
    stack.kill("postgres")
    heal(stack)
    assert eventually(lambda: stack.ended(run_id), 300, 2), stack.runs()
    if stack.runs()[run_id]["status"] != "SUCCESS":
        stack.wait_for(stack.launch(today)["run"]["runId"])
    assert observed(stack, today) == 12


@pytest.mark.parametrize("service", SERVICES)
def test_the_death_of_any_service_loses_nothing(stack: Stack, today: str, service: str) -> None:
    before, runs = facts(stack), stack.runs()
    stack.kill(service)
    heal(stack)
    assert eventually(lambda: stack.healthy(service), 240, 3), stack.logs(service)[-3000:]
    assert facts(stack) == before
    assert stack.runs().keys() >= runs.keys()


def test_after_all_that_it_still_works(stack: Stack, today: str) -> None:
    before = facts(stack)
    stack.wait_for(stack.launch(today)["run"]["runId"])
    assert facts(stack) == before, "the same day again is the same day"
