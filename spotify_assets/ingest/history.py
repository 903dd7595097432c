"""Past observations from a file: into the lake by day, so that they load like any other day.

Belongs here: reading a file, finding out which column is what, and landing its rows under the day
they were observed on. Nothing is computed or corrected on the way.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from spotify_assets.lake.landing import Landing, check_source_name
from spotify_assets.sources.base import Entity
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import METHOD, REQUIRED, importable_fields, parse_time

ALIASES: dict[str, tuple[str, ...]] = {
    "observed_at": (
        "ts_utc", "timestamp", "observed", "time", "datetime", "snapshot_date", "date_utc", "date", "day"
    ),
    "artist_id": ("id", "spotify_id", "artist_spotify_id"),
    "name": ("artist_name", "track_name", "album_name", "title"),
    "followers": ("follower_count", "followers_total"),
    "genres": ("genre",),
    "image_url": ("image",),
    "album_id": ("id",),
    "popularity": ("artist_popularity", "track_popularity", "album_popularity"),
    "position": ("track_number", "rank"),
}  # fmt: skip
"""Column names that stand for a field where the file does not use the field's own name."""


class ImportProblem(Exception):
    """A file cannot be imported; the message says why and what to do. Nothing was landed."""


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A row that no day can be given to, by its line in the file."""

    line: int
    reason: str


@dataclass(slots=True)
class Imported:
    """What a file brought.

    Attributes:
        mapping: Column used for each field.
        rows: Rows in the file.
        days: Days with observations, oldest first.
        new_days: How many of them landed something new.
        unplaced: Rows without a usable observation time; not landed.
    """

    mapping: dict[str, str]
    rows: int = 0
    days: list[date] = field(default_factory=list)
    new_days: int = 0
    unplaced: list[Unplaced] = field(default_factory=list)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (OSError, EOFError) as error:
        raise ImportProblem(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ImportProblem(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from error


def choose_columns(entity: Entity, columns: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Decide which column is which field.

    Args:
        entity: What the rows are about.
        columns: Header of the file.
        wanted: ``FIELD=COLUMN`` (``COLUMN=FIELD`` is understood too); the rest is found by name.

    Raises:
        ImportProblem: A wish cannot be met, or a field that every row needs has no column.
    """
    fields = importable_fields(entity)
    mapping: dict[str, str] = {}
    for wish in wanted:
        left, equals, right = (part.strip() for part in wish.partition("="))
        if equals and left in fields and right in columns:
            mapping[left] = right
        elif equals and right in fields and left in columns:
            mapping[right] = left
        else:
            raise ImportProblem(
                f"--map {wish} cannot be used. Write FIELD=COLUMN with\n"
                f"  a field of: {', '.join(fields)}\n  a column of: {', '.join(columns)}"
            )
    for name in fields:
        if name not in mapping:
            found = next((column for column in (name, *ALIASES.get(name, ())) if column in columns), None)
            if found is not None and found not in mapping.values():
                mapping[name] = found
    for name in ("observed_at", *REQUIRED[entity]):
        if name not in mapping:
            raise ImportProblem(
                f"No column holds {name}. Name it: --map {name}=COLUMN\n  columns: {', '.join(columns)}"
            )
    return mapping


def _place(row: Mapping[str, str], column: str, today: date, width: int) -> datetime:
    values: list[object] = list(row.values())
    if None in row or len(values) - values.count(None) < width:
        raise ValueError("the row has another number of columns than the header")
    moment = parse_time(row[column])
    if moment.date() > today:
        raise ValueError(f"{moment.date()} has not come yet")
    return moment


def import_file(
    path: Path,
    entity: Entity,
    source: str,
    landing: Landing,
    run_id: str,
    *,
    today: date,
    wanted: Sequence[str] = (),
    earliest: date | None = None,
) -> Imported:
    """Land a CSV file of past observations, one part a day.

    Args:
        path: UTF-8 text, separator found by itself among ``, ; | tab``; may be gzipped.
        entity: What the rows are about.
        source: Series the observations belong to.
        landing: Where they are kept.
        run_id: Run that imports.
        today: Newest day that can have been observed (UTC).
        wanted: Column mapping, see `choose_columns`.
        earliest: First daily partition; an older row is refused with the whole file.

    Returns:
        What was landed. Importing the same file again lands nothing new.

    Raises:
        ImportProblem: The file as a whole cannot be used; nothing was landed.
    """
    try:
        check_source_name(source)
    except ValueError as error:
        raise ImportProblem(str(error)) from error
    if source == "simulated":
        raise ImportProblem("'simulated' is kept for the simulated upstream: give the series another name")
    text = _text(path)
    header = text.split("\n", 1)[0]
    separator = max(",;|\t", key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns = list(reader.fieldnames or ())
    if not columns:
        raise ImportProblem(f"{path} is empty")
    result = Imported(choose_columns(entity, columns, wanted))
    rows: dict[date, list[dict[str, str]]] = defaultdict(list)
    latest: dict[date, datetime] = {}
    try:
        for row in reader:
            result.rows += 1
            try:
                moment = _place(row, result.mapping["observed_at"], today, len(columns))
            except ValueError as error:
                result.unplaced.append(Unplaced(reader.line_num, str(error)))
                continue
            day = moment.date()
            rows[day].append(row)
            latest[day] = max(moment, latest.get(day, moment))
    except csv.Error as error:
        raise ImportProblem(f"{path}, line {reader.line_num}: {error}") from error
    result.days = sorted(rows)
    if result.days and earliest and result.days[0] < earliest:
        raise ImportProblem(
            f"{path} begins on {result.days[0]}, before the first daily partition {earliest}. "
            f"Set SPOTIFY_ASSETS_START_DATE={result.days[0]} (or earlier) and import again."
        )
    stamp = json.dumps([text, result.mapping, entity], sort_keys=True).encode("utf-8", "surrogatepass")
    name = f"import-{hashlib.sha256(stamp).hexdigest()[:24]}"
    imported_at = datetime.now(UTC).isoformat()
    for day in result.days:
        exchange = Exchange(
            source=source,
            entity=entity,
            method=METHOD,
            url=path.name,
            status=0,
            observed_at=latest[day],
            run_id=run_id,
            body=json.dumps(rows[day], ensure_ascii=False),
            request={"mapping": result.mapping, "imported_at": imported_at},
        )
        result.new_days += landing.put(source, entity, day, name, [exchange])
    return result
