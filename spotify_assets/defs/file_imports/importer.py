"""Importing files of the import folder one by one, each put away where it belongs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from spotify_assets.defs.file_imports.load import ImportedLoads, load_prepared
from spotify_assets.defs.unnamed import unnamed
from spotify_assets.file_imports.inbox import DONE, FAILED, look, put_away
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from spotify_assets.file_imports.history import Prepared
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse


@dataclass(slots=True)
class Outcome:
    """What came of one file.

    Attributes:
        name: Its path in the import folder.
        what: In a few words, for people.
        failed: Whether it could not be imported, or not yet.
        prepared: What was loaded of it.
    """

    name: str
    what: str
    failed: bool = False
    prepared: "Sequence[Prepared]" = field(default_factory=list)

    def record(self) -> dg.TableRecord:
        """As a row of a table."""
        tables = ", ".join(f"{one.table} of {one.source}" for one in self.prepared)
        days = [day for one in self.prepared for day in one.days]
        return dg.TableRecord(
            {
                "file": self.name,
                "outcome": self.what,
                "feeds": tables,
                "rows": sum(one.rows - len(one.unplaced) for one in self.prepared),
                "first_day": min(days).isoformat() if days else "",
                "last_day": max(days).isoformat() if days else "",
                "columns": "\n".join(f"{one.table}: {line}" for one in self.prepared for line in one.uses()),
            }
        )


COLUMNS = dg.TableSchema(
    [
        dg.TableColumn(name)
        for name in ("file", "outcome", "feeds", "rows", "first_day", "last_day", "columns")
    ]
)


class Importer:
    """Imports files one by one, so that a broken one fails alone and a killed run has done whole files."""

    def __init__(
        self,
        context: dg.OpExecutionContext,
        settings: Settings,
        today: date,
        landing: "Landing",
        warehouse: "Warehouse",
    ) -> None:
        from spotify_assets.file_imports.history import LAYOUTS
        from spotify_assets.file_imports.layout_files import load_layouts
        from spotify_assets.file_imports.reader import ImportProblem

        self._context = context
        self._warehouse = warehouse
        self._landing = landing
        self._today = today
        self._earliest = settings.spotify_assets_start_date
        self._folder = settings.import_folder
        try:
            self._layouts = load_layouts(settings.spotify_assets_home / LAYOUTS)
        except ImportProblem as problem:
            raise dg.Failure(f"Nothing was imported. {problem}", allow_retries=False) from problem

    def take(self, name: str, state: str) -> Outcome | None:
        """Import one file and put it away; None if it has gone or has changed since it was seen."""
        from spotify_assets.file_imports.reader import ImportProblem
        from spotify_assets.lake.landing import LakeError

        seen = look(self._folder, name)
        if seen is None or seen.state != state:
            self._context.log.info(f"{name} has gone or has changed since it was seen: left alone")
            return None
        try:
            prepared = self._prepare(name)
            for one in prepared:
                one.land(self._landing, self._context.run_id)
        except ImportProblem as error:
            return self._refuse(name, str(error))
        except LakeError as error:
            return self._wait(name, str(error))
        loaded = load_prepared(
            prepared,
            landing=self._landing,
            warehouse=self._warehouse,
            instance=self._context.instance,
            run_id=self._context.run_id,
        )
        return self._settle(name, state, prepared, loaded)

    def _prepare(self, name: str) -> "list[Prepared]":
        from spotify_assets.file_imports.history import prepare
        from spotify_assets.file_imports.reader import ImportProblem
        from spotify_assets.file_imports.sidecar import wishes_for

        wishes = wishes_for(self._folder, name)
        try:
            prepared = prepare(
                self._folder / name, wishes, self._layouts, today=self._today, earliest=self._earliest
            )
        except ImportProblem:
            raise
        except Exception as error:  # whatever a file provokes, the others are imported
            self._context.log.exception(f"{name} cannot be read")
            raise ImportProblem(
                f"{name} cannot be read ({type(error).__name__}: {error}). That is a fault of the program: "
                "please report it, with the first lines of the file"
            ) from error
        if not any(one.days for one in prepared):
            raise ImportProblem(f"No row of it could be imported.\n{_left_out(prepared)}")
        return prepared

    def _settle(self, name: str, state: str, prepared: "list[Prepared]", loaded: ImportedLoads) -> Outcome:
        if not loaded.sound:
            return self._refuse(name, "\n".join(loaded.problems))
        if loaded.problems:
            return self._wait(name, "\n".join(loaded.problems), prepared)
        seen = look(self._folder, name)
        if seen is None or seen.state != state:
            return self._wait(name, "it was written to while it was imported", prepared)
        left_out = _left_out(prepared)
        try:
            place = put_away(self._folder, name, DONE, _explained(name, left_out) if left_out else "")
        except OSError as error:
            return self._wait(name, f"it is loaded, but cannot be moved to {DONE}: {error}", prepared)
        self._context.log.info(f"{name}: imported, and moved to {place}")
        return Outcome(name, "imported, some rows left out" if left_out else "imported", prepared=prepared)

    def _refuse(self, name: str, problem: str) -> Outcome:
        text = (
            f"{_explained(name, problem)}\nWhat to do: correct the file, or say what it is, and move it back "
            f"to {self._folder / name}\n\n{_HINT.format(name=Path(name).name)}"
        )
        try:
            place = put_away(self._folder, name, FAILED, text)
        except OSError as error:
            return self._wait(name, f"{problem}\nIt cannot be moved to {FAILED}: {error}")
        self._context.log.error(f"{name} was not imported, and moved to {place}: {unnamed(problem)}")
        return Outcome(name, unnamed(problem.splitlines()[0]), failed=True)

    def _wait(self, name: str, problem: str, prepared: "Sequence[Prepared]" = ()) -> Outcome:
        problem = unnamed(problem)
        self._context.log.error(f"{name} stays where it is and is tried again: {problem}")
        return Outcome(name, f"left where it is: {problem.splitlines()[0]}", failed=True, prepared=prepared)


_HINT = """\
Where the reason names an option such as --source or --set, write it into a file {name}.toml beside it, before
you move it back:

    table = "artist-snapshots"
    source = "my-archive"
    [set]
    observed_at = "2025-03-01"
    [map]
    artist_id = "column of the file"

See what would come of it: spotify-assets import FILE --dry-run
"""


def _explained(name: str, reason: str) -> str:
    return f"{Path(name).name}\n\n{reason}\n"


def _left_out(prepared: "Sequence[Prepared]") -> str:
    """The rows that belong to no day, by line: they can stand nowhere else, not even in the quarantine."""
    rows = {row.line: row.reason for one in prepared for row in one.unplaced}
    lines = [f"line {line}: not imported: {reason}" for line, reason in sorted(rows.items())]
    return "\n".join(lines[:1000] + ([f"… and {len(lines) - 1000:,} more"] if len(lines) > 1000 else []))
