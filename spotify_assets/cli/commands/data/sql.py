"""`sql`: one read-only query, printed for people or for programs."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spotify_assets.cli.runtime.console import console, literal, say, shown
from spotify_assets.cli.runtime.environment import open_environment
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets.warehouse.ledger import has_loads_of

if TYPE_CHECKING:
    from spotify_assets.warehouse.query import QueryResult

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
LONGEST_CELL = 30
"""Characters of a cell that may be wrapped without anybody minding."""
MOST_SHOWN = 10_000
"""Characters of a cell that a person is shown."""
_FORMULA = frozenset("=+-@\u2212")
_SKIPPED = ("C", "Z")
"""Categories of characters that a spreadsheet may drop before it looks: control, format, blanks."""


def _json_value(value: Any) -> Any:
    """A value as JSON has it; what JSON has no form for becomes text."""
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _json_value(item) for name, item in value.items()}
    return value.hex() if isinstance(value, bytes) else value


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(_json_value(value), indent=indent, ensure_ascii=False, default=str, allow_nan=False)


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, (list, dict)) else value


def _told(value: Any) -> Any:
    """A cell for people: the beginning of a text that nobody would read to its end."""
    value = _cell(value)
    if not isinstance(value, str) or len(value) <= MOST_SHOWN:
        return value
    return f"{value[:MOST_SHOWN]}… ({len(value):,} characters; --csv prints all)"


def _csv_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets a quote before it; a number does not."""
    value = _cell(value)
    return f"'{value}" if isinstance(value, str) and _may_run(value) else value


def _may_run(text: str) -> bool:
    if text.startswith(("\t", "\r", "\n")):
        return True
    kinds = (unicodedata.category(one)[0] for one in text)
    start = next((place for place, kind in enumerate(kinds) if kind not in _SKIPPED), None)
    if start is None or _NUMBER.fullmatch(text[start:].rstrip()):
        return False
    # In whatever width it is written.
    return unicodedata.normalize("NFKC", text[start])[0] in _FORMULA


class _Lines:
    """Standard output, a line a row.

    The writer quotes a cell that holds a character of its line end, so that end must have both: an
    unquoted carriage return would begin a new row, and what follows it could be a formula.
    """

    def write(self, row: str) -> None:
        """Print one row."""
        sys.stdout.write(f"{row.removesuffix(chr(13) + chr(10))}\n")


def _width(result: QueryResult) -> int:
    """Characters that a table needs so that no cell of ordinary length is broken."""
    cells = [
        [name, *(shown(_told(row[index])) for row in result.rows)]
        for index, name in enumerate(result.columns)
    ]
    return sum(min(max(map(len, column)), LONGEST_CELL) + 3 for column in cells) + 1


def _print_records(screen: Console, result: QueryResult) -> None:
    """One line a value: what does not fit side by side stands one below the other."""
    widest = max(map(len, result.columns))
    for number, row in enumerate(result.rows, start=1):
        screen.print(Text(f"— row {number} —", style="dim"))
        for name, value in zip(result.columns, row, strict=True):
            line = Text(f"{shown(name):<{widest}}  ", style="bold")
            screen.print(line.append(shown(_told(value)), style="not bold"), soft_wrap=True)


def _print_table(result: QueryResult) -> None:
    table = Table(header_style="bold")
    for index, name in enumerate(result.columns):
        numbers = any(isinstance(row[index], (int, float, Decimal)) for row in result.rows)
        table.add_column(literal(name), justify="right" if numbers else "left", overflow="fold")
    for row in result.rows:
        table.add_row(*(literal(_told(value)) for value in row))
    screen = console()
    if _width(result) <= screen.width:
        screen.print(table)
    else:
        _print_records(screen, result)
    more = ", more exist (--limit, --megabytes)" if result.truncated else ""
    rows = "1 row" if len(result.rows) == 1 else f"{len(result.rows):,} rows"
    screen.print(f"{rows}{more}")


@click.command("sql", short_help="Run one read-only query and print the result.")
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print as a JSON list of objects.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000_000), help="Rows at most. Default: 200 as a table, else all."
)
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(0.1), help="Time limit.")
@click.option(
    "--megabytes", default=64, show_default=True, type=click.IntRange(1), help="Most to hold of the result."
)
def sql_command(
    query: str, as_csv: bool, as_json: bool, limit: int | None, seconds: float, megabytes: int
) -> None:
    """Run one read-only query and print the result, as a database user who may only read.

    \b
    Examples:
      spotify-assets sql "select name, metric, value from artist_popularity_trend limit 5"
      spotify-assets sql "select * from ops.partition_loads" --csv > ledger.csv
    """  # noqa: D301 - \b is for click
    if as_csv and as_json:
        raise click.UsageError("choose --csv or --json")
    limit = limit or (10_000_000 if as_csv or as_json else 200)
    environment = open_environment()
    warehouse = environment.warehouse
    from spotify_assets.warehouse.query import read_only_query  # noqa: PLC0415 - slow to import
    from spotify_assets.warehouse.roles.platform import grant_reader  # noqa: PLC0415

    reader = Warehouse.reach_reader(environment.settings)
    if reader is not None and reader.home is not None:
        grant_reader(warehouse, reader)
    result = read_only_query(reader or warehouse, query, limit, seconds=seconds, most_bytes=megabytes << 20)
    if has_loads_of(warehouse, "simulated"):
        # On standard error, so that it reaches a person and no program's input.
        say(
            "This database holds SIMULATED rows (source = 'simulated'): invented, not observed.",
            fg="yellow",
            err=True,
        )
    if result.truncated and (as_csv or as_json):
        rows = "row" if len(result.rows) == 1 else f"{len(result.rows):,} rows"
        click.secho(
            f"Only the first {rows}: more may exist. Raise --limit or --megabytes.",
            fg="yellow",
            err=True,
        )
    if as_csv:
        writer = csv.writer(_Lines(), lineterminator="\r\n")
        writer.writerow([_csv_cell(name) for name in result.columns])
        writer.writerows([_csv_cell(value) for value in row] for row in result.rows)
    elif as_json:
        if twice := sorted({name for name in result.columns if result.columns.count(name) > 1}):
            raise click.ClickException(
                f"JSON objects cannot hold two columns called {twice[0]}: name them apart (… as other_name)"
            )
        click.echo(_json([dict(zip(result.columns, row, strict=True)) for row in result.rows], indent=2))
    else:
        _print_table(result)
