"""Files dropped into the import folder: noticed by a sensor, imported by a job, put away.

How a file reads stands in `file_imports.history`, where it goes in `file_imports.inbox`, how days are
loaded in `load`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from spotify_assets.defs.daily.runs import UNDER_WAY
from spotify_assets.defs.file_imports.load import ImportedLoads, keep_connections, load_prepared
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import LakeResource, SettingsResource, WarehouseResource
from spotify_assets.defs.unnamed import unnamed
from spotify_assets.file_imports.inbox import DONE, FAILED, InboxFile, links, look, put_away, waiting
from spotify_assets.private_folders import make_private_folder
from spotify_assets.settings import Settings
from spotify_assets.sources.clock import Clock

if TYPE_CHECKING:
    from spotify_assets.file_imports.history import Prepared
    from spotify_assets.lake.landing import Landing
    from spotify_assets.warehouse.connection import Warehouse

IMPORT_FILES = "import_files"
IMPORT_DROPPED = "import_dropped_files"
SECONDS = 30
FILES_AT_ONCE = 50
"""Files of one run: a long backlog comes in several."""
ATTEMPTS = 3
"""Runs that may end without having put a file away, before it is left alone."""
REMEMBERED = 2_000
"""Files that are looked at in one tick."""


class Files(dg.Config):
    """What to import.

    Attributes:
        files: Paths in the import folder, each with the state in which it was seen; none: all that wait.
    """

    files: dict[str, str] = {}  # noqa: RUF012 - Dagster copies it


@dataclass(slots=True)
class _Outcome:
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


_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn(name)
        for name in ("file", "outcome", "feeds", "rows", "first_day", "last_day", "columns")
    ]
)


class _Importer:
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
        self.sound = True
        try:
            self._layouts = load_layouts(settings.spotify_assets_home / LAYOUTS)
        except ImportProblem as problem:
            raise dg.Failure(f"Nothing was imported. {problem}", allow_retries=False) from problem

    def take(self, name: str, state: str) -> _Outcome | None:
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

    def _settle(self, name: str, state: str, prepared: "list[Prepared]", loaded: ImportedLoads) -> _Outcome:
        if not loaded.sound:
            self.sound = False
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
        return _Outcome(name, "imported, some rows left out" if left_out else "imported", prepared=prepared)

    def _refuse(self, name: str, problem: str) -> _Outcome:
        text = (
            f"{_explained(name, problem)}\nWhat to do: correct the file, or say what it is, and move it back "
            f"to {self._folder / name}\n\n{_HINT.format(name=Path(name).name)}"
        )
        try:
            place = put_away(self._folder, name, FAILED, text)
        except OSError as error:
            return self._wait(name, f"{problem}\nIt cannot be moved to {FAILED}: {error}")
        self._context.log.error(f"{name} was not imported, and moved to {place}: {unnamed(problem)}")
        return _Outcome(name, unnamed(problem.splitlines()[0]), failed=True)

    def _wait(self, name: str, problem: str, prepared: "Sequence[Prepared]" = ()) -> _Outcome:
        problem = unnamed(problem)
        self._context.log.error(f"{name} stays where it is and is tried again: {problem}")
        return _Outcome(name, f"left where it is: {problem.splitlines()[0]}", failed=True, prepared=prepared)


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


@dg.op(
    name="import_each_file",
    description="Imports files of the import folder one by one, and moves each to `done`, or to `failed` "
    "with the reason beside it.",
)
def import_each_file(
    context: dg.OpExecutionContext,
    config: Files,
    settings: dg.ResourceParam[SettingsResource],
    clock: dg.ResourceParam[Clock],
    lake: dg.ResourceParam[LakeResource],
    warehouse: dg.ResourceParam[WarehouseResource],
) -> list[str]:
    """Import files; gives what went wrong, by file."""
    own = settings.read()
    folder = own.import_folder
    named = config.files or {one.name: one.state for one in waiting(folder)}
    keep_connections(context.instance)
    with warehouse.open().holding() as held:
        importer = _Importer(context, own, clock.now().date(), lake.open(), held)
        outcomes = [outcome for name, state in named.items() if (outcome := importer.take(name, state))]
    records = dg.MetadataValue.table([outcome.record() for outcome in outcomes], _COLUMNS)
    context.add_output_metadata({"files": records})
    return [f"{outcome.name}: {outcome.what}" for outcome in outcomes if outcome.failed]


@dg.op(
    name="name_what_failed",
    description="Fails if a file could not be imported, after all others are.",
)
def name_what_failed(failed: list[str]) -> None:
    """Make a run red in which something went wrong.

    Raises:
        dagster.Failure: Some files could not be imported.
    """
    if failed:
        raise dg.Failure(
            f"{len(failed)} files could not be imported: {'; '.join(failed[:5])}", allow_retries=False
        )


def import_files_job(resources: Mapping[str, Any]) -> dg.JobDefinition:
    """The job that imports what its configuration names, or all that waits.

    Args:
        resources: Bound here and not with those of the other jobs: Dagster makes a new sensor of one whose
            job is bound later, and warns of the parameters that it itself fills in on the way.
    """
    bound = {name: dg.ResourceDefinition.hardcoded_resource(value) for name, value in resources.items()}

    @dg.job(
        name=IMPORT_FILES,
        description="Imports what was dropped into the import folder; the marts follow by themselves.",
        resource_defs=bound,
    )
    def import_files() -> None:
        name_what_failed(import_each_file())

    return import_files


def import_sensor(job: dg.JobDefinition) -> dg.SensorDefinition:
    """Import a dropped file once it is whole.

    A file is whole when it is at one tick what it was at the tick before. While one run imports, no other is
    asked for: what a run has not put away when it is over is asked for again, a few times.

    Args:
        job: What imports.
    """

    @dg.sensor(
        name=IMPORT_DROPPED,
        job=job,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Imports what was dropped into the import folder, once it is no longer written to.",
    )
    def import_dropped_files(
        context: dg.SensorEvaluationContext, settings: dg.ResourceParam[SettingsResource]
    ) -> dg.SensorResult:
        folder = settings.read().import_folder
        try:
            make_private_folder(folder)
            found, linked = waiting(folder), links(folder)
        except OSError as error:
            return dg.SensorResult(skip_reason=f"The import folder {folder} cannot be read: {error}")
        memory = _Memory(json.loads(context.cursor or "{}"))
        ready = memory.look(found)
        under_way = bool(context.instance.get_runs(_UNDER_WAY, limit=1))
        requests = [memory.ask(ready[:FILES_AT_ONCE])] if ready and not under_way else []
        if linked:
            context.log.warning(
                f"Links are not followed: {', '.join(linked[:5])}. Copy the files themselves."
            )
        reason = None if requests else _why_nothing(folder, found, ready, memory, under_way)
        return dg.SensorResult(run_requests=requests, skip_reason=reason, cursor=json.dumps(memory.files))

    return import_dropped_files


_UNDER_WAY = dg.RunsFilter(job_name=IMPORT_FILES, statuses=UNDER_WAY)


@dataclass(slots=True)
class _Memory:
    """What the sensor knows from one tick to the next.

    Attributes:
        files: State of each file that waits, and how often a run was asked for it in that state.
    """

    files: dict[str, list[Any]]

    def look(self, found: Sequence[InboxFile]) -> list[InboxFile]:
        """Compare with what was seen before; gives the files that are whole and not given up."""
        before, self.files = self.files, {}
        ready = []
        for one in found[:REMEMBERED]:
            state, asked = before.get(one.name, ("", 0))
            whole = state == one.state
            self.files[one.name] = [one.state, asked if whole else 0]
            if whole and asked < ATTEMPTS:
                ready.append(one)
        return ready

    def ask(self, batch: Sequence[InboxFile]) -> dg.RunRequest:
        """The run that imports some files; its key is the same for the same files at the same attempt."""
        for one in batch:
            self.files[one.name][1] += 1
        named = {one.name: one.state for one in batch}
        what = json.dumps([named, [self.files[name][1] for name in named]], sort_keys=True)
        return dg.RunRequest(
            run_key=hashlib.sha256(what.encode()).hexdigest()[:32],
            run_config=dg.RunConfig({"import_each_file": Files(files=named)}),
            tags={"spotify_assets/files": str(len(batch))},
        )

    def given_up(self) -> list[str]:
        """Files that no run has put away."""
        return [name for name, (_, asked) in self.files.items() if asked >= ATTEMPTS]


def _why_nothing(
    folder: Path, found: Sequence[InboxFile], ready: Sequence[InboxFile], memory: _Memory, under_way: bool
) -> str:
    reasons = []
    if under_way:
        reasons.append(f"A run is importing; {len(ready)} files wait for it to end")
    elif len(found) > len(memory.given_up()):
        reasons.append("New files are left alone until they are the same at the next look")
    if given_up := memory.given_up():
        reasons.append(
            f"{ATTEMPTS} runs ended without putting {', '.join(given_up[:3])} away (their logs say why): "
            "left alone until the file changes"
        )
    return ". ".join(reasons) or f"Nothing waits in {folder}"


def definitions(location: CodeLocation) -> dg.Definitions:
    """The job and the sensor of the import folder."""
    job = import_files_job(location.resources)
    return dg.Definitions(jobs=[job], sensors=[import_sensor(job)])
