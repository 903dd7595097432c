"""A shell in which another project has set whatever libpq, dbt and Dagster read: all of it wrong for ours."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click
import dbt.cli.main

from spotify_assets.warehouse.embedded import cluster


def libpq_variables() -> list[str]:
    """The variables of every libpq that is installed here, read out of the libraries themselves."""
    adbc = find_spec("adbc_driver_postgresql")
    psycopg2 = find_spec("psycopg2")
    assert adbc is not None
    assert psycopg2 is not None
    libraries = [
        *Path(str(adbc.origin)).parent.glob("*.so"),
        *Path(str(psycopg2.origin)).parent.parent.glob("psycopg2_binary.libs/libpq*"),
        *(cluster.binary("psql").parent.parent / "lib").glob("libpq.so*"),
    ]
    assert len(libraries) >= 3, libraries
    found = {
        name.decode()
        for library in libraries
        for name in re.findall(rb"\0(PG[A-Z]+(?:_TIMEOUT)?)(?=\0)", library.read_bytes())
    }
    # Of the versions that a server's packages may bring, whichever of them these libraries know.
    return sorted(found | {"PGLOCALEDIR", "PGREALM", "PGSSLKEYLOGFILE"} - {"PGCOPY"})


def dbt_variables() -> list[str]:
    """The variables of dbt's options, and the others that it reads."""

    def options(command: click.Command) -> Iterator[str]:
        for parameter in command.params:
            names = [parameter.envvar] if isinstance(parameter.envvar, str) else parameter.envvar or []
            yield from names
        for one in getattr(command, "commands", {}).values():
            yield from options(one)

    found = set(options(dbt.cli.main.cli))
    engine = {f"DBT_ENGINE_{name.removeprefix('DBT_')}" for name in found}
    return sorted(
        found | engine | {"DBT_ENV_SECRET_PG_PASSWORD", "DBT_INVOCATION_ENV", "DBT_MACRO_DEBUGGING"}
    )


WRONG = {
    "PGHOSTADDR": "127.0.0.1", "PGHOST": "127.0.0.1", "PGUSER": "somebody_else", "PGDATABASE": "elsewhere",
    "PGOPTIONS": "-c search_path=elsewhere -c timezone=Asia/Tokyo", "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "SQL, DMY", "PGCLIENTENCODING": "LATIN1", "PGREQUIREAUTH": "scram-sha-256",
    "PGCONNECT_TIMEOUT": "nonsense", "PGGEQO": "nonsense", "PGSSLMODE": "verify-full",
    "PGAPPNAME": "elsewhere",
    "PGSSLROOTCERT": "/nowhere/root.crt", "PGTARGETSESSIONATTRS": "standby", "PGCHANNELBINDING": "require",
    "PGSERVICE": "elsewhere", "PGREQUIREPEER": "elsewhere", "PGLOADBALANCEHOSTS": "random",
    "PGGSSENCMODE": "require", "PGSSLNEGOTIATION": "direct", "DBT_FULL_REFRESH": "true", "DBT_DEFER": "true",
    "DBT_EMPTY": "true", "DBT_QUIET": "true", "DBT_WARN_ERROR": "true", "DBT_WRITE_JSON": "false",
    "DBT_TARGET": "prod", "DBT_PROFILE": "elsewhere",
}  # fmt: skip


def hostile_variables(port: int) -> dict[str, str]:
    """All of them at once, with a port at which somebody else's server listens."""
    names = [*libpq_variables(), *dbt_variables()]
    return {
        **{name: WRONG.get(name, "nonsense") for name in names},
        "PGPORT": str(port),
        "PANDERA_VALIDATION_ENABLED": "False",
        "PYTHONWARNINGS": "error",
        "DAGSTER_HOME": "/nowhere/dagster",
        "DAGSTER_POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/elsewhere",
        "DAGSTER_EVENT_BATCH_SIZE": "nonsense",
        "DAGSTER_GRPC_TIMEOUT_SECONDS": "nonsense",
        "DAGSTER_DEFAULT_IO_MANAGER_MODULE": "nonsense",
        "DAGSTER_PORT_RANGE": "nonsense",
        "SSL_CERT_FILE": "/nowhere/ca.pem",
        "ALL_PROXY": "socks9://nonsense",
        "HTTP_PROXY": f"127.0.0.1:{port}",
        "HTTPS_PROXY": "http://[nonsense",
        "NO_PROXY": "::1/128,fe80::/10,[::1],10.0.0.0/99,,*.example",
        "LC_ALL": "xx_XX.NOWHERE",
        "LANG": "C",
        "TZ": "EAST-14",  # tomorrow already, for most of the day
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }


@contextmanager
def somebody_elses_server() -> Iterator[tuple[int, list[object]]]:
    """A port at which each knock is noted: nothing of ours may come there."""
    knocks: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def note() -> None:
            while True:
                try:
                    visitor, address = door.accept()
                except OSError:
                    return
                knocks.append(address)
                visitor.close()

        listener = threading.Thread(target=note, daemon=True)
        listener.start()
        try:
            yield door.getsockname()[1], knocks
        finally:
            door.shutdown(socket.SHUT_RDWR)
            listener.join(10)
