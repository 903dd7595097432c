"""`materialize` and `backfill`: observe, load and build, for a day or a range."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click
from rich.console import Console

from spotify_assets.cli.runtime.console import command, console, progress
from spotify_assets.cli.runtime.environment import SIMULATED_NOTE, export_dagster, open_environment, upstream
from spotify_assets.cli.runtime.outcomes import next_query, print_outcome
from spotify_assets.settings import load_settings
from spotify_assets.sources.clock import SYSTEM_CLOCK
from spotify_assets.sources.reasons.reason import to_json

if TYPE_CHECKING:  # Dagster is slow to import: --help does without
    import dagster as dg

    from spotify_assets.cli.runtime.runs import RunOutcome


class Day(click.ParamType[date]):
    """A UTC day: YYYY-MM-DD, or ``today``."""

    name = "day"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read the day."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if value == "today":
            return SYSTEM_CLOCK.now().date()
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            return self.fail(f"{value!r} is no day: write YYYY-MM-DD or today", param, ctx)


def check_range(first: date, last: date, start: date) -> None:
    """Refuse days that have no partition.

    Raises:
        click.UsageError: The range is empty, begins before the first partition or ends in the future.
    """
    today = SYSTEM_CLOCK.now().date()
    if first > last:
        raise click.UsageError(f"the range is empty: {first} comes after {last}")
    if last > today:
        raise click.UsageError(f"{last} has not come yet: today is {today} (UTC)")
    if first < start:
        raise click.UsageError(
            f"{first} is before the first partition {start}: set SPOTIFY_ASSETS_START_DATE={first} or earlier"
        )


def _outcome_json(outcome: RunOutcome, *, simulated: bool) -> str:
    loads = [
        {
            "table": load.table, "source": load.source, "day": load.day.isoformat(),
            "requested": load.requested, "received": load.received,
            "missing": to_json(load.missing),
            "loaded": load.loaded, "quarantined": load.quarantined, "superseded": load.superseded,
        }
        for load in outcome.loads
    ]  # fmt: skip
    return json.dumps(
        {
            "run_id": outcome.run_id,
            "success": outcome.success,
            "simulated": simulated,
            "loads": loads,
            "problems": outcome.problems,
            "stopped": outcome.stopped,
            "checks_not_passed": [f"{check.asset}:{check.name}" for check in outcome.warnings],
            "log": str(outcome.log),
        },
        indent=2,
    )


def _asset_keys(names: tuple[str, ...]) -> list[dg.AssetKey]:
    """Keys of assets named as the web UI shows them.

    Raises:
        click.UsageError: There is no such asset; lists those that there are.
    """
    import dagster as dg  # noqa: PLC0415 - slow to import

    from spotify_assets.defs.dbt.models import mart_keys  # noqa: PLC0415 - slow to import
    from spotify_assets.defs.forecasts.assets import forecast_keys  # noqa: PLC0415 - slow to import
    from spotify_assets.defs.ingestion.keys import loaded_keys  # noqa: PLC0415 - slow to import

    known = [*loaded_keys(), *mart_keys(), *forecast_keys()]
    keys = [dg.AssetKey.from_user_string(name) for name in names]
    unknown = [name for name, key in zip(names, keys, strict=True) if key not in known]
    if unknown:
        there = sorted(key.to_user_string() for key in known)
        close = get_close_matches(unknown[0], there, n=3, cutoff=0.7)
        if not close:  # perhaps without its group
            close = [name for name in there if name.endswith(f"/{unknown[0]}")]
        if close:
            raise click.UsageError(f"there is no asset {unknown[0]!r}. Did you mean {' or '.join(close)}?")
        names_of_all = "\n  ".join(there)
        raise click.UsageError(f"there is no asset {unknown[0]!r}; there are:\n  {names_of_all}")
    return keys


def _lost_days(lost: list[date]) -> str:
    days = ", ".join(day.isoformat() for day in lost[:10])
    more = f" and {len(lost) - 10} more" if len(lost) > 10 else ""
    return (
        f"{len(lost)} days were not observed while they were today, and cannot be any more, or their raw "
        f"responses were removed since (RAW_KEPT_DAYS), and they stand as they were loaded: {days}{more}. "
        "The other days of the range are loaded. If you have the data of those days, import it: "
        "spotify-assets import artist-snapshots FILE --source spotify"
    )


@contextmanager
def _shown(screen: Console, text: str, as_json: bool) -> Iterator[Callable[[str], None] | None]:
    """Progress for people; nothing for programs."""
    if as_json:
        yield None
        return
    with progress(screen, text) as show:
        yield show


def _run(first: date, last: date, selected: tuple[str, ...], as_json: bool) -> None:
    from spotify_assets.cli.commands.data.loadable_days import possible_spans  # noqa: PLC0415 - slow to import
    from spotify_assets.cli.runtime.runs import run_days  # noqa: PLC0415 - slow to import

    settings = load_settings()
    check_range(first, last, settings.spotify_assets_start_date)
    environment = open_environment(settings)
    export_dagster(environment)
    keys = _asset_keys(selected)
    screen = console()
    span = f"{first}" if first == last else f"{first} to {last}"
    if environment.simulated and not as_json:
        screen.print(SIMULATED_NOTE, style="yellow")
    spans, lost = [(first, last)], list[date]()
    if first != last:
        spans, lost = possible_spans(environment, first, last, keys, SYSTEM_CLOCK.now().date())
    if not spans:
        raise click.ClickException(f"every day of the range is lost: {_lost_days(lost)}")
    with upstream(environment.settings), _shown(screen, f"Materializing {span}", as_json) as show:
        outcome = run_days(environment, *spans[0], selection=keys, show=show)
        for more in spans[1:]:
            outcome.add(run_days(environment, *more, selection=keys, show=show))
    if lost:
        outcome.success = False
        outcome.problems.append(_lost_days(lost))
    if as_json:
        click.echo(_outcome_json(outcome, simulated=environment.simulated))
    else:
        print_outcome(screen, outcome)
        if look := next_query(outcome.loads):
            screen.print(f'Next: {command()} sql "{look}"', markup=False, soft_wrap=True)
    if not outcome.success:
        raise click.exceptions.Exit(1)


_SELECT = click.option(
    "--select", "selected", multiple=True, metavar="ASSET",
    help="Only this asset, such as snapshots/artist_snapshots; may be repeated. Default: all.",
)  # fmt: skip
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")


@click.command("materialize", short_help="Observe a day (today), load it, and build the marts.")
@click.option("--day", type=Day(), default="today", show_default=True, help="UTC day, YYYY-MM-DD.")
@_SELECT
@_JSON
def materialize_command(day: date, selected: tuple[str, ...], as_json: bool) -> None:
    """Observe a day, load it, and build the marts.

    Today is asked from the upstream (what was asked for earlier today is not asked again). An earlier day
    is replayed from what was landed on it; if nothing was, it is lost, and the command says so.

    \b
    Examples:
      spotify-assets materialize
      spotify-assets materialize --day 2026-11-03
      spotify-assets materialize --select snapshots/artist_snapshots --json
    """  # noqa: D301 - \b is for click
    _run(day, day, selected, as_json)


@click.command(
    "backfill", short_help="Load a range of days, each committed by itself, and build the marts once."
)
@click.option("--from", "first", type=Day(), required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", type=Day(), default="today", show_default=True, help="Last UTC day.")
@_SELECT
@_JSON
def backfill_command(first: date, last: date, selected: tuple[str, ...], as_json: bool) -> None:
    """Load a range of days, each committed by itself, and build the marts once over all of them.

    A live upstream only knows today: earlier days are replayed from the lake, and days on which nothing
    was landed are named as lost. The simulated upstream can be asked about any day.

    \b
    Examples:
      spotify-assets backfill --from 2026-10-01 --to 2026-10-31
      spotify-assets backfill --from 2026-11-01 --select landing/raw_top_tracks --select snapshots/top_tracks
    """  # noqa: D301 - \b is for click
    _run(first, last, selected, as_json)
