"""What Dagster keeps outlasts a purge, so it names nobody: it says how many, and the query that shows who."""

from __future__ import annotations

import re
from datetime import date

import dagster as dg

from spotify_assets.sources.protocol import MBID, SPOTIFY_ID

_ID = re.compile(rf"(?<![0-9A-Za-z-])(?:{SPOTIFY_ID.pattern}|{MBID.pattern})(?![0-9A-Za-z-])")


def unnamed(text: str) -> str:
    """A text without the ids of Spotify and MusicBrainz that an upstream's own words may quote."""
    return _ID.sub("…", text)


def show_missing(table: str, day: date) -> dg.MarkdownMetadataValue:
    """How to see what was missing of a day, and why."""
    loads = "ops.current_partition_loads as l, jsonb_each(l.missing) as m"
    of_day = f"{loads} where l.table_name = '{table}' and l.partition_date"
    return _query("l.source, m.key, m.value", of_day, day)


def show_quarantined(table: str, day: date) -> dg.MarkdownMetadataValue:
    """How to see which rows of a day are in quarantine, and why."""
    return _query("*", f"ops.quarantine where table_name = '{table}' and partition_date", day)


def show_rows(table: str, day: date) -> dg.MarkdownMetadataValue:
    """How to see the rows of a day."""
    return _query("*", f"snapshots.{table} where snapshot_date", day)


def _query(columns: str, rows: str, day: date) -> dg.MarkdownMetadataValue:
    statement = f"select {columns} from {rows} = '{day}'"  # noqa: S608 - for people, of names of tables
    return dg.MetadataValue.md(f'`spotify-assets sql "{statement}"`')
