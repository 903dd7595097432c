"""`exec`: another program finds the platform's database and Dagster's home."""

from spotify_assets_tests.support.command import Installation


def test_a_program_of_dagsters_finds_its_records(installation: Installation) -> None:
    done = installation.run("exec", "dagster", "run", "list", "--limit", "5").succeeded()
    assert "Traceback" not in done.text
    home = installation.run("exec", "printenv", "DAGSTER_HOME").succeeded().out.strip()
    assert home == str(installation.home / "dagster")


def test_the_exit_code_is_the_programs(installation: Installation) -> None:
    assert installation.run("exec", "--wait", "5", "sh", "-c", "exit 7").code == 7


def test_a_program_that_is_not_there_is_named(installation: Installation) -> None:
    done = installation.run("exec", "no-such-program")
    assert (done.code, done.err.strip()) == (
        1, "Error: no-such-program cannot be run: No such file or directory"
    )  # fmt: skip


def test_it_waits_no_longer_than_it_was_told(installation: Installation) -> None:
    done = installation.run("exec", "--wait", "0", "true", DATABASE_URL="postgresql://u:p@127.0.0.1:1/d")
    assert done.code == 1
    assert "Cannot connect to database 'd' at 127.0.0.1:1" in done.err
