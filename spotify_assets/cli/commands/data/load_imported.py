"""Loading what an import landed, then building the marts, from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from spotify_assets.cli.runtime.environment import Environment
from spotify_assets.cli.runtime.runs import RunOutcome, build_marts, not_passed
from spotify_assets.defs.file_imports.load import keep_connections, load_prepared
from spotify_assets.file_imports.history import Prepared


def load_and_build(
    environment: Environment, prepared: Sequence[Prepared], run_id: str, show: Callable[[str], None]
) -> RunOutcome:
    """Load what was landed, then build the marts.

    Args:
        environment: Where to work.
        prepared: Files as landed.
        run_id: Run that imports; its ledger rows carry it.
        show: Called with what is under way.

    Returns:
        The outcome of the run that built the marts, with the loads of the import.
    """
    with dg.DagsterInstance.get() as instance, environment.warehouse.holding() as warehouse:
        keep_connections(instance)
        loaded = load_prepared(
            prepared,
            landing=environment.landing,
            warehouse=warehouse,
            instance=instance,
            run_id=run_id,
            show=show,
        )
    warnings = not_passed(loaded.checks)
    if not loaded.sound:
        home = environment.settings.spotify_assets_home
        return RunOutcome(run_id, False, home, loaded.loads, loaded.problems, warnings)
    outcome = build_marts(environment, show)
    outcome.loads = loaded.loads + outcome.loads
    outcome.problems = loaded.problems + outcome.problems
    outcome.warnings = warnings + outcome.warnings
    outcome.success = outcome.success and not loaded.problems
    return outcome
