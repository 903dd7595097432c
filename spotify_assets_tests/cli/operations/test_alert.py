"""`alert` lists the ways by which people are told, and tries them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spotify_assets_tests.support.command import Done
from spotify_assets_tests.support.servers.receivers import mailing, receiving

Cli = Callable[..., Done]


def test_without_a_channel_it_says_how_to_set_one(cli: Cli) -> None:
    for arguments in (["alert"], ["alert", "--test"]):
        done = cli(*arguments)
        assert done.code == 1
        assert "No channel is set, so nobody is told: set ALERT_SLACK_WEBHOOK_URL" in done.err


def test_each_channel_is_tried_and_said_what_happened(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as slack, receiving() as webhook, mailing() as mail:
        for name, value in {
            "ALERT_SLACK_WEBHOOK_URL": slack.url, "ALERT_WEBHOOK_URL": webhook.url,
            "ALERT_EMAIL_TO": "you@example.org", "ALERT_SMTP_HOST": "127.0.0.1",
            "ALERT_SMTP_PORT": str(mail.port), "ALERT_SMTP_SECURITY": "none",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        listed = cli("alert").succeeded()
        assert (slack.posts, webhook.posts, mail.mails) == ([], [], [])
        assert "spotify-assets alert --test" in listed.out
        done = cli("alert", "--test").succeeded()
        assert done.out.count("  delivered") == 3
        assert (len(slack.posts), len(webhook.posts), len(mail.mails)) == (1, 1, 1)
        assert "[SIMULATED]" in mail.mails[0][1]["Subject"]
        webhook.status = 404
        done = cli("alert", "--test")
        assert done.code == 1
        assert done.out.count("  delivered") == 2
        assert "not delivered: The receiver answered HTTP 404: check ALERT_WEBHOOK_URL" in done.out
        report = cli("alert", "--test", "--json").json()
        assert [one["channel"] for one in report if one["problem"]] == ["webhook"]
        assert "verysecretcanary" not in listed.text + done.text + str(report)
