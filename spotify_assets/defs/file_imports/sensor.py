"""Files dropped into the import folder: noticed by a sensor, imported by a job, put away.

How a file is imported stands in `importer`, how it reads in `file_imports.history`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from spotify_assets.defs.daily.runs import UNDER_WAY
from spotify_assets.defs.file_imports.importer import COLUMNS, Importer
from spotify_assets.defs.file_imports.load import keep_connections
from spotify_assets.defs.location import CodeLocation
from spotify_assets.defs.resources import LakeResource, SettingsResource, WarehouseResource
from spotify_assets.file_imports.inbox import InboxFile, links, waiting
from spotify_assets.private_folders import make_private_folder
from spotify_assets.sources.clock import Clock

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
        importer = Importer(context, own, clock.now().date(), lake.open(), held)
        outcomes = [outcome for name, state in named.items() if (outcome := importer.take(name, state))]
    records = dg.MetadataValue.table([outcome.record() for outcome in outcomes], COLUMNS)
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
