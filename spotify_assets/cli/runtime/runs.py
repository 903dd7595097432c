"""Running assets from the command line, in this process, recorded in Dagster like any other run.

The run's own output goes to a log file; the terminal shows what a person wants to know.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg

from spotify_assets.cli.runtime import pools
from spotify_assets.cli.runtime.child_process_guard import guarded
from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.definitions import build_definitions
from spotify_assets.defs.background import repeatedly
from spotify_assets.defs.daily.planner import OBSERVE_DAY
from spotify_assets.defs.dbt.models import DBT_MODELS, mart_keys
from spotify_assets.defs.file_imports.load import keep_connections
from spotify_assets.defs.forecasts.assets import forecast_keys
from spotify_assets.defs.ingestion.raw import FAILED
from spotify_assets.defs.maintenance import killed_runs
from spotify_assets.defs.monitoring.days import day_check_keys
from spotify_assets.defs.outcome import why_failed
from spotify_assets.defs.partitions import RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.private_folders import make_private_folder
from spotify_assets.warehouse.ledger import LedgerEntry, loads_of_run

# What the web server calls the repository of a code location; it links the run to its job.
REPOSITORY = {".dagster/repository": "__repository__@spotify_assets"}


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One asset check that did not pass."""

    asset: str
    name: str
    blocking: bool
    description: str


@dataclass(slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run_id: Dagster's id of the run.
        success: Whether every asset was materialized for every day.
        loads: Ledger rows that the run wrote, also those of a run that failed later.
        problems: Why assets failed, one message each.
        warnings: Checks that did not pass.
        stopped: Why an upstream was not asked for the rest, though what came is loaded.
        came_to_marts: Whether it began to build the marts.
        log: Where the run's own output is.
    """

    run_id: str
    success: bool
    log: Path
    loads: list[LedgerEntry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[CheckOutcome] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    came_to_marts: bool = False

    @property
    def may_be_built_upon(self) -> bool:
        """Whether marts may be built of what it loaded: not if that broke its contract."""
        return bool(self.success or self.loads) and not any(check.blocking for check in self.warnings)

    def add(self, later: RunOutcome) -> None:
        """Take in the outcome of a run over other days; its id and log are kept where it failed."""
        if not later.success:
            self.run_id, self.log = later.run_id, later.log
        self.success = self.success and later.success
        self.loads += later.loads
        self.problems += later.problems
        self.warnings += later.warnings
        self.stopped += later.stopped


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Send this process's standard output and error to a file, child processes' too."""
    make_private_folder(path.parent)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, saved in zip((1, 2), kept, strict=True):
                os.dup2(saved, number)
                os.close(saved)


@contextmanager
def _watched(instance: dg.DagsterInstance, run_id: str, show: Callable[[str], None] | None) -> Iterator[None]:
    """Call `show` with the step under way, about once a second."""
    if show is None:
        yield
        return

    def look() -> None:
        records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_START).records
        if records:
            step = records[-1].event_log_entry.step_key or ""
            show(step.replace("__", "/"))

    with repeatedly(0.7, look):
        yield


def run_days(
    environment: Environment,
    first: date,
    last: date,
    *,
    selection: Sequence[dg.AssetKey] | None = None,
    show: Callable[[str], None] | None = None,
) -> RunOutcome:
    """Materialize assets for all days from `first` to `last` in one run, each day committed by itself.

    Args:
        environment: Where to work; Dagster's home must have been exported.
        first: First day.
        last: Last day.
        selection: Assets; all when absent.
        show: Called with the name of the step under way.

    Raises:
        KeyboardInterrupt: The run was interrupted; what was committed before stands.
    """
    tags = {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()} if first != last else {}
    outcome = _run(
        environment,
        OBSERVE_DAY,
        show,
        tags=tags,
        partition_key=first.isoformat() if first == last else None,
        asset_selection=list(selection) if selection else None,
    )
    if not selection and not outcome.came_to_marts and outcome.may_be_built_upon:
        # What failed was an upstream: the day's marts are made of what the others told.
        outcome.add(build_marts(environment, show))
    return outcome


def build_marts(environment: Environment, show: Callable[[str], None] | None = None) -> RunOutcome:
    """Build the marts of whatever was loaded since they were built, and the forecasts from them.

    Args:
        environment: Where to work; Dagster's home must have been exported.
        show: Called with the name of the step under way.

    Raises:
        KeyboardInterrupt: The run was interrupted; models that were built stand.
    """
    return _run(environment, OBSERVE_DAY, show, asset_selection=[*mart_keys(), *forecast_keys()])


def _run(
    environment: Environment,
    job_name: str,
    show: Callable[[str], None] | None,
    *,
    tags: Mapping[str, str] | None = None,
    **execution: Any,
) -> RunOutcome:
    """Execute a job in this process."""
    run_id = str(uuid4())
    log = environment.settings.spotify_assets_home / "logs" / f"run-{run_id}.log"
    outcome = RunOutcome(run_id, success=False, log=log)
    warehouse = environment.warehouse
    with (
        dg.DagsterInstance.get() as instance,
        killed_runs.alive(warehouse, run_id),
        killed_runs.watching(instance, warehouse),
        guarded(run_id),
        _watched(instance, run_id, show),
        _output_to(log),
    ):
        # As the web server does: keep a connection, instead of opening one for each of hundreds of events.
        keep_connections(instance)
        settings = environment.settings.model_copy(update={"simulator_url": os.environ.get("SIMULATOR_URL")})
        definitions = build_definitions(settings)
        job = definitions.resolve_job_def(job_name)
        pools.make_ready(instance, warehouse, job)
        result = job.execute_in_process(
            instance=instance,
            tags={**REPOSITORY, **killed_runs.locked(run_id), **(tags or {})},
            run_id=run_id,
            raise_on_error=False,
            **execution,
        )
    if _interrupted(result):
        raise KeyboardInterrupt
    outcome.problems = [*_problems(result), *dict.fromkeys(_sources(result, FAILED))]
    outcome.success = result.success and not outcome.problems
    outcome.stopped = list(dict.fromkeys(_sources(result, "stopped")))
    outcome.came_to_marts = any(event.step_key == DBT_MODELS for event in result.all_events)
    # Of selected assets Dagster also runs checks that the job leaves out; they are not about this run.
    evaluations = result.get_asset_check_evaluations()
    outcome.warnings = not_passed(one for one in evaluations if one.asset_check_key not in day_check_keys())
    outcome.loads = loads_of_run(environment.warehouse, run_id)
    return outcome


def not_passed(evaluations: Iterable[dg.AssetCheckEvaluation]) -> list[CheckOutcome]:
    """Each check that did not pass, once, in the words of the first day on which it did not."""
    failed: dict[dg.AssetCheckKey, list[dg.AssetCheckEvaluation]] = {}
    for one in evaluations:
        if not one.passed:
            failed.setdefault(one.asset_check_key, []).append(one)
    outcomes = []
    for key, days in failed.items():
        says = days[0].description or ""
        if len(days) > 1:
            says = f"{days[0].partition}: {says} Also on {len(days) - 1:,} more, up to {days[-1].partition}."
        outcomes.append(CheckOutcome(key.asset_key.to_user_string(), key.name, bool(days[0].blocking), says))
    return outcomes


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether somebody stopped the run: Dagster turns Ctrl-C and SIGTERM into the failure of a step."""
    return any(
        event.is_step_failure
        and event.step_failure_data.error is not None
        and event.step_failure_data.error.cls_name == dg.DagsterExecutionInterruptedError.__name__
        for event in result.all_events
    )


def _sources(result: dg.ExecuteInProcessResult, name: str) -> Iterator[str]:
    """What landings say of sources under a name."""
    for event in result.all_events:
        if event.is_step_materialization:
            reason = event.step_materialization_data.materialization.metadata.get(name)
            if isinstance(reason, dg.MarkdownMetadataValue) and reason.md_str:
                yield from (line.removeprefix("- ") for line in reason.md_str.splitlines())


def _problems(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why assets failed or, when none did, why the run as a whole did."""
    steps: list[Any] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    said = [why_failed(data) for data in steps if data.user_failure_data or data.error]
    if said:
        return said
    runs: list[Any] = [event.job_failure_data for event in result.all_events if event.is_job_failure]
    return [f"Dagster could not go on: {why_failed(data)} Run it again." for data in runs if data.error]
