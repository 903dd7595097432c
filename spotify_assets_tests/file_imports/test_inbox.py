"""The import folder holds plain files only, nothing leads out of it, and no file costs more than it may."""

import gzip
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from spotify_assets.file_imports.inbox import DONE, FAILED, links, look, put_away, waiting
from spotify_assets.file_imports.reader import MOST_BYTES, ImportProblem, read_file
from spotify_assets.file_imports.sidecar import wishes_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "imports"
    made.mkdir()
    return made


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of somebody else."""
    file = tmp_path / "victim" / "precious.csv"
    file.parent.mkdir()
    file.write_text("precious")
    return file


def test_links_do_not_wait_and_are_named(folder: Path, victim: Path) -> None:
    (folder / "plain.csv").write_text("a\n1\n")
    (folder / "file.csv").symlink_to(victim)
    (folder / "folder").symlink_to(victim.parent)
    for name in "abc":
        (folder / name).symlink_to(".")
    os.mkfifo(folder / "pipe.csv")
    assert [one.name for one in waiting(folder)] == ["plain.csv"]
    assert links(folder) == ["a", "b", "c", "file.csv", "folder"]


def test_a_tree_without_end_keeps_no_other_file_waiting(folder: Path) -> None:
    (folder / "2024").mkdir()
    (folder / "2024" / "plain.csv").write_text("a\n1\n")
    place = os.open(folder, os.O_RDONLY)
    for _ in range(1_100):
        os.mkdir("deep", dir_fd=place)
        place, above = os.open("deep", os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(place)
    assert [one.name for one in waiting(folder)] == ["2024/plain.csv"]
    # pytest's own cleaning up goes by recursion as well
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.mark.parametrize(
    "name", ["../victim/precious.csv", "x/../../victim/precious.csv", "linked/precious.csv", "link.csv", "."]
)
def test_no_name_reaches_a_file_outside(folder: Path, victim: Path, name: str) -> None:
    (folder / "x").mkdir()
    (folder / "linked").symlink_to(victim.parent)
    (folder / "link.csv").symlink_to(victim)
    for given in (name, str(victim)):
        assert look(folder, given) is None
        with pytest.raises(OSError, match="is no file in"):
            put_away(folder, given, FAILED)
    assert victim.read_text() == "precious"


def test_nothing_is_put_where_a_link_leads(folder: Path, victim: Path) -> None:
    (folder / DONE).symlink_to(victim.parent)
    (folder / "new.csv").write_text("new")
    with pytest.raises(OSError, match="leads out of"):
        put_away(folder, "new.csv", DONE)
    assert (folder / "new.csv").read_text() == "new"
    assert list(victim.parent.iterdir()) == [victim]


def test_a_folder_that_is_itself_a_link_is_the_person_s_choice(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.symlink_to(folder)
    (folder / "new.csv").write_text("new")
    assert [one.name for one in waiting(other)] == ["new.csv"]
    assert put_away(other, "new.csv", DONE).read_text() == "new"


@pytest.mark.parametrize("name", ["x" * 250 + ".csv", "x" * 255, "ä" * 120 + ".csv.gz", "a." + "b" * 250])
def test_a_long_name_is_shortened_so_that_its_reason_fits_beside_it(folder: Path, name: str) -> None:
    for text in ("one", "two"):
        (folder / name).write_text(text)
        assert wishes_for(folder, name).table is None
        place = put_away(folder, name, FAILED, "why")
        assert place.read_text() == text
        assert place.with_name(place.name + ".reason.txt").read_text() == "why"
    assert len(list((folder / FAILED).iterdir())) == 4


def test_a_file_that_unpacks_to_too_much_is_refused_at_little_cost(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as stream:
        for _ in range(64):
            stream.write(b"a,b\n" * (MOST_BYTES // 64 // 4 * 2))
    code = "from spotify_assets.file_imports.reader import *; import sys, pathlib, resource\n"
    code += "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
    code += "try: read_file(pathlib.Path(sys.argv[1]))\nexcept ImportProblem as problem: print(problem)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(bomb)], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip().endswith("is larger than 256 MiB when unpacked: split it into several files.")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak < 3 << 20  # KiB; bounded above by the limit set for the child


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES * 40)  # a hole: takes no room
    with pytest.raises(ImportProblem, match="larger than 256 MiB: split it"):
        read_file(large)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("," * 200_000, "has more than 100,000 columns"),
        ("a,b\n" + "," * (2**24 + 1), "has a line of more than 16,777,216 characters"),
        ("\n".join(f'{{"a": 1, "{line}": 1}}' for line in range(100_001)), "has more than 100,000 columns"),
    ],
)
def test_what_has_columns_without_end_is_no_table(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "columns.csv"
    file.write_text(text)
    with pytest.raises(ImportProblem, match=says):
        read_file(file)


@pytest.mark.parametrize("text", ["source = " + "9" * 5_000, "source = " + "[" * 100_000, "#" * (1 << 21)])
def test_a_sidecar_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "history.csv.toml").write_text(text)
    with pytest.raises(ImportProblem, match=r"history\.csv\.toml (cannot be read|is larger than 1 MiB)"):
        wishes_for(tmp_path, "history.csv")


def test_many_columns_of_one_name_are_read(tmp_path: Path) -> None:
    file = tmp_path / "wide.csv"
    file.write_text(",".join(["same"] * 30_000) + "\n" + ",".join(["1"] * 30_000) + "\n")
    columns = read_file(file, ",").columns  # minutes, were it quadratic
    assert columns[:3] == ("same", "same (2)", "same (3)")
    assert len(set(columns)) == 30_000
