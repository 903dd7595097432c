"""docker-compose.yml, Dockerfile and deploy/ as they are written: who knows, may and reaches what."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from spotify_assets.configuration.secrets import secret_names
from spotify_assets.settings import PROJECT_ROOT, Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.containers.compose_file import rendered

FILE = rendered()
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
NAMES = sorted(SERVICES)
PLATFORM = ("migrations", "code", "web", "daemon", "docs", "simulator", "web-public")
CANARY = "canary-6f1c"
SECRETS = {
    "postgres": {"postgres_password", "owner_password"},
    "migrations": {"owner_url", "loader_url", "reader_url", "dagster_url", "viewer_url"},
    "code": {"loader_url", "dagster_url"},
    "web": {"dagster_url"},
    "daemon": {"dagster_url"},
    "docs": {"reader_url"},
    "web-public": {"viewer_url"},
}
"""Who knows which user of the database; the others know none."""


@pytest.mark.parametrize("name", NAMES)
def test_a_service_has_no_more_power_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert any(place.startswith("/tmp") for place in service["tmpfs"])
    assert service["cap_drop"] == ["ALL"]
    starting = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"} if name == "postgres" else set()
    assert set(service.get("cap_add", [])) == starting
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9][0-9]*[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 1024
    assert service["logging"]["options"]["max-size"]
    for never in ("privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"):
        assert never not in service
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", NAMES)
def test_a_service_knows_only_the_secrets_that_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("secrets", [])) == SECRETS.get(name, set())
    assert ("env_file" in service) == (name == "code"), "credentials of a cloud's store are for runs"
    named = set(service.get("environment", {}))
    known = {secret.upper() for secret in secret_names(Settings)}
    plain = {variable for variable in named & known if not variable.startswith("DATABASE_")}
    assert not plain or name == "code"
    ours = {variable for variable in named if variable.startswith(("DATABASE_", "POSTGRES_PASS"))}
    assert all(variable.endswith("_FILE") for variable in ours), "`inspect` shows what the environment holds"
    assert all(
        value.removeprefix("/run/secrets/") in service["secrets"]
        for variable, value in service.get("environment", {}).items()
        if variable.startswith("DATABASE_")
    )


def test_secrets_of_the_settings_reach_the_runs_only() -> None:
    """Each secret as a value of its own, given in `.env` as any other setting."""
    given = {variable.upper(): f"{CANARY}-{variable}" for variable in secret_names(Settings)}
    for name, service in rendered(**given)["services"].items():
        if name != "code":
            assert CANARY not in str(service), name


def test_every_setting_reaches_the_runs() -> None:
    theirs = {"DATABASE_OWNER_URL", "DATABASE_READER_URL", "DATABASE_VIEWER_URL", "WEB_ALLOWED_HOSTS"}
    secret = {variable.upper() for variable in secret_names(Settings)}
    named = {variable.removesuffix("_FILE") for variable in SERVICES["code"]["environment"]}
    assert {variable.upper() for variable in Settings.model_fields} - theirs == named
    for variable in secret - theirs - {"DATABASE_URL", "DATABASE_DAGSTER_URL"}:
        assert f"{variable}_FILE" in SERVICES["code"]["environment"]


def test_no_service_is_superuser_of_the_database() -> None:
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == "postgres"
    script = (PROJECT_ROOT / "deploy" / "secrets.sh").read_text("utf-8")
    assert "postgresql://spotify_%s:" in script
    holders = [
        name for name, service in SERVICES.items() if "postgres_password" in service.get("secrets", [])
    ]
    assert holders == ["postgres"]


def test_strangers_reach_neither_the_code_server_nor_the_data() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}

    def neighbours(name: str) -> set[str]:
        return {other for other in networks if other != name and networks[other] & networks[name]}

    assert neighbours("proxy") == {"web-public"}
    assert neighbours("web-public") == {"proxy", "postgres", "code-view"}
    public = SERVICES["web-public"]
    assert "--read-only" in public["command"]
    assert public["ports"] == []
    assert public["volumes"] == ["logs:/data/dagster/storage:ro"]
    workspace = yaml.safe_load((PROJECT_ROOT / "deploy" / "workspace-public.yaml").read_text("utf-8"))
    assert [one["grpc_server"]["host"] for one in workspace["load_from"]] == ["code-view"]
    passing = (PROJECT_ROOT / "deploy" / "proxy" / "code-view.conf").read_text("utf-8")
    for power in ("StartRun", "CancelExecution", "ShutdownServer", "ReloadCode", "ScheduleExecution",
                  "SensorExecution", "NotebookData", "RefreshComponentState"):  # fmt: skip
        assert power not in passing
    assert re.search(r"location / \{\s+return 403;", passing)


def test_both_web_uis_stand_behind_the_guard() -> None:
    for name in ("web", "web-public"):
        assert SERVICES[name]["command"][:2] == ["spotify-assets", "webserver"]
        assert "WEB_ALLOWED_HOSTS" in SERVICES[name]["environment"]
    for service in SERVICES.values():
        assert "dagster-webserver" not in service.get("command", [])
    proxy = (PROJECT_ROOT / "deploy" / "proxy" / "nginx.conf").read_text("utf-8")
    assert "proxy_set_header Host $http_host;" in proxy
    assert "Origin" not in proxy, "it is passed on as it came"


def test_only_runs_keep_files() -> None:
    kept = {name: [volume for volume in service.get("volumes", []) if not volume.endswith(":ro")]
            for name, service in SERVICES.items()}  # fmt: skip
    assert {name: volumes for name, volumes in kept.items() if volumes} == {
        "code": ["home:/data", "logs:/data/dagster/storage"],
        "postgres": ["postgres:/var/lib/postgresql/data"],
    }


def test_given_base_images_are_used_by_name_or_digest() -> None:
    digest = f"registry.example/mirror/postgres@sha256:{'0' * 64}"
    python = f"registry.example/mirror/python@sha256:{'1' * 64}"
    services = rendered(POSTGRES_IMAGE=digest, PYTHON_IMAGE=python)["services"]
    assert services["postgres"]["image"] == digest
    built = [service["build"] for service in services.values() if "build" in service]
    assert {build["target"] for build in built} == {"platform", "proxy"}
    assert all(build["args"]["PYTHON_IMAGE"] == python for build in built)
    stages = re.findall(
        r"^FROM (\S+) AS (\S+)$", (PROJECT_ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert {base for base, _ in stages} == {"${PYTHON_IMAGE}"}
    # Without one: a version and a distribution, no tag that means whatever is newest.
    for image in (SERVICES["postgres"]["image"], SERVICES["code"]["image"], SERVICES["proxy"]["image"],
                  SERVICES["proxy"]["build"]["args"]["PYTHON_IMAGE"]):  # fmt: skip
        assert re.fullmatch(r"[a-z./-]+:[0-9]+(\.[0-9]+)*(-[a-z]+)*", image), image


def passwords(folder: Path) -> dict[str, str]:
    subprocess.run(["sh", str(PROJECT_ROOT / "deploy" / "secrets.sh"), str(folder)], check=True)
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def test_passwords_are_made_once_and_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    made = passwords(folder)
    assert set(made) >= {name for names in SECRETS.values() for name in names}
    assert set(FILE["secrets"]) <= set(made)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    chosen = {text for name, text in made.items() if name.endswith("_password")}
    assert len(chosen) == 6
    assert min(map(len, chosen)) >= 32
    assert passwords(folder) == made


@pytest.mark.parametrize("password", ["p@ss/w:rd?#%", "ünï cødé 🎵", "a'b\"c\\d$e`f", "100%"])
def test_a_password_may_hold_any_characters(tmp_path: Path, password: str) -> None:
    (tmp_path / "loader_password").write_text(password, "utf-8")
    url = passwords(tmp_path)["loader_url"].strip()
    warehouse = Warehouse(SecretStr(url))
    assert warehouse.user == "spotify_loader"
    assert warehouse.password is not None
    assert warehouse.password.get_secret_value() == password
    assert passwords(tmp_path)["loader_password"] == password
