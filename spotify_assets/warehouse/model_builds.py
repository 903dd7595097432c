"""Which version of the dbt models everything that stands in the marts was built by.

A run builds a window of days. After the models have changed, as by an upgrade, days outside of it would go on
standing as the old models built them; so the first build by other models has to be of all history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.fetch import execute

SCHEMAS = ("staging", "intermediate", "marts")
PROJECT = "spotify_assets"


def version_of(manifest: Path) -> str:
    """A digest of all that decides what the models hold: their SQL and contracts, macros, seeds."""
    told = json.loads(manifest.read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(sorted(_decisive(told))).encode()).hexdigest()


def _decisive(manifest: dict[str, Any]) -> Iterator[list[str]]:
    for name, node in manifest["nodes"].items():
        if node["resource_type"] in {"model", "seed"}:
            shape = [node["config"].get(key) for key in ("materialized", "indexes", "column_types")]
            columns = [[column["name"], column.get("data_type")] for column in node["columns"].values()]
            keys = [node.get("constraints"), columns]
            yield [name, node["checksum"]["checksum"], json.dumps(shape), json.dumps(keys)]
    for name, macro in manifest["macros"].items():
        if macro["package_name"] == PROJECT:
            yield [name, macro["macro_sql"]]


def must_rebuild(warehouse: Warehouse, version: str) -> bool:
    """Whether something stands that other models have built.

    Where nothing stands yet, whatever is built from now on is built by this version, which is noted.
    """
    with warehouse.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select version from ops.model_builds order by built_at desc limit 1")
        row = cursor.fetchone()
        cursor.execute(
            "select exists (select from ops.managed_relations where schema_name = any(%s))", (list(SCHEMAS),)
        )
        (stands,) = cursor.fetchone() or (False,)
    if row is not None and row[0] == version:
        return False
    if not stands:
        book_build(warehouse, version)
    return bool(stands)


def book_build(warehouse: Warehouse, version: str) -> None:
    """Note that all that stands was built by a version."""
    execute(
        warehouse,
        "insert into ops.model_builds (version) values (%s) "
        "on conflict (version) do update set built_at = clock_timestamp()",
        (version,),
    )
