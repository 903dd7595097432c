"""Messages go to real servers: that take them, refuse them, take too long, or are not there."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from spotify_assets.alerts import channels
from spotify_assets.alerts.channels import NotDelivered, open_channels
from spotify_assets.alerts.message import Entry, Message, as_text
from spotify_assets.settings import Settings, SettingsError, load_settings
from spotify_assets_tests.support.servers.receivers import SECRET_PATH, Receiver, mailing, receiving

MESSAGE = Message(
    "problems", "1 job failed", (Entry("Run failed: observe_day", (("What broke", "é"),), "http://x/runs/1"),),
    simulated=True,
)  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def settings_for(**values: Any) -> Settings:
    return load_settings(**values)


def send(settings: Settings) -> None:
    (channel,) = open_channels(settings)
    channel.send(MESSAGE)


def refusal(settings: Settings) -> str:
    with pytest.raises(NotDelivered) as caught:
        send(settings)
    error: BaseException | None = caught.value
    while error is not None:  # neither it nor what it came from may hold the secret once shown
        assert error is caught.value or caught.value.__suppress_context__
        error = error.__cause__
    return str(caught.value)


def test_without_settings_there_is_no_channel() -> None:
    assert open_channels(load_settings()) == []


def test_slack_gets_blocks_and_a_text(receiver: Receiver) -> None:
    send(settings_for(alert_slack_webhook_url=receiver.url))
    ((path, _, body),) = receiver.posts
    assert path == SECRET_PATH
    assert body["text"] == MESSAGE.subject
    assert body["blocks"][0]["text"]["text"] == "[SIMULATED] Spotify Assets: 1 job failed"
    assert "<http://x/runs/1|Run failed: observe_day>" in str(body["blocks"])


def test_a_webhook_gets_json_with_a_key_by_which_it_knows_a_repetition(receiver: Receiver) -> None:
    settings = settings_for(alert_webhook_url=receiver.url)
    send(settings)
    send(settings)
    (_, first, body), (_, second, _) = receiver.posts
    assert first["Idempotency-Key"] == second["Idempotency-Key"] == MESSAGE.identity
    assert body["simulated"] is True
    assert body["text"] == as_text(MESSAGE)
    assert body["entries"][0]["link"] == "http://x/runs/1"


@pytest.mark.parametrize("name", ["alert_slack_webhook_url", "alert_webhook_url"])
@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "HTTP 404: check {name}"), (503, "HTTP 503: is busy"), (429, "HTTP 429: is busy")],
)
def test_a_receiver_that_refuses_is_quoted_by_its_status(
    receiver: Receiver, name: str, status: int, said: str
) -> None:
    receiver.status = status
    assert said.format(name=name.upper()) in refusal(settings_for(**{name: receiver.url}))
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("name", ["alert_slack_webhook_url", "alert_webhook_url"])
def test_a_slow_receiver_is_not_waited_for(
    receiver: Receiver, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.3)
    receiver.pause = 20
    assert "gave no answer within 0.3 seconds" in refusal(settings_for(**{name: receiver.url}))


@pytest.mark.parametrize("name", ["alert_slack_webhook_url", "alert_webhook_url"])
def test_neither_errors_nor_logs_tell_the_secret(
    receiver: Receiver, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    send(settings_for(**{name: receiver.url}))
    receiver.status = 500
    said = refusal(settings_for(**{name: receiver.url}))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}{SECRET_PATH}"
    said += refusal(settings_for(**{name: nobody}))
    assert "cannot be reached" in said
    assert "verysecretcanary" not in said + caplog.text + repr(settings_for(**{name: receiver.url}))


def test_a_webhook_follows_no_redirect(receiver: Receiver) -> None:
    with receiving() as other:
        receiver.status, receiver.location = 302, other.url
        assert "HTTP 302" in refusal(settings_for(alert_webhook_url=receiver.url))
        assert other.posts == []


def mail_settings(port: int, **values: Any) -> Settings:
    return settings_for(
        alert_email_to="you@example.org, other@example.org",
        alert_smtp_host="127.0.0.1",
        alert_smtp_port=port,
        **({"alert_smtp_security": "none"} | values),
    )


def test_mail_is_plain_text_to_everyone() -> None:
    with mailing() as server:
        send(mail_settings(server.port, alert_email_from="assets@example.org"))
    ((recipients, mail),) = server.mails
    assert recipients == ["you@example.org", "other@example.org"]
    assert mail["Subject"] == MESSAGE.subject
    assert mail["From"] == "assets@example.org"
    assert mail.get_content().replace("\r\n", "\n") == as_text(MESSAGE)


def test_mail_whose_recipients_are_all_refused_is_not_delivered_and_one_of_them_does_not_repeat_it() -> None:
    with mailing() as server:
        server.refused = frozenset({"you@example.org"})
        send(mail_settings(server.port))
        assert [recipients for recipients, _ in server.mails] == [["other@example.org"]]
        server.refused = frozenset({"you@example.org", "other@example.org"})
        assert "refused every recipient: check ALERT_EMAIL_TO" in refusal(mail_settings(server.port))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_mail_signs_in_over_a_protected_connection(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    known = {"alert_smtp_user": "me", "alert_smtp_security": "starttls"}
    with mailing(context, password="right") as server:
        untrusted = refusal(mail_settings(server.port, alert_smtp_password="right", **known))
        assert "cannot be reached (SSLCertVerificationError)" in untrusted
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert server.mails == []
        wrong = refusal(mail_settings(server.port, alert_smtp_password="wrongcanary", **known))
        assert "refused the sign-in (code 535)" in wrong
        assert "wrongcanary" not in wrong
        send(mail_settings(server.port, alert_smtp_password="right", **known))
        assert len(server.mails) == 1
        plain = refusal(mail_settings(server.port))
        assert "refused the message (code 530)" in plain


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"alert_email_to": "you@example.org"}, "ALERT_SMTP_HOST is missing"),
        ({"alert_smtp_host": "mail.example.org"}, "ALERT_EMAIL_TO is missing"),
        ({"alert_email_to": "not an address", "alert_smtp_host": "x"}, "ALERT_EMAIL_TO: expected e-mail"),
        ({"alert_slack_webhook_url": "hooks.slack.com/secret"}, "ALERT_SLACK_WEBHOOK_URL: expected an http"),
        (
            {
                "alert_email_to": "a@b.c", "alert_smtp_host": "mail.example.org", "alert_smtp_user": "me",
                "alert_smtp_password": "secret", "alert_smtp_security": "none",
            },
            "for all to read",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_by_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(**values)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
