"""Dumping the platform's schemas to a file and restoring them, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql

from spotify_assets.process_environment import NO_PASSWORD_FILE
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.embedded import cluster
from spotify_assets.warehouse.errors import DumpFailed, EmbeddedServerError
from spotify_assets.warehouse.fetch import fetch_all
from spotify_assets.warehouse.ownership import is_recorded

_CHUNK = 1 << 20
# Written by newer programs into what older servers are to read.
_UNKNOWN_TO_OLDER = b"SET transaction_timeout = 0;\n"
_KNOWN_SINCE = 17
_OURS = "exists (select from ops.managed_objects where schema_name = n.nspname and object_name = '')"
_NOT_THE_SERVERS = (
    "n.nspname not in ('information_schema', 'public') and n.nspname not like 'pg\\_%' "
    "or n.nspname = 'public' and c.oid is not null"
)


@dataclass(frozen=True, slots=True)
class Programs:
    """`pg_dump`, `pg_restore` and `psql` of one version.

    Attributes:
        folder: Where they are.
        version: Their major version.
    """

    folder: Path
    version: int


def programs(version: int, *, restricted: bool = False) -> Programs:
    """The oldest programs at hand that can work with a version of PostgreSQL: those on PATH, or the wheel's.

    Args:
        version: Major version of the server, or of the programs that wrote a dump if that is greater.
        restricted: Whether a script must be able to hold no commands of psql, which could start programs.

    Raises:
        DumpFailed: There are none, or they are older.
    """
    found = []
    with suppress(EmbeddedServerError):  # the wheel may be left out where a server is used
        found.append(cluster.binary("pg_dump").parent)
    if (on_path := shutil.which("pg_dump")) is not None:
        found.append(Path(on_path).parent)
    known = [Programs(folder, major) for folder in found if (major := _major(folder)) is not None]
    fit = sorted((one for one in known if one.version >= version), key=lambda one: one.version)
    if restricted and fit and not (fit := [one for one in fit if _restricts(one.folder)]):
        raise DumpFailed(
            "pg_restore and psql are too old to restore safely: what an archive holds could start programs. "
            "Install their newest minor release (since 18, 17.6, 16.10, 15.14, 14.19 or 13.22)."
        )
    if not fit:
        have = ", ".join(f"{one.version} in {one.folder}" for one in known) or "none"
        raise DumpFailed(
            f"PostgreSQL {version} needs pg_dump, pg_restore and psql of version {version} or newer; there "
            f"are: {have}. Install PostgreSQL's client programs (Debian: postgresql-client-{version}) and "
            "put them on PATH."
        )
    return fit[0]


def _restricts(folder: Path) -> bool:
    """Whether pg_restore closes its script against commands of psql, and psql understands that."""
    done = subprocess.run(  # noqa: S603 - our own words
        [str(folder / "pg_restore"), "--help"], check=False, capture_output=True, text=True
    )
    return "--restrict-key" in done.stdout


def _major(folder: Path) -> int | None:
    names = ("pg_dump", "pg_restore", "psql")
    if not all((folder / name).exists() for name in names):
        return None
    done = subprocess.run(  # noqa: S603 - our own words
        [str(folder / "pg_dump"), "--version"], check=False, capture_output=True, text=True
    )
    said = re.search(r"\) (\d+)", done.stdout)
    return int(said[1]) if done.returncode == 0 and said else None


def server_major(warehouse: Warehouse) -> int:
    """The major version of the server."""
    return int(re.match(r"\d+", warehouse.ping())[0])  # type: ignore[index]  # a version begins with digits


def dump(warehouse: Warehouse, file: Path) -> Programs:
    """Write the platform's schemas to a file, as they were at the moment of the start.

    Where the database has no record of them, all of it is written.

    Args:
        warehouse: What to dump.
        file: Where to; PostgreSQL's custom format.

    Returns:
        What wrote it.

    Raises:
        DumpFailed: It could not be dumped.
    """
    used = programs(server_major(warehouse))
    with warehouse.connect() as connection:
        chosen = [f'--schema="{name}"' for name in schemas(warehouse)] if is_recorded(connection) else []
    done = subprocess.run(  # noqa: S603 - our own words
        [str(used.folder / "pg_dump"), "--format=custom", "--no-password", f"--file={file}", *chosen],
        check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        env=_environment(warehouse),
    )  # fmt: skip
    if done.returncode != 0:
        raise DumpFailed(
            f"{warehouse.where} could not be dumped: {_last_lines(done.stderr)}\nNothing was written. Check "
            "that the user of DATABASE_URL may read every table, and that the disk has room."
        )
    return used


def restore(warehouse: Warehouse, file: Path, *, written_by: int, instead_of: Sequence[str] = ()) -> None:
    """Restore a dump in one transaction: all of it, or the database stays as it is.

    Owners and rights of the dump are not restored: all belongs to the user who restores.

    Args:
        warehouse: Where to.
        file: What `dump` wrote.
        written_by: Major version of the programs that wrote it.
        instead_of: Schemas that are dropped first, with everything in them.

    Raises:
        DumpFailed: It could not be restored; nothing was changed.
    """
    server = server_major(warehouse)
    used = programs(max(server, written_by), restricted=True)
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as said:
        psql = subprocess.Popen(  # noqa: S603 - our own words
            [str(used.folder / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, env=_environment(warehouse),
        )  # fmt: skip
        script = subprocess.Popen(  # noqa: S603 - our own words
            [str(used.folder / "pg_restore"), "--no-owner", "--no-acl", "--file=-", str(file)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, env=cluster.ENVIRONMENT,
        )  # fmt: skip
        whole = _pass_on(script, psql, _drop(warehouse, instead_of), older=server < _KNOWN_SINCE)
        if psql.returncode != 0 or not whole:
            said.seek(0)
            complaints.seek(0)
            text = (complaints.read() + said.read()).decode(errors="replace")
            raise DumpFailed(
                f"The database could not be restored, and was left as it was: {_last_lines(text)}"
            )
    with warehouse.connect() as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("analyze")


def _pass_on(
    script: subprocess.Popen[bytes], psql: subprocess.Popen[bytes], first: bytes, *, older: bool
) -> bool:
    """Hand the script to psql, and have it committed only if it came to its end; says whether it did."""
    assert script.stdout is not None  # noqa: S101 - asked for above
    assert psql.stdin is not None  # noqa: S101 - asked for above
    whole = False
    try:
        psql.stdin.write(b"begin;\nset client_min_messages = warning;\n" + first)
        head = True
        while chunk := script.stdout.read(_CHUNK):
            psql.stdin.write(chunk.replace(_UNKNOWN_TO_OLDER, b"", 1) if head and older else chunk)
            head = False
        whole = script.wait() == 0
        if whole:
            psql.stdin.write(b"\ncommit;\n")
        psql.stdin.close()
    except BrokenPipeError:  # psql has ended at an error, which it has said
        whole = False
    finally:
        script.stdout.close()
        script.wait()
        psql.wait()
    return whole


def _drop(warehouse: Warehouse, schemas: Sequence[str]) -> bytes:
    with warehouse.connect() as connection:
        return "".join(
            sql.SQL("drop schema if exists {} cascade;\n").format(sql.Identifier(name)).as_string(connection)
            for name in schemas
        ).encode()


def schemas(warehouse: Warehouse) -> dict[str, int]:
    """How many tables and views stand in each of the platform's schemas, partitions not counted.

    Where the database has no record of them: in each that is not the server's own.
    """
    with warehouse.connect() as connection, connection.cursor() as cursor:
        chosen = _OURS if is_recorded(connection) else _NOT_THE_SERVERS
        cursor.execute(
            "select n.nspname, count(c.oid) from pg_namespace as n left join pg_class as c "  # noqa: S608 - constants
            "on c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition "
            f"where {chosen} group by 1 order by 1"
        )
        return dict(cursor.fetchall())


def other_sessions(warehouse: Warehouse) -> list[str]:
    """Names of the programs that are connected to the database besides us."""
    return [
        name
        for (name,) in fetch_all(
            warehouse,
            "select distinct coalesce(nullif(application_name, ''), 'unnamed') from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() "
            "and usename is not null and coalesce(backend_type, 'client backend') = 'client backend' "
            "order by 1",
        )
    ]


def _environment(warehouse: Warehouse) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C",
        "PGAPPNAME": "spotify_assets", **NO_PASSWORD_FILE, **warehouse.libpq_environment(),
    }  # fmt: skip


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-5:])
