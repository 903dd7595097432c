"""What lands is what came, whole or not at all."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spotify_assets.lake.landing import PART_EXCHANGES, LakeError, Landing, check_source_name
from spotify_assets.sources.exchange import Exchange

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def exchange(body: str = "{}", at: datetime = NOON, source: str = "spotify") -> Exchange:
    return Exchange(
        source=source,
        entity="artists",
        method="GET",
        url="/v1/artists?ids=a",
        status=200,
        observed_at=at,
        run_id="run",
        body=body,
        request={"ids": ["a"]},
    )


def test_reads_back_what_was_landed_in_the_order_observed(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path))
    late, early = exchange("late", NOON + timedelta(hours=1)), exchange("early")
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        writer(late)
        writer(early)
    assert landing.read("spotify", "artists", DAY) == [early, late]
    assert landing.sources("artists", DAY) == ["spotify"]
    assert landing.days("spotify", "artists") == [DAY]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200))
def test_no_byte_of_a_body_is_lost(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    landing = Landing(str(tmp_path_factory.mktemp("lake")))
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        writer(exchange(raw.decode("utf-8", "surrogateescape")))
    (read,) = landing.read("spotify", "artists", DAY)
    assert read.body.encode("utf-8", "surrogateescape") == raw


def test_what_was_handed_over_is_landed_also_when_the_run_fails(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path))

    def fail() -> None:
        with landing.writer("spotify", "artists", DAY, "run") as writer:
            writer(exchange())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(landing.read("spotify", "artists", DAY)) == 1


def test_a_part_is_written_before_the_run_ends(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path))
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        for _ in range(PART_EXCHANGES):
            writer(exchange())
        assert len(Landing(str(tmp_path)).read("spotify", "artists", DAY)) == PART_EXCHANGES


def test_two_runs_never_overwrite_each_other(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path))
    for body in ("first", "second"):
        with landing.writer("spotify", "artists", DAY, "same-run") as writer:
            writer(exchange(body))
    assert {read.body for read in landing.read("spotify", "artists", DAY)} == {"first", "second"}


def test_a_part_under_its_own_name_lands_once(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path))
    assert landing.put("archive", "artists", DAY, "import-1", [exchange(source="archive")])
    assert not landing.put("archive", "artists", DAY, "import-1", [exchange(source="archive")])
    assert len(landing.read("archive", "artists", DAY)) == 1


def test_a_half_written_part_is_not_seen(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path))
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        writer(exchange())
    folder = next(tmp_path.rglob("*.jsonl.gz")).parent
    (folder / ".killed-00000.jsonl.gz.tmp").write_bytes(b"\x1f\x8bhalf")
    assert len(landing.read("spotify", "artists", DAY)) == 1


@pytest.mark.parametrize(
    "damage",
    [b"no gzip", gzip.compress(b"no json\n", mtime=0), gzip.compress(b'{"format":9}\n', mtime=0)],
    ids=["no gzip", "no json", "newer format"],
)
def test_a_damaged_part_is_named_with_what_to_do(tmp_path: Path, damage: bytes) -> None:
    landing = Landing(str(tmp_path))
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        writer(exchange())
    part = next(tmp_path.rglob("*.jsonl.gz"))
    part.write_bytes(damage)
    with pytest.raises(LakeError, match="backup, or move it away") as error:
        landing.read("spotify", "artists", DAY)
    assert str(part) in str(error.value)


def test_an_empty_lake_has_nothing(tmp_path: Path) -> None:
    landing = Landing(str(tmp_path / "not-there-yet"))
    assert landing.read("spotify", "artists", DAY) == []
    assert landing.sources("artists", DAY) == []
    assert landing.days("spotify", "artists") == []


@pytest.mark.parametrize("url", ["nonsense://bucket", "~nobody-is-called-so/lake"])
def test_an_unusable_url_names_the_setting(url: str) -> None:
    with pytest.raises(LakeError, match="LAKE_URL cannot be used"):
        Landing(url)


def test_a_url_of_a_folder_is_the_folder(tmp_path: Path) -> None:
    with Landing(f"file://{tmp_path}").writer("spotify", "artists", DAY, "run") as writer:
        writer(exchange())
    assert len(Landing(str(tmp_path)).read("spotify", "artists", DAY)) == 1


@pytest.mark.parametrize("name", ["", "Spotify", "a/b", "..", "a b", "9lives", "x" * 41])
def test_a_source_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a source"):
        check_source_name(name)


def test_what_lands_is_for_nobody_else(tmp_path: Path) -> None:
    lake = tmp_path / "made" / "lake"
    with Landing(str(lake)).writer("spotify", "artists", DAY, "run") as writer:
        writer(exchange())
    folders = [lake.parent, lake, *(path for path in lake.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


@pytest.mark.parametrize("strange", ["2026-12-01.away", "2026-13-01", "20261201", "2026-11-20 (copy)"])
def test_what_others_put_into_the_lake_is_no_day(tmp_path: Path, strange: str) -> None:
    landing = Landing(str(tmp_path))
    with landing.writer("spotify", "artists", DAY, "run") as writer:
        writer(exchange())
    root = Path(landing.root)
    for folder in (root, root / "spotify", root / "spotify" / "artists"):
        (folder / ".DS_Store").touch()
    (root / "spotify" / "artists" / strange).mkdir()
    assert landing.days("spotify", "artists") == [DAY]
    assert landing.days_after("spotify", DAY - timedelta(days=1)) == [("artists", DAY)]
    assert landing.sources("artists", DAY) == ["spotify"]
