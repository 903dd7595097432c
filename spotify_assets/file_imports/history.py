"""Past observations from a file: into the lake by day, so that they load like any other day.

Nothing is computed or corrected on the way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from spotify_assets.contracts.tables import TABLES
from spotify_assets.file_imports.column_names import not_used, uses
from spotify_assets.file_imports.ids import check_ids
from spotify_assets.file_imports.layout_files import Layout, choose_layout
from spotify_assets.file_imports.mapping import choose_columns
from spotify_assets.file_imports.reader import Contents, ImportProblem, read_file
from spotify_assets.file_imports.rows_by_day import RowsByDay, UndatedRow, place
from spotify_assets.ingest.read import parse_landed
from spotify_assets.lake.landing import Landing, check_source_name
from spotify_assets.settings import LIVE_SOURCES, is_simulated
from spotify_assets.sources.exchange import Exchange
from spotify_assets.sources.imported import rows as imported
from spotify_assets.sources.imported.rows import METHOD
from spotify_assets.sources.imported.values import Rule

__all__ = ["ImportOptions", "ImportProblem", "Layout", "Prepared", "Preview", "prepare"]

LAYOUTS = "layouts"
"""Folder of the user's own layouts, in the platform's home."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a person says about a file; everything may be left out where the file is recognised.

    Attributes:
        table: Table that its rows belong to.
        source: Series that they belong to.
        layout: Name of the layout that it has.
        columns: ``FIELD=COLUMN``.
        values: ``FIELD=VALUE``.
        separator: What stands between columns.
    """

    table: str | None = None
    source: str | None = None
    layout: str | None = None
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would come of one file in one table.

    Attributes:
        loaded: Rows that would stand in the table on its days, with what was landed before.
        superseded: Rows that a later one of the same day replaces.
        set_aside: Rows that would go to quarantine.
        quarantined: How many of them would go for each reason; a row may have several.
        new_days: Days that would land something new.
    """

    loaded: int
    superseded: int
    set_aside: int
    quarantined: dict[str, int]
    new_days: int


@dataclass(slots=True)
class Prepared:
    """A file made ready for one table; nothing has been written.

    Attributes:
        path: The file.
        table: Table that is fed.
        source: Series.
        layout: Layout that was used, if any.
        columns: Of the file.
        mapping: How each field reads.
        unused: Columns of the file that nothing reads, in this table or another that the file feeds.
        rows: Rows in the file.
        placed: They by day.
        part: Name of what is landed; stands for content and mapping.
    """

    path: Path
    table: str
    source: str
    layout: str | None
    columns: tuple[str, ...]
    mapping: dict[str, Rule]
    unused: tuple[str, ...]
    rows: int
    placed: RowsByDay
    part: str
    imported_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def days(self) -> list[date]:
        """Days with observations, oldest first."""
        return sorted(self.placed.days)

    def uses(self) -> list[str]:
        """What each column is used for, and which is not, in two lines."""
        return uses(self.mapping, self.unused)

    @property
    def unplaced(self) -> list[UndatedRow]:
        """Rows that belong to no day."""
        return self.placed.unplaced

    def exchange(self, day: date, run_id: str = "") -> Exchange:
        """What is landed for a day."""
        request: dict[str, object] = {"mapping": self.placed.mapping, "imported_at": self.imported_at}
        only = self.mapping.get("artist_id")
        if isinstance(only, Mapping) and "value" in only:
            request["artist_id"] = only["value"]  # whom to purge with it
        return Exchange(
            source=self.source,
            entity=TABLES[self.table].entity,
            method=METHOD,
            url=self.path.name,
            status=0,
            observed_at=self.placed.latest[day],
            run_id=run_id,
            body=json.dumps(self.placed.days[day], ensure_ascii=False),
            request=request,
        )

    def land(self, landing: Landing, run_id: str) -> int:
        """Land all days; returns how many landed something new. The same file again lands nothing."""
        entity = TABLES[self.table].entity
        return sum(
            landing.put(self.source, entity, day, self.part, [self.exchange(day, run_id)])
            for day in self.days
        )

    def preview(self, landing: Landing) -> Preview:
        """What loading would bring, by the same reader and contract; writes nothing."""
        entity = TABLES[self.table].entity
        loaded = superseded = set_aside = new_days = 0
        quarantined: dict[str, int] = {}
        for day in self.days:
            landed = landing.read(self.source, entity, day)
            exchange = self.exchange(day)
            if not landing.has(self.source, entity, day, self.part):
                new_days += 1
                landed = sorted([*landed, exchange], key=lambda one: one.observed_at)
            parsed = parse_landed(self.source, entity, landed)
            from spotify_assets.contracts.validation import validate  # noqa: PLC0415 - slow to import

            outcome = validate(self.table, self.source, day, parsed.records, parsed.rejected)
            loaded += outcome.rows.num_rows
            superseded += outcome.superseded + parsed.superseded
            set_aside += len(outcome.quarantined)
            for piece in outcome.quarantined:
                for reason in piece.reasons:
                    quarantined[reason] = quarantined.get(reason, 0) + 1
        return Preview(loaded, superseded, set_aside, quarantined, new_days)


def prepare(
    path: Path,
    wishes: ImportOptions,
    layouts: Mapping[str, Layout],
    *,
    today: date,
    earliest: date | None = None,
) -> list[Prepared]:
    """Read a file and make it ready for each table that it feeds; writes nothing.

    Args:
        path: The file (see `files.read_file`).
        wishes: What was said about it.
        layouts: Saved mappings.
        today: Newest day that can have been observed (UTC).
        earliest: First daily partition; an older row is refused with the whole file.

    Raises:
        ImportProblem: The file as a whole cannot be used.
    """
    if wishes.source is not None:
        _check_source(wishes.source)
    contents = read_file(path, wishes.separator)
    layout = choose_layout(layouts, contents.columns, path.name, wishes.layout, wishes.table)
    if wishes.table is not None:
        feeds = [wishes.table]
    elif layout is not None:
        feeds = list(layout.tables)
    else:
        raise ImportProblem(
            f"{path} has no layout that is known, so say what its rows are: import TABLE FILE, TABLE one of "
            f"{', '.join(name.replace('_', '-') for name in TABLES)}.\n"
            f"  columns: {', '.join(contents.columns)}\n"
            f"  layouts: {', '.join(layouts)} (spotify-assets import layouts)"
        )
    source = wishes.source or (layout.source if layout else None)
    if source is None:
        raise ImportProblem(
            f"Name the series that {path} belongs to: --source NAME, such as --source my-archive"
        )
    _check_source(source)
    mappings = {table: _mapping(path, contents, table, layout, wishes) for table in feeds}
    unused = tuple(not_used(contents.columns, mappings.values()))
    return [
        _prepare(path, contents, table, mapping, unused, source, layout, today, earliest)
        for table, mapping in mappings.items()
    ]


def _check_source(source: str) -> None:
    try:
        check_source_name(source)
    except ValueError as error:
        raise ImportProblem(str(error)) from error
    if is_simulated(source) or source.startswith("simulated"):
        raise ImportProblem(f"{source!r} is kept for the simulated upstream: give the series another name")


def _mapping(
    path: Path, contents: Contents, table: str, layout: Layout | None, wishes: ImportOptions
) -> dict[str, Rule]:
    entity = TABLES[table].entity
    own = set(imported.importable_fields(entity))
    others = [TABLES[name].entity for name in (layout.tables if layout and wishes.table is None else ())]
    known = own.union(*(imported.importable_fields(other) for other in others))
    return choose_columns(
        entity,
        contents.columns,
        # Of several tables that a file feeds, each takes what it knows.
        [wish for wish in wishes.columns if not _is_for_another(wish, own, known)],
        given=[wish for wish in wishes.values if not _is_for_another(wish, own, known)],
        rules=layout.tables[table] if layout else None,
        file_name=path.name,
    )


def _prepare(
    path: Path,
    contents: Contents,
    table: str,
    mapping: dict[str, Rule],
    unused: tuple[str, ...],
    source: str,
    layout: Layout | None,
    today: date,
    earliest: date | None,
) -> Prepared:
    entity = TABLES[table].entity
    placed = place(contents.rows, mapping, today)
    days = sorted(placed.days)
    if days and earliest and days[0] < earliest:
        raise ImportProblem(
            f"{path} begins on {days[0]}, before the first daily partition {earliest}. "
            f"Set SPOTIFY_ASSETS_START_DATE={days[0]} (or earlier) and import again."
        )
    stamp = json.dumps([contents.text, mapping, entity], sort_keys=True).encode("utf-8", "surrogatepass")
    prepared = Prepared(
        path=path,
        table=table,
        source=source,
        layout=layout.name if layout else None,
        columns=contents.columns,
        mapping=mapping,
        unused=unused,
        rows=len(contents.rows),
        placed=placed,
        part=f"import-{hashlib.sha256(stamp).hexdigest()[:24]}",
    )
    if source in LIVE_SOURCES:
        check_ids(path, source, entity, placed)
    return prepared


def _is_for_another(wish: str, own: set[str], known: set[str]) -> bool:
    names = {part.strip() for part in wish.split("=", 1)} & known
    return bool(names) and not names & own


def prepare_all(
    paths: Sequence[Path],
    wishes: ImportOptions,
    layouts: Mapping[str, Layout],
    *,
    today: date,
    earliest: date | None = None,
) -> list[Prepared]:
    """`prepare` for several files; nothing is landed if one of them cannot be used."""
    return [one for path in paths for one in prepare(path, wishes, layouts, today=today, earliest=earliest)]
