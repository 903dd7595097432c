"""A message reads as text, in Slack and as JSON, and nothing that upstreams say can do anything there."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

from spotify_assets.alerts.message import MOST_ENTRIES, SIMULATED, Entry, Message, as_json, as_slack, as_text
from spotify_assets.alerts.news import MOST_LINES, QUIET, digest
from spotify_assets.alerts.problems import Problem, tell
from spotify_assets.serving.news import Breakout, Item, Milestone, Release

DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 12, 7, tzinfo=UTC)


def run(day: str | None = "2026-11-25", **changed: object) -> Problem:
    values: dict[str, object] = {
        "kind": "run", "what": "observe_day", "day": day, "reason": "HTTP 503", "at": AT,
        "link": "http://127.0.0.1:3000/runs/one", "observes": True,
    }  # fmt: skip
    return Problem(**(values | changed))  # type: ignore[arg-type]


def check(**changed: object) -> Problem:
    values: dict[str, object] = {
        "kind": "check", "what": "contract on snapshots/top_tracks", "blocking": True, "observes": False,
    }  # fmt: skip
    return run(**(values | changed))  # type: ignore[arg-type]


def test_the_same_trouble_is_told_once_with_its_last_reason_and_how_often() -> None:
    message = tell([run(), run(reason="HTTP 504", times=2), run(day="2026-11-24")], DAY, simulated=False)
    assert message is not None
    assert message.title == "2 jobs failed"
    titles = [entry.title for entry in message.entries]
    assert titles == [
        "Run failed: observe_day of 2026-11-25 (3 times)",
        "Run failed: observe_day of 2026-11-24",
    ]
    text = as_text(message)
    assert "HTTP 504" in text
    assert "HTTP 503" in text  # of the other day
    assert "http://127.0.0.1:3000/runs/one" in text


def test_nothing_is_no_message() -> None:
    assert tell([], DAY, simulated=True) is None


def test_what_stops_data_comes_first() -> None:
    warning = check(severe=False, what="completeness on snapshots/top_tracks")
    message = tell([warning, check(), run()], DAY, simulated=False)
    assert message is not None
    assert message.title == "1 job failed, 1 check failed, 1 check warns"
    assert [entry.title.split(":")[0] for entry in message.entries] == [
        "Run failed", "Check failed", "Check warns",
    ]  # fmt: skip


def test_each_says_what_it_means_for_the_data_and_what_to_do() -> None:
    for problem in (
        run(), run(day="2026-11-01"), run(what="import_files", observes=False), check(),
        check(blocking=False), run(what="check_platform", observes=False),
        run(what="enforce_retention", observes=False, day=None),
        run(what="something_new", observes=False, day=None), check(severe=False),
    ):  # fmt: skip
        message = tell([problem], DAY, simulated=False)
        assert message is not None
        labels = dict(message.entries[0].lines)
        assert set(labels) == {"What broke", "For the data", "To do"}
        assert all(labels.values())
    today, past = (tell([run(day=day)], DAY, simulated=False) for day in ("2026-11-25", "2026-11-24"))
    assert today is not None
    assert past is not None
    assert "not complete yet" in as_text(today)
    assert "lost" in as_text(past)


def test_simulated_data_is_labelled_in_every_form() -> None:
    message = tell([run()], DAY, simulated=True)
    assert message is not None
    assert message.subject.startswith("[SIMULATED] ")
    assert as_text(message).startswith(SIMULATED)
    assert SIMULATED in json.dumps(as_slack(message))
    assert as_json(message)["simulated"] is True
    real = tell([run()], DAY, simulated=False)
    assert real is not None
    assert "SIMULATED" not in json.dumps([as_json(real), as_slack(real), real.subject])


def test_text_of_upstreams_mentions_nobody_and_breaks_no_line() -> None:
    evil = "<!channel> <https://evil.example|click> & \r\nBcc: someone@example.org \x1b[31m"
    message = Message("news", evil, (Entry(evil, (("", evil),)),), simulated=False)
    slack = json.dumps(as_slack(message)["blocks"][1:]) + as_slack(message)["text"]
    assert "<!channel>" not in slack
    assert "<https" not in slack
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert "\x1b" not in as_text(message)


def test_a_long_message_is_cut_and_fits_into_slack() -> None:
    long = tuple(Entry(f"{n} {'&' * 5000}", tuple(("", "<" * 5000) for _ in range(30))) for n in range(60))
    message = Message("news", "x" * 500, long, simulated=True, sources=("spotify", "deezer"))
    assert f"… and {60 - MOST_ENTRIES} more." in as_text(message)
    for entries in (long[:1], tuple(Entry("t", (("a", "<" * 9000),) * 4) for _ in range(20))):
        blocks = as_slack(Message("news", "t", entries, simulated=True))["blocks"]
        assert len(blocks) <= 50
        assert all(len(block["text"]["text"]) <= 3000 for block in blocks)


def news(count: int = 1) -> list[Item]:
    items: list[Item] = []
    for number in range(count):
        name = f"Artist {number}"
        items += [
            Breakout("spotify", "a" * 22, "followers", DAY, name, DAY - timedelta(days=2), 1000, 1500, 50.0),
            Milestone("spotify", "a" * 22, "popularity", DAY, name, False, 50, 51),
            Milestone("spotify", "a" * 22, "popularity", DAY, name, True, 60, 61),
            Release("spotify", "r", DAY, "Some Title", [name], "album", DAY, None),
        ]
    return items


def test_the_digest_says_what_is_new_with_links_and_credit() -> None:
    message = digest(news(), DAY, simulated=False, quiet_days=False)
    assert message is not None
    assert message.title == "1 breakout, 2 milestones, 1 new release on 2026-11-25"
    text = as_text(message)
    assert "Artist 0 is breaking out in followers since 2026-11-23: 1,000 → 1,500 (+50 %) (spotify)" in text
    assert f"https://open.spotify.com/artist/{'a' * 22}" in text
    assert "Artist 0 reached 50 in popularity on 2026-11-25, and has 51" in text
    assert "higher than ever in popularity: 61, before 60" in text
    assert "Artist 0: Some Title (album, out 2026-11-25, first seen 2026-11-25, spotify)" in text
    assert "Data: Spotify" in text


def test_many_news_are_counted() -> None:
    message = digest(news(40), DAY, simulated=False, quiet_days=False)
    assert message is not None
    assert "40 breakouts, 80 milestones, 40 new releases" in message.title
    assert f"… and {40 - MOST_LINES} more" in as_text(message)


def test_no_news_is_no_message_or_one_line() -> None:
    assert digest([], DAY, simulated=False, quiet_days=False) is None
    message = digest([], DAY, simulated=True, quiet_days=True)
    assert message is not None
    assert as_text(message) == f"{SIMULATED}\n\n{QUIET}\n"
