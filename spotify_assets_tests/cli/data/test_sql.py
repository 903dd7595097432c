"""`sql`: one read-only query, for people and for programs."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable

import pytest

from spotify_assets_tests.support.command import Done, Installation, command

Cli = Callable[..., Done]


def test_a_table_says_exactly_what_the_cells_say(cli: Cli) -> None:
    done = cli(
        "sql", "select '[bold]x[/bold]' as \"[red]name\", e'\\x1b[31mred' as colour, null as nothing"
    ).succeeded()
    assert "[bold]x[/bold]" in done.out
    assert "[red]name" in done.out
    assert "\\x1b[31mred" in done.out
    assert "\x1b" not in done.out
    assert "None" not in done.out
    assert done.out.endswith("\n1 row\n")


def test_the_limit_and_what_it_left_out(cli: Cli) -> None:
    numbers = "select n from generate_series(1, 300) as g (n)"
    assert "200 rows, more exist (--limit, --megabytes)" in cli("sql", numbers).out
    assert "3 rows, more exist (--limit, --megabytes)" in cli("sql", numbers, "--limit", "3").out
    assert "300 rows\n" in cli("sql", numbers, "--limit", "300").out
    assert len(cli("sql", numbers, "--json").json()) == 300
    assert len(cli("sql", numbers, "--csv", "--limit", "2").out.splitlines()) == 3


def test_a_text_without_end_is_shown_by_its_beginning(cli: Cli) -> None:
    long = "select repeat('x', 30000000) as text, array[repeat('y', 20000)] as list"
    done = cli("sql", long).succeeded()
    assert "… (30,000,000 characters; --csv prints all)" in done.out
    assert len(done.out) < 50_000
    assert len(cli("sql", long, "--csv").succeeded().out) > 30_000_000


def test_csv_cannot_hide_a_formula(cli: Cli) -> None:
    formulas = [
        "=1+1", "+49 40", "-x", "@sum(a1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\u3000+a", "\ufeff@a",
        "\u200b=1", " \u00a0\ufeff -x", "\x1f=1", "\uff1d1+1", "\uff0ba", "\uff0da", "\uff20a", "\ufe66a",
        "\u2212a", " \uff1da", "\ttext", "-5 and more", "-", "=",
    ]  # fmt: skip
    harmless = [
        "a\r=1",
        "a\n=1",
        "plain",
        "-5",
        "+3.5e2",
        " -5",
        'say "hi", you',
        "x=1",
        "\u00e9=1",
        "",
        " ",
        "\u00a0",
    ]
    cells = formulas + harmless
    values = ", ".join(
        f"({n}, e'" + "".join(f"\\u{ord(one):04x}" for one in cell) + "')" for n, cell in enumerate(cells)
    )
    done = cli(
        "sql",
        f"select text as \"=head\", -n as number, array['=a'] as list from (values {values}) as v (n, text) "
        "order by n",
        "--csv",
    ).succeeded()
    rows = list(csv.reader(io.StringIO(done.out, newline="")))
    assert rows[0] == ["'=head", "number", "list"]
    assert [row[0] for row in rows[1:]] == [f"'{cell}" for cell in formulas] + harmless
    assert [row[1] for row in rows[1:]] == [str(-n) for n in range(len(cells))]
    assert rows[1][2] == '["=a"]'


def test_json_has_json_types(cli: Cli) -> None:
    done = cli(
        "sql",
        "select 1 as whole, 1.5::numeric as exact, avg(n) as mean, 'NaN'::float8 as odd, null as nothing, "
        "true as yes, date '2026-11-20' as day, array['é', null] as list from generate_series(1, 2) as g (n)",
        "--json",
    ).succeeded()
    assert done.json() == [
        {"whole": 1, "exact": 1.5, "mean": 1.5, "odd": "nan", "nothing": None, "yes": True,
         "day": "2026-11-20", "list": ["é", None]}
    ]  # fmt: skip
    twice = cli("sql", "select 1 as a, 2 as a", "--json")
    assert twice.code == 1
    assert "two columns called a" in twice.err
    assert cli("sql", "select 1 where false", "--json").json() == []


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ops.watchlist",
        "drop table ops.watchlist",
        "with gone as (delete from ops.watchlist returning 1) select * from gone",
        "select 1; drop table ops.watchlist",
        "set statement_timeout = 0",
        "do $$ begin perform 1; end $$",
        "copy ops.watchlist to '/tmp/x'",
    ],
)
def test_a_change_is_refused(cli: Cli, statement: str) -> None:
    done = cli("sql", statement)
    assert done.code == 1
    assert done.out == ""
    assert "only" in done.err.lower() or "read" in done.err.lower()
    assert "Traceback" not in done.err
    cli("sql", "select * from ops.watchlist").succeeded()


def test_an_unknown_table_lists_those_there_are(cli: Cli) -> None:
    done = cli("sql", "select * from nowhere")
    assert done.code == 1
    assert "nowhere" in done.err
    assert "snapshots.artist_snapshots" in done.err
    assert "ops.partition_loads" in done.err


def test_a_reader_that_has_enough_is_no_failure(installation: Installation) -> None:
    with subprocess.Popen(
        [*command(), "sql", "select repeat('x', 100) from generate_series(1, 20000)", "--csv"],
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        code = process.wait(60)
    assert (code, error) == (1, "")
