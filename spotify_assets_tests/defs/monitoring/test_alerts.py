"""Failed runs and checks reach people once, gathered, through whatever of the channels works."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent
from pydantic import SecretStr

from spotify_assets.alerts import channels
from spotify_assets.defs.monitoring import alerts, failures
from spotify_assets.settings import Settings
from spotify_assets.warehouse.connection import Warehouse
from spotify_assets_tests.support.clocks.clocked import Sensor, record_run
from spotify_assets_tests.support.running import run
from spotify_assets_tests.support.servers.receivers import Receiver, mailing, receiving

FAILED = dg.DagsterRunStatus.FAILURE
NOW = datetime.now(UTC)
TABLE = dg.AssetKey(["snapshots", "top_tracks"])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are told of as soon as they are there."""
    monkeypatch.setattr(failures, "SETTLED_SECONDS", -5.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def through(settings: Settings, **urls: str) -> Settings:
    return settings.model_copy(update={name: SecretStr(url) for name, url in urls.items()})


@pytest.fixture
def sensor(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, receiver: Receiver
) -> Sensor:
    return Sensor(alerts.PROBLEMS, through(settings, alert_webhook_url=receiver.url), instance)


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def fail(instance: dg.DagsterInstance, day: str = "2026-11-20", job: str = "observe_day") -> str:
    return record_run(instance, datetime.now(UTC), FAILED, job=job, day=day)


def evaluate(
    instance: dg.DagsterInstance,
    *,
    passed: bool,
    run_id: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    check: str = "contract",
) -> None:
    evaluation = dg.AssetCheckEvaluation(
        TABLE, check, passed, {}, severity=severity, description="2 rules are broken", blocking=True
    )
    event = DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        job_name="observe_day",
        event_specific_data=evaluation,
    )
    instance.report_dagster_event(event, run_id)


def titles(receiver: Receiver) -> list[list[str]]:
    return [[entry["title"] for entry in body["entries"]] for body in receiver.bodies]


@pytest.mark.parametrize("name", [alerts.PROBLEMS, alerts.NEWS])
def test_without_a_channel_it_says_how_to_set_one(
    name: str, settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    fail(instance)
    sensor = Sensor(name, settings, instance)
    assert sensor.tick(NOW) == []
    assert sensor.reason == channels.NONE_SET


def test_a_real_failed_run_is_told_with_its_reason_and_link(
    sensor: Sensor, receiver: Receiver, simulated: Settings, instance: dg.DagsterInstance
) -> None:
    outcome = run(simulated, instance, [NOW.date().isoformat()], ["landing/raw_artists"])
    assert not outcome.success
    sensor.tick(NOW)
    (body,) = receiver.bodies
    assert body["title"] == "[SIMULATED] Spotify Assets: 1 job failed"
    assert f"Run failed: observe_day of {NOW.date()}" in body["text"]
    assert "What broke: 1 of 1 day failed. No artist is tracked for simulated." in body["text"]
    assert "For the data: The day is not complete yet." in body["text"]
    assert "By itself: No artist is tracked: spotify-assets watch add ARTIST." in body["text"]
    assert body["entries"][0]["link"] == f"http://127.0.0.1:3000/runs/{outcome.run_id}"
    # Once is enough.
    for minutes in (1, 16, 60):
        sensor.tick(later(minutes))
    assert len(receiver.bodies) == 1
    assert sensor.reason == "webhook: Nothing failed"


def test_a_flood_is_one_message_in_a_window(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance
) -> None:
    for _ in range(30):
        fail(instance)
    fail(instance, job="import_files")
    sensor.tick(NOW)
    assert titles(receiver) == [
        ["Run failed: observe_day of 2026-11-20 (30 times)", "Run failed: import_files of 2026-11-20"]
    ]
    fail(instance)
    fail(instance, "2026-11-21")
    sensor.tick(later(5))
    sensor.tick(later(14))
    assert len(receiver.bodies) == 1
    assert sensor.reason is not None
    assert "one in 15 minutes" in sensor.reason
    sensor.tick(later(16))
    assert titles(receiver)[1:] == [
        ["Run failed: observe_day of 2026-11-20", "Run failed: observe_day of 2026-11-21"]
    ]


def test_a_backlog_comes_in_several_messages_of_bounded_size(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "EVENTS_AT_ONCE", 10)
    for number in range(25):
        fail(instance, f"2026-10-{number + 1:02}")
    for number in range(5):
        sensor.tick(later(16 * number))
    assert [len(found) for found in titles(receiver)] == [10, 10, 5]
    assert len({title for found in titles(receiver) for title in found}) == 25


def test_a_day_that_was_mended_meanwhile_is_not_told(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance
) -> None:
    fail(instance)
    record_run(instance, datetime.now(UTC), day="2026-11-20")
    sensor.tick(NOW)
    assert receiver.bodies == []


def test_a_failed_check_is_told_once_a_day_until_it_passed_and_fails_again(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance
) -> None:
    done = record_run(instance, datetime.now(UTC), day="2026-11-20")
    evaluate(instance, passed=False, run_id=done)
    evaluate(instance, passed=False, run_id=done)
    sensor.tick(NOW)
    evaluate(instance, passed=False, run_id=done)
    sensor.tick(later(20))
    name = "Check failed: contract on snapshots/top_tracks of 2026-11-20"
    assert titles(receiver) == [[f"{name} (2 times)"]]
    assert "marts stay as they were before" in receiver.bodies[0]["text"]
    assert receiver.bodies[0]["entries"][0]["link"].endswith("/assets/snapshots/top_tracks?view=checks")
    evaluate(instance, passed=True, run_id=done)
    sensor.tick(later(40))
    evaluate(instance, passed=False, run_id=done)
    sensor.tick(later(60))
    assert titles(receiver)[1:] == [[name]]


def test_a_check_that_passed_since_is_not_told(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance
) -> None:
    done = record_run(instance, datetime.now(UTC))
    evaluate(instance, passed=False, run_id=done)
    evaluate(instance, passed=True, run_id=done)
    sensor.tick(NOW)
    assert receiver.bodies == []


def test_a_warning_is_told_as_one(sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance) -> None:
    done = record_run(instance, datetime.now(UTC))
    evaluate(instance, passed=False, run_id=done, severity=dg.AssetCheckSeverity.WARN, check="volume")
    sensor.tick(NOW)
    (body,) = receiver.bodies
    assert "1 check warns" in body["title"]
    assert "2 rules are broken" in body["text"]


def test_a_run_under_way_that_something_failed_in_is_told_when_it_is_over(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance
) -> None:
    going = record_run(instance, datetime.now(UTC), dg.DagsterRunStatus.STARTED, day="2026-11-20")
    evaluate(instance, passed=False, run_id=going)
    sensor.tick(NOW)
    assert receiver.bodies == []
    under_way = instance.get_run_by_id(going)
    assert under_way is not None
    instance.report_run_failed(under_way)
    sensor.tick(later(2))
    assert [len(found) for found in titles(receiver)] == [2], "the run and its check in one message"


def test_what_one_channel_could_not_take_is_told_later_and_the_others_not_twice(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    with receiving() as slack:
        both = through(settings, alert_webhook_url=receiver.url, alert_slack_webhook_url=slack.url)
        sensor = Sensor(alerts.PROBLEMS, both, instance)
        slack.status = 500
        fail(instance)
        sensor.tick(NOW)
        assert (len(slack.posts), len(receiver.posts)) == (1, 1)
        assert sensor.reason is not None
        assert "slack: not delivered, told with the next message: Slack answered HTTP 500" in sensor.reason
        # It is tried again ever less often.
        looks = (1, 15, 29, 30, 31, 89, 90, 209, 210, 449, 450, 809, 810)
        tried = [minutes for minutes in looks if _tries(sensor, later(minutes), slack)]
        assert tried == [30, 90, 210, 450, 810]
        slack.status = 200
        fail(instance, "2026-11-21")
        sensor.tick(later(2000))
        assert len(slack.bodies[-1]["blocks"]) == 4  # the title, the label, and both failures
        assert titles(receiver)[1:] == [["Run failed: observe_day of 2026-11-21"]]


def _tries(sensor: Sensor, at: datetime, receiver: Receiver) -> bool:
    before = len(receiver.posts)
    sensor.tick(at)
    return len(receiver.posts) > before


def test_what_could_not_be_told_for_days_is_given_up(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance
) -> None:
    record_run(instance, datetime.now(UTC) - timedelta(days=4), FAILED)
    record_run(instance, datetime.now(UTC) - timedelta(days=2), FAILED)
    sensor.tick(NOW)
    (found,) = titles(receiver)
    assert len(found) == 1


def test_a_slow_receiver_does_not_keep_the_others_from_being_told(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(channels, "SECONDS", 0.3)
    with receiving() as slack, mailing() as mail:
        slack.pause = 20
        urls = {"alert_webhook_url": receiver.url, "alert_slack_webhook_url": slack.url}
        everything = through(settings, **urls).model_copy(
            update={
                "alert_email_to": ("you@example.org",), "alert_smtp_host": "127.0.0.1",
                "alert_smtp_port": mail.port, "alert_smtp_security": "none",
            }
        )  # fmt: skip
        sensor = Sensor(alerts.PROBLEMS, everything, instance)
        fail(instance)
        started = time.monotonic()
        sensor.tick(NOW)
        assert time.monotonic() - started < 15
        assert (len(receiver.posts), len(mail.mails)) == (1, 1)
        assert mail.mails[0][1]["Subject"] == "[SIMULATED] Spotify Assets: 1 job failed"


def test_no_secret_stands_in_what_the_sensor_leaves_behind(
    sensor: Sensor, receiver: Receiver, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    receiver.status = 404
    fail(instance)
    sensor.tick(NOW)
    receiver.status = 200
    sensor.tick(later(300))
    assert len(receiver.posts) == 2
    printed = capfd.readouterr()
    left = json.dumps([sensor.cursor, sensor.reason, printed.out, printed.err, caplog.text])
    assert "verysecretcanary" not in left


def marts(warehouse: Warehouse, day: Any, **rows: str) -> None:
    """Marts as far as news are read from them."""
    tables = {
        "artist_popularity_trend": "source text, snapshot_date date",
        "artist_breakouts": "source text, artist_id text, metric text, detected_on date, name text, "
        "started_on date, usual_value float8, peak_value float8, gain_percent float8, gain float8, "
        "is_corroborated bool",
        "artist_milestones": "source text, artist_id text, metric text, reached_on date, name text, "
        "milestone text, threshold float8, value float8",
        "new_release_radar": "source text, release_id text, album_id text, snapshot_date date, "
        "first_seen_on date, name text, artist_names text[], album_type text, release_date date, "
        "release_date_precision text, popularity int, is_watched_artist bool",
    }
    with warehouse.connect() as connection, connection.cursor() as cursor:
        for name, columns in tables.items():
            cursor.execute(f"create table if not exists marts.{name} ({columns})")
        cursor.execute("insert into marts.artist_popularity_trend values ('simulated', %s)", (day,))
        for name, values in rows.items():
            cursor.execute(f"insert into marts.{name} values {values}")
        connection.commit()


@pytest.fixture
def news(sensor: Sensor) -> Sensor:
    return Sensor(alerts.NEWS, sensor.settings, sensor.instance)


def test_news_are_told_once_a_day_after_the_marts_are_built(
    news: Sensor, receiver: Receiver, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    noon = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
    assert news.tick(noon) == []
    assert news.reason == "webhook: The marts of 2026-11-20 are not built yet"
    marts(
        warehouse,
        "2026-11-20",
        artist_milestones="('simulated','a','popularity','2026-11-20','A','threshold',50,51), "
        "('simulated','a','popularity','2026-11-01','A','threshold',40,41), "
        "('other','a','popularity','2026-11-20','A','threshold',40,41)",
        new_release_radar="('simulated','r','one','2026-11-20','2026-11-20','Title','{A}','album',null,null,1,"
        "true), "
        "('simulated','r','two','2026-11-20','2026-11-20','Title','{A}','album',null,null,1,true), "
        "('simulated','s','three','2026-11-20','2026-11-20','Else','{B}','album',null,null,1,false), "
        "('simulated','t','four','2026-11-20','2026-10-01','Old','{A}','album',null,null,1,true)",
    )
    running = record_run(instance, noon, dg.DagsterRunStatus.STARTED)
    news.tick(noon)
    assert news.reason == "webhook: A run of today is under way: told after it"
    found = instance.get_run_by_id(running)
    assert found is not None
    instance.report_run_canceled(found)
    news.tick(noon)
    (body,) = receiver.bodies
    assert body["title"] == "[SIMULATED] Spotify Assets: 1 milestone, 1 new release on 2026-11-20"
    assert "A: Title (album, first seen 2026-11-20, simulated)" in body["text"]
    for hour in (1, 5, 11):
        news.tick(noon + timedelta(hours=hour))
    assert len(receiver.bodies) == 1

    # What came to that day later is told with the next day's, and nothing twice.
    tomorrow = noon + timedelta(days=1)
    marts(
        warehouse,
        "2026-11-21",
        artist_breakouts="('simulated','b','followers','2026-11-20','B','2026-11-19',10,20,100,10,true), "
        "('simulated','c','popularity','2026-11-20','C','2026-11-19',10,20,null,10,false)",
    )
    news.tick(tomorrow)
    assert len(receiver.bodies) == 2
    assert receiver.bodies[1]["title"].endswith("1 breakout on 2026-11-21")


def test_news_that_were_not_delivered_are_told_later(
    news: Sensor, receiver: Receiver, warehouse: Warehouse
) -> None:
    noon = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
    milestone = "('simulated','a','popularity','2026-11-20','A','threshold',50,51)"
    marts(warehouse, "2026-11-20", artist_milestones=milestone)
    receiver.status = 503
    news.tick(noon)
    receiver.status = 200
    news.tick(noon + timedelta(hours=2))
    news.tick(noon + timedelta(hours=3))
    assert len(receiver.posts) == 2


@pytest.mark.parametrize("quiet_days", [False, True])
def test_a_day_without_news_is_silent_unless_it_is_wanted(
    quiet_days: bool, news: Sensor, receiver: Receiver, warehouse: Warehouse
) -> None:
    news.settings = news.settings.model_copy(update={"alert_quiet_days": quiet_days})
    marts(warehouse, "2026-11-20")
    noon = datetime(2026, 11, 20, 12, 10, tzinfo=UTC)
    news.tick(noon)
    news.tick(noon + timedelta(hours=1))
    assert len(receiver.bodies) == int(quiet_days)
