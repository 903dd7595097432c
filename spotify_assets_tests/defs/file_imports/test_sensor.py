"""A file dropped into the import folder is imported once it is whole and put away."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from spotify_assets.definitions import build_definitions
from spotify_assets.defs.file_imports import importer, load, sensor
from spotify_assets.defs.resources import build_resources
from spotify_assets.file_imports.inbox import put_away
from spotify_assets.lake.landing import Landing
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.command import contents, query

A, B = "6lcwlkAjBPSKnFBZjjZFJs", "5AyEXCtu3xnnsTGCo4RVZh"
HEAD = "ts_utc,date_utc,artist_id,name,popularity,followers\n"
TRACKS = (
    "track_name,album_name,album_releasedate,album_totaltracks,track_duration,track_popularity,track_number\n"
)


def history(day: str, popularity: object = 50) -> str:
    """A file of the layout artist-history that says one thing."""
    return f"{HEAD}{day}T10:00:00Z,{day},{A},Alex G,{popularity},1000\n"


def archive() -> list[str]:
    """Lines of an archive of two artists: some days are missing, one has two observations of an artist."""
    first = date(2025, 3, 1)
    days = [first + timedelta(days=number) for number in range(33) if number not in {4, 5, 17}]
    lines = [HEAD, f"{first}T00:51:55Z,{first},{A},Alex G,49,999\n"]
    for number, day in enumerate(days):
        lines += [
            f"{day}T14:50:{number:02}Z,{day},{artist},{name},{points + number // 9},{base + 37 * number}\n"
            for artist, name, points, base in ((A, "Alex G", 50, 1000), (B, "Duster", 40, 70_000))
        ]
    return lines


@dataclass
class Place:
    """The import folder, the sensor over it with its cursor, and the runs that it asks for."""

    settings: Settings
    instance: dg.DagsterInstance
    cursor: str | None = None
    reason: str | None = None

    @property
    def folder(self) -> Path:
        return self.settings.import_folder

    def drop(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def tick(self) -> list[dg.RunRequest]:
        """What the sensor of the real definitions asks for."""
        repository = build_definitions(self.settings).get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            repository_def=repository,
            resources=build_resources(self.settings),
            cursor=self.cursor,
        ) as context:
            outcome = repository.get_sensor_def(sensor.IMPORT_DROPPED).evaluate_tick(context)
        self.cursor, self.reason = outcome.cursor, outcome.skip_message
        return list(outcome.run_requests or [])

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """What a run that was asked for does."""
        assert request.job_name in {None, sensor.IMPORT_FILES}
        definitions = build_definitions(self.settings)
        return definitions.resolve_job_def(sensor.IMPORT_FILES).execute_in_process(
            run_config=request.run_config, instance=self.instance, raise_on_error=False
        )

    def imported(self) -> dg.ExecuteInProcessResult:
        """Two ticks, and the run that the second one asks for."""
        assert self.tick() == []
        (request,) = self.tick()
        return self.run(request)

    def files(self, under: str = "") -> list[str]:
        """Every file below a folder."""
        top = self.folder / under
        return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())


def named(request: dg.RunRequest) -> list[str]:
    config: Mapping[str, Any] = request.run_config
    return list(config["ops"]["import_each_file"]["config"]["files"])


@pytest.fixture
def place(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Place:
    """A place where files are imported."""
    return Place(settings, instance)


def popularities(settings: Settings) -> list[tuple[Any, ...]]:
    assert settings.database_url is not None
    return query(
        settings.database_url.get_secret_value(),
        "select source, snapshot_date::text, popularity from snapshots.artist_snapshots order by 1, 2",
    )


def test_an_empty_folder_is_made_and_nothing_is_asked_for(place: Place) -> None:
    assert place.tick() == []
    assert place.folder.is_dir()
    assert place.reason == f"Nothing waits in {place.folder}"


def test_the_folder_is_a_setting(
    place: Place, settings: Settings, tmp_path: Path, warehouse: Warehouse
) -> None:
    place.settings = settings.model_copy(update={"spotify_assets_import_folder": tmp_path / "elsewhere"})
    place.drop("a.csv", history("2025-03-01"))
    assert place.imported().success
    assert place.files() == ["done/a.csv"]
    assert popularities(settings) == [("arthistory", "2025-03-01", 50)]


def test_a_dropped_file_becomes_history(place: Place, settings: Settings) -> None:
    lines = archive()
    text = "".join(lines).encode()
    place.drop("history.csv.gz", gzip.compress(text))
    done = place.imported()
    assert done.success
    assert place.files() == ["done/history.csv.gz"]
    (metadata,) = [
        output.metadata["files"]
        for event in done.events_for_node("import_each_file")
        if event.is_successful_output and "files" in (output := event.step_output_data).metadata
    ]
    assert isinstance(metadata, dg.TableMetadataValue)
    (told,) = metadata.records
    assert "popularity = popularity" in str(told.data["columns"])
    assert "artist_snapshots: not used: date_utc" in str(told.data["columns"])
    observed = {line[:10] for line in lines[1:]}
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    shown = place.instance.get_materialized_partitions(dg.AssetKey(["snapshots", "artist_snapshots"]))
    assert shown == observed
    checks = place.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(["snapshots", "artist_snapshots"]), "contract"), limit=5
    )
    assert {check.status.value for check in checks} == {"SUCCEEDED"}
    assert {check.partition for check in checks} < observed, "each day has a verdict of its own"

    # The same content once more, packed differently: nothing changes, and both files are kept.
    standing = contents(url, "snapshots")
    place.drop("history.csv.gz", gzip.compress(text, 1))
    assert place.imported().success
    assert place.files() == ["done/history (2).csv.gz", "done/history.csv.gz"]
    assert contents(url, "snapshots") == standing


def test_a_file_that_is_still_being_written_is_left_alone(place: Place, settings: Settings) -> None:
    text = history("2025-03-01")
    path = place.drop("a.csv", text[:60])
    place.drop("b.csv.part", text)
    place.drop(".hidden.csv", text)
    for size in (70, 80, len(text)):
        assert place.tick() == []
        assert place.reason == "New files are left alone until they are the same at the next look"
        path.write_text(text[:size])
    assert place.tick() == []
    (request,) = place.tick()
    assert named(request) == ["a.csv"]
    # What changes between the tick and the run is left for another tick too.
    path.write_text(text + f"2025-03-02T10:00:00Z,2025-03-02,{A},Alex G,51,1000\n")
    assert place.run(request).success
    assert popularities(settings) == []
    assert place.imported().success
    assert [row[2] for row in popularities(settings)] == [50, 51]
    assert place.files() == [".hidden.csv", "b.csv.part", "done/a.csv"]


def test_a_file_that_grows_while_it_is_imported_is_imported_again(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.drop("a.csv", history("2025-03-01"))
    land = load.load_prepared

    def slowly(*prepared: Any, **rest: Any) -> Any:
        if path.read_text() == history("2025-03-01"):
            path.write_text(history("2025-03-01") + f"2025-03-02T10:00:00Z,2025-03-02,{A},Alex G,51,9\n")
        return land(*prepared, **rest)

    monkeypatch.setattr(importer, "load_prepared", slowly)
    assert not place.imported().success
    assert place.files() == ["a.csv"]
    assert place.imported().success
    assert [row[2] for row in popularities(settings)] == [50, 51]
    assert place.files() == ["done/a.csv"]


def test_a_broken_file_fails_alone_and_says_why(place: Place, settings: Settings) -> None:
    place.drop("a.csv", history("2025-03-01"))
    place.drop("broken.csv.gz", gzip.compress(history("2025-03-02").encode())[:-9])
    place.drop("unknown/what.csv", "a;b\n1;2\n")
    place.drop("z.csv", history("2025-03-03"))
    done = place.imported()
    assert not done.success
    assert [row[1] for row in popularities(settings)] == ["2025-03-01", "2025-03-03"]
    assert place.files("done") == ["a.csv", "z.csv"]
    assert place.files("failed") == [
        "broken.csv.gz", "broken.csv.gz.reason.txt", "unknown/what.csv", "unknown/what.csv.reason.txt",
    ]  # fmt: skip
    reason = (place.folder / "failed" / "unknown" / "what.csv.reason.txt").read_text()
    assert "no layout that is known" in reason
    assert f"move it back to {place.folder / 'unknown' / 'what.csv'}" in reason
    assert "what.csv.toml" in reason
    # Nothing is asked for again.
    assert [event.step_key for event in done.all_events if event.is_step_failure] == ["name_what_failed"]
    assert place.tick() == []


def test_a_failed_file_is_imported_when_it_is_corrected_and_moved_back(
    place: Place, settings: Settings
) -> None:
    place.drop("a.csv", "when,id,name\n2025-03-01,x,X\n")
    assert not place.imported().success
    back = place.folder / "artist-snapshots" / "mine" / "a.csv"
    back.parent.mkdir(parents=True)
    (place.folder / "failed" / "a.csv").rename(back)
    (back.parent / "a.csv.toml").write_text('[map]\nobserved_at = "when"\n')
    assert place.imported().success
    assert popularities(settings) == [("mine", "2025-03-01", None)]
    assert place.files("done") == ["artist-snapshots/mine/a.csv", "artist-snapshots/mine/a.csv.toml"]


@pytest.mark.parametrize(
    ("name", "text", "beside", "rows"),
    [
        ("artist-snapshots/mine/a.csv", "day\tid\tpopularity\n2025-03-01\tx\t7\n", {}, ("mine", 7)),
        ("mine/artist_snapshots/a.csv", "day,id,popularity\n2025-03-01,x,7\n", {}, ("mine", 7)),
        ("mine/a.csv", history("2025-03-01", 7), {}, ("mine", 7)),
        ("a.csv", history("2025-03-01", 7), {}, ("arthistory", 7)),
        (
            "a.jsonl",
            json.dumps({"id": A, "name": "Alex G", "genres": ["rock"]}) + "\n",
            {"a.jsonl.toml": "[set]\nobserved_at = 2025-03-01\npopularity = 7\n"},
            ("arthistory", 7),
        ),
        (
            "deep/a.csv",
            "d;i;p\n2025-03-01;x;7\n",
            {
                "import.toml": 'table = "artist-snapshots"\n[map]\nobserved_at = "d"\nartist_id = "i"\n',
                "deep/import.toml": 'source = "inner"\n[map]\npopularity = "p"\n',
            },
            ("inner", 7),
        ),
    ],
)
def test_folders_and_files_beside_it_say_what_a_file_is(
    place: Place, settings: Settings, name: str, text: str, beside: Mapping[str, str], rows: tuple[str, int]
) -> None:
    for other, said in beside.items():
        place.drop(other, said)
    place.drop(name, text)
    assert place.imported().success, place.files()
    assert popularities(settings) == [(rows[0], "2025-03-01", rows[1])]


@pytest.mark.parametrize(
    ("name", "beside", "words"),
    [
        ("artist-snapshots/a.csv", "", "Name the series"),
        ("artist-snapshots/top-tracks/a.csv", "", "too many folders"),
        ("artist-snapshots/one/two/a.csv", "", "too many folders"),
        ("artist-snapshots/My Archive/a.csv", "", "cannot name a source"),
        ("artist-snapshots/mine/a.csv", "nonsense = 1", "says 'nonsense'"),
        ("artist-snapshots/mine/a.csv", "source = 1", "has to be a text"),
        ("artist-snapshots/mine/a.csv", "set = 1", "write [set] on a line of its own"),
        ("artist-snapshots/mine/a.csv", "= 1", "cannot be read"),
        ("a.csv", 'table = "tracks"', "there is no table 'tracks'"),
        ("artist-snapshots/spotify/a.csv", "", "no artist id of spotify"),
    ],
)
def test_what_cannot_be_understood_is_told(
    place: Place, settings: Settings, name: str, beside: str, words: str
) -> None:
    if beside:
        place.drop(f"{name}.toml", beside)
    place.drop(name, "day,id,popularity\n2025-03-01,x,7\n")
    assert not place.imported().success
    assert words in (place.folder / "failed" / f"{name}.reason.txt").read_text()
    assert popularities(settings) == []


def test_lists_of_one_artist_each_say_whose_they_are_in_a_file_beside_them(
    place: Place, settings: Settings
) -> None:
    name = "2025_03_01:14_50_28_top_tracks.csv"
    place.drop("one/" + name, TRACKS + "One,Album,24/12/2020,9,1000,50,7\nTwo,Album,24/12/2020,9,2000,,7\n")
    place.drop("two/" + name, TRACKS + "Three,Album,24/12/2020,9,1000,50,7\n")
    for folder, artist in (("one", A), ("two", B)):
        place.drop(f"{folder}/import.toml", f'source = "lists"\n[set]\nartist_id = "{artist}"\n')
    assert place.imported().success
    assert settings.database_url is not None
    found = query(
        settings.database_url.get_secret_value(),
        "select source, artist_id, position, name, observed_at::text from snapshots.top_tracks order by 2, 3",
    )
    at = "2025-03-01 14:50:28+00"
    assert [row[:4] for row in found] == [
        ("lists", B, 1, "Three"), ("lists", A, 1, "One"), ("lists", A, 2, "Two"),
    ]  # fmt: skip
    assert {row[4] for row in found} == {at}


def test_rows_that_belong_to_no_day_are_told_beside_the_file(place: Place, settings: Settings) -> None:
    place.drop("a.csv", history("2025-03-01") + f"yesterday,,{B},Duster,1,1\n2025-03-01,,{B},Duster,101,1\n")
    assert place.imported().success
    assert place.files() == ["done/a.csv", "done/a.csv.reason.txt"]
    reason = (place.folder / "done" / "a.csv.reason.txt").read_text()
    assert "line 3: not imported: column ts_utc: 'yesterday' is no day or time such as" in reason
    assert settings.database_url is not None
    quarantined = query(settings.database_url.get_secret_value(), "select reasons from ops.quarantine")
    assert quarantined == [(["popularity: must be at most 100, got 101"],)]


def test_a_backlog_comes_in_batches_in_the_order_written_and_a_run_at_a_time(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor, "FILES_AT_ONCE", 3)
    for number in range(7):
        # Against the order of names: what was written last corrects what was written before.
        path = place.drop(f"{9 - number}.csv", history("2025-03-01", number))
        os.utime(path, ns=(number, number))
    assert place.tick() == []
    batches = []
    while requests := place.tick():
        (request,) = requests
        batches.append(named(request))
        job = sensor.import_files_job(build_resources(settings))
        run = place.instance.create_run_for_job(job, run_config=request.run_config)
        assert place.tick() == [], "another run was asked for while one was waiting"
        place.instance.delete_run(run.run_id)
        assert place.run(request).success
    assert batches == [["9.csv", "8.csv", "7.csv"], ["6.csv", "5.csv", "4.csv"], ["3.csv"]]
    assert popularities(settings) == [("arthistory", "2025-03-01", 6)]
    assert len(place.files("done")) == 7


def test_what_a_run_did_not_put_away_is_asked_for_again_a_few_times(
    place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.drop("a.csv", history("2025-03-01"))

    def nowhere(*_: object) -> Path:
        raise PermissionError("the disk is read-only")

    monkeypatch.setattr(importer, "put_away", nowhere)
    assert place.tick() == []
    keys = set()
    for _ in range(sensor.ATTEMPTS):
        (request,) = place.tick()
        keys.add(request.run_key)
        assert not place.run(request).success
    assert len(keys) == sensor.ATTEMPTS
    assert popularities(settings) == [("arthistory", "2025-03-01", 50)]
    assert place.tick() == []
    assert place.reason is not None
    assert place.reason.startswith(f"{sensor.ATTEMPTS} runs ended without putting a.csv away")
    # Once it can be put away: touched, it is new.
    monkeypatch.setattr(importer, "put_away", put_away)
    (place.folder / "a.csv").touch()
    assert place.imported().success
    assert place.files() == ["done/a.csv"]


def test_a_run_started_by_hand_imports_all_that_waits(place: Place, settings: Settings) -> None:
    place.drop("a.csv", history("2025-03-01"))
    place.drop("mine/b.csv", history("2025-03-02"))
    assert place.run(dg.RunRequest(job_name=sensor.IMPORT_FILES)).success
    assert place.files() == ["done/a.csv", "done/mine/b.csv"]
    assert [row[0] for row in popularities(settings)] == ["arthistory", "mine"]


def test_nothing_that_was_put_away_is_ever_overwritten(tmp_path: Path) -> None:
    texts = []
    for number in range(4):
        text = f"text {number}"
        texts.append(text)
        (tmp_path / "a.csv.gz").write_text(text)
        put_away(tmp_path, "a.csv.gz", "failed", f"reason {number}")
        if number == 0:
            (tmp_path / "failed" / "a.csv.gz").unlink()
            texts.pop()
    kept = sorted((tmp_path / "failed").glob("*.gz"))
    assert sorted(path.read_text() for path in kept) == texts
    for path in kept:
        reason = path.with_name(path.name + ".reason.txt").read_text()
        assert reason.split()[1] == path.read_text().split()[1]


def test_the_lake_alone_can_bring_back_what_was_imported(place: Place, settings: Settings) -> None:
    place.drop("a.csv", history("2025-03-01"))
    assert place.imported().success
    landing = Landing(settings.effective_lake_url)
    (day,) = landing.days("arthistory", "artists")
    (exchange,) = landing.read("arthistory", "artists", day)
    assert exchange.url == "a.csv"
    assert json.loads(exchange.body)[0]["popularity"] == "50"
