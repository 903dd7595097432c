"""`import`: past observations from files, through the same path as any other day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click
from rich.console import Console

from spotify_assets.cli.runtime.console import command, console, literal, progress, shown
from spotify_assets.cli.runtime.environment import export_dagster, open_environment
from spotify_assets.cli.runtime.outcomes import print_outcome
from spotify_assets.contracts.tables import TABLES
from spotify_assets.file_imports.history import LAYOUTS, ImportOptions, Prepared, Preview, prepare_all
from spotify_assets.file_imports.layout_files import Layout, check_layout_name, load_layouts, save_layout
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import load_settings
from spotify_assets.sources.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from spotify_assets.cli.runtime.runs import RunOutcome

_SHOWN = 10
_LOOK = "select snapshot_date, count(*) from snapshots.{} where source = '{}' group by 1 order by 1 limit 10"


@click.command("import", short_help="Load past observations from files.")
@click.argument("what", nargs=-1, required=True, metavar="[TABLE] FILE…")
@click.option(
    "--source", help="Name of the series: lower-case letters, digits, - and _. Default: the layout's."
)
@click.option("--layout", help="Saved mapping that the files have; recognised by itself when left out.")
@click.option(
    "--map", "columns", multiple=True, metavar="FIELD=COLUMN",
    help="Which column holds a field; may be repeated. Other columns are found by name.",
)  # fmt: skip
@click.option(
    "--set", "values", multiple=True, metavar="FIELD=VALUE",
    help="What a field is in every row, such as observed_at=2025-03-01; may be repeated.",
)  # fmt: skip
@click.option("--separator", help="What stands between columns (a character, or tab); found by itself.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be loaded and set aside, and why; write nothing."
)
@click.option("--save-layout", "save_as", metavar="NAME", help="Keep this mapping as a layout of your own.")
@click.option("--json", "as_json", is_flag=True, help="Print what was read, and what came of it, as JSON.")
def import_command(
    what: tuple[str, ...],
    source: str | None,
    layout: str | None,
    columns: tuple[str, ...],
    values: tuple[str, ...],
    separator: str | None,
    dry_run: bool,
    save_as: str | None,
    as_json: bool,
) -> None:
    """Load past observations from files: CSV with any separator or JSON lines, also gzipped.

    Each row is one observation, with the time or day it was made. Rows land in the lake under that day
    (UTC), then load like any other day: the last observation of a day counts, days without one stay
    empty, and what breaks the contract goes to quarantine. Importing the same file again changes nothing.

    A file whose layout is known needs nothing more said (spotify-assets import layouts lists them); of
    another, say the table and the series.

    \b
    Examples:
      spotify-assets import artist-snapshots history.csv --source my-archive
      spotify-assets import artist-snapshots history.csv.gz --source my-archive --map observed_at=ts
      spotify-assets import 2025_03_01:14_50_28_artists_data.csv --source my-archive --dry-run
      spotify-assets import layouts
    """  # noqa: D301 - \b is for click
    settings = load_settings()
    own = settings.spotify_assets_home / LAYOUTS
    layouts = load_layouts(own)
    screen = Console(quiet=True) if as_json else console()
    if what == ("layouts",):
        _print_layouts(console(), layouts, own)
        return
    if save_as is not None:
        check_layout_name(save_as)
    table, files = _table_and_files(what)
    prepared = prepare_all(
        files,
        ImportOptions(table, source, layout, columns, values, separator),
        layouts,
        today=SYSTEM_CLOCK.now().date(),
        earliest=settings.spotify_assets_start_date,
    )
    for one in prepared:
        _print_file(screen, one, several=len(prepared) > 1)
    if save_as is not None and not dry_run:
        _keep_layout(screen, own, save_as, prepared)
    if dry_run:
        previews = [one.preview(Landing(settings.effective_lake_url)) for one in prepared]
        _print_preview(screen, prepared, previews)
        if as_json:
            click.echo(_report(prepared, previews=previews))
        return
    if not any(one.days for one in prepared):
        raise click.ClickException(f"no row of {', '.join(map(str, files))} could be imported")
    outcome = _load(screen, [one for one in prepared if one.days])
    if as_json:
        click.echo(_report(prepared, outcome=outcome))
    if not outcome.success:
        raise click.exceptions.Exit(1)
    look = _LOOK.format(prepared[0].table, prepared[0].source)
    screen.print(f'Next: {command()} sql "{look}"', markup=False, soft_wrap=True)


def _table_and_files(what: tuple[str, ...]) -> tuple[str | None, list[Path]]:
    tables = {name.replace("_", "-"): name for name in TABLES}
    table = tables.get(what[0].replace("_", "-"))
    files = [Path(name) for name in (what[1:] if table else what)]
    if not files:
        raise click.UsageError(f"Name a file: import {what[0]} FILE")
    for path in files:
        if path.is_dir():
            raise click.UsageError(f"{str(path)!r} is a folder: name its files, such as {path / '*.csv'!s}")
        if not path.is_file():
            first = (
                f" (nor is it a table: {', '.join(tables)})" if table is None and str(path) == what[0] else ""
            )
            raise click.UsageError(f"File {str(path)!r} does not exist{first}.")
    return table, files


def _print_layouts(screen: Console, layouts: dict[str, Layout], own: Path) -> None:
    for one in layouts.values():
        screen.print(literal(f"{one.name}: {one.description or 'no description'}"), soft_wrap=True)
        screen.print(literal(f"  feeds {', '.join(one.tables)} as {one.source}"), soft_wrap=True)
        screen.print(literal(f"  columns: {', '.join(one.columns)}"), soft_wrap=True)
        if one.file_name:
            screen.print(literal(f"  file name: {one.file_name}"), soft_wrap=True)
    screen.print(literal(f"Your own: {own}/NAME.toml (see --save-layout)"), soft_wrap=True)


def _print_file(screen: Console, one: Prepared, *, several: bool) -> None:
    if several or one.layout:
        known = f" (layout {one.layout})" if one.layout else ""
        screen.print(literal(f"{one.path.name}: {one.table} of {one.source}{known}"), soft_wrap=True)
    for line in one.uses():
        screen.print(literal(line), soft_wrap=True)
    for row in one.unplaced[:_SHOWN]:
        screen.print(literal(f"line {row.line}: not imported: {row.reason}"), soft_wrap=True)
    if len(one.unplaced) > _SHOWN:
        screen.print(f"… and {len(one.unplaced) - _SHOWN:,} more lines that were not imported")


def _print_span(screen: Console, one: Prepared, new_days: int) -> None:
    if one.days:
        screen.print(
            f"{one.rows - len(one.unplaced):,} of {_rows(one.rows)}, {_days(len(one.days))} from "
            f"{one.days[0]} to {one.days[-1]}; {_days(new_days)} {'is' if new_days == 1 else 'are'} new to "
            "the lake",
            markup=False,
        )


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def _print_preview(screen: Console, prepared: Sequence[Prepared], previews: Sequence[Preview]) -> None:
    for one, preview in zip(prepared, previews, strict=True):
        _print_span(screen, one, preview.new_days)
        screen.print(
            f"would load: {_rows(preview.loaded)} into {one.table}; {preview.superseded:,} "
            f"{'is' if preview.superseded == 1 else 'are'} replaced by a later one of the same day",
            markup=False,
        )
        if preview.set_aside:
            screen.print(f"would be set aside: {_rows(preview.set_aside)}, for these reasons:", markup=False)
        for reason, count in sorted(preview.quarantined.items(), key=lambda item: -item[1]):
            screen.print(literal(f"  {_rows(count)}: {shown(reason)}"), soft_wrap=True)
    screen.print("Nothing was written (--dry-run).")


def _keep_layout(screen: Console, own: Path, name: str, prepared: Sequence[Prepared]) -> None:
    first = [one for one in prepared if one.path == prepared[0].path]
    tables = {one.table: one.mapping for one in first}
    path = save_layout(own, name, first[0].columns, first[0].source, tables)
    screen.print(literal(f"Layout kept: {path}"), soft_wrap=True)


def _load(screen: Console, prepared: Sequence[Prepared]) -> RunOutcome:
    from spotify_assets.cli.commands.data.load_imported import load_and_build  # noqa: PLC0415 - Dagster is slow to import

    environment = open_environment()
    run_id = str(uuid4())
    for one in prepared:
        _print_span(screen, one, one.land(environment.landing, run_id))
    export_dagster(environment)
    days = {day for one in prepared for day in one.days}
    with progress(screen, f"Loading {_days(len(days))} and building the marts") as show:
        outcome = load_and_build(environment, prepared, run_id, show)
    print_outcome(screen, outcome)
    return outcome


def _report(
    prepared: Sequence[Prepared], previews: Sequence[Preview] = (), outcome: RunOutcome | None = None
) -> str:
    """What a program reads: the use of each column, what was left out, and what would come or came of it."""
    files = [
        {
            "file": str(one.path),
            "table": one.table,
            "source": one.source,
            "layout": one.layout,
            "columns": one.mapping,
            "not_used": list(one.unused),
            "rows": one.rows,
            "days": [day.isoformat() for day in one.days],
            "not_imported": [{"line": row.line, "reason": row.reason} for row in one.unplaced],
        }
        for one in prepared
    ]
    for one, preview in zip(files, previews, strict=False):
        one["would"] = asdict(preview)
    report: dict[str, object] = {"files": files, "dry_run": outcome is None}
    if outcome is not None:
        report |= {"success": outcome.success, "problems": outcome.problems}
        report["loaded"] = sum(load.loaded for load in outcome.loads)
        report["quarantined"] = sum(load.quarantined for load in outcome.loads)
    return json.dumps(report, indent=2)
