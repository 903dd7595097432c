"""The ways by which a message reaches people: Slack, e-mail, and any receiver of JSON over HTTP."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Protocol

from pydantic import SecretStr

from spotify_assets.alerts.message import Message, as_json, as_slack, as_text
from spotify_assets.settings import Settings

SECONDS = 10
"""How long one channel may take to answer: a sensor has a minute for all of them."""
NONE_SET = (
    "No channel is set, so nobody is told: set ALERT_SLACK_WEBHOOK_URL, ALERT_EMAIL_TO with ALERT_SMTP_HOST, "
    "or ALERT_WEBHOOK_URL (see .env.example), then try it: spotify-assets alert --test"
)


class NotDelivered(Exception):
    """A message did not get through; says why and what to look at, and holds no secret."""


class Channel(Protocol):
    """One way to people."""

    @property
    def name(self) -> str:
        """What it is called; the same from run to run."""

    @property
    def where(self) -> str:
        """Where messages go, in words without secrets."""

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            NotDelivered: It did not get through.
        """


def open_channels(settings: Settings) -> list[Channel]:
    """The channels that the settings name; none is connected before something is sent."""
    found: list[Channel] = []
    if settings.alert_slack_webhook_url is not None:
        found.append(Slack(settings.alert_slack_webhook_url))
    if settings.alert_email_to:
        found.append(Email(settings))
    if settings.alert_webhook_url is not None:
        found.append(Webhook(settings.alert_webhook_url))
    return found


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of Slack."""

    url: SecretStr
    name: str = "slack"
    where: str = "the channel of ALERT_SLACK_WEBHOOK_URL"

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            NotDelivered: It did not get through.
        """
        _post("Slack", "ALERT_SLACK_WEBHOOK_URL", self.url, {**as_slack(message), "unfurl_links": False})


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any receiver of JSON over HTTP."""

    url: SecretStr
    name: str = "webhook"
    where: str = "ALERT_WEBHOOK_URL"

    def send(self, message: Message) -> None:
        """Deliver a message; redirects are not followed.

        Raises:
            NotDelivered: It did not get through.
        """
        headers = {"Idempotency-Key": message.identity}
        _post("The receiver", "ALERT_WEBHOOK_URL", self.url, as_json(message), headers)


def _post(
    who: str, setting: str, url: SecretStr, content: Any, headers: Mapping[str, str] | None = None
) -> None:
    """Post JSON, and say what went wrong; the address is the secret."""
    import httpx  # noqa: PLC0415 - heavy

    from spotify_assets.sources.http.transports import ClientRefused, open_client  # noqa: PLC0415

    address = url.get_secret_value()
    try:
        with (
            open_client(address, timeout=SECONDS) as client,
            client.stream("POST", address, json=content, headers=headers) as answer,
        ):
            status = answer.status_code
    except ClientRefused as error:
        raise NotDelivered(f"{who} cannot be asked: {error}") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise NotDelivered(_no_answer(who, error, setting)) from None
    if not 200 <= status < 300:
        raise NotDelivered(_refused(who, status, setting))


class Email:
    """Mail through an SMTP server."""

    name = "email"

    def __init__(self, settings: Settings) -> None:
        """Know the server; nothing is opened before something is sent."""
        self._to: Sequence[str] = settings.alert_email_to
        self._host, self._port = settings.alert_smtp_host or "", settings.alert_smtp_port
        self._security = settings.alert_smtp_security
        self._user, self._password = settings.alert_smtp_user, settings.alert_smtp_password
        self._from = settings.alert_email_from or settings.alert_smtp_user or self._to[0]

    @property
    def where(self) -> str:
        """Where messages go."""
        return f"{', '.join(self._to)} through {self._host}:{self._port}"

    def send(self, message: Message) -> None:
        """Deliver a message.

        Raises:
            NotDelivered: It did not get through, or not to everyone.
        """
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self._from, ", ".join(self._to)
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(message.identity, domain=self._from.rpartition("@")[2] or None)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(as_text(message))
        from spotify_assets.sources.http.transports import ClientRefused  # noqa: PLC0415 - heavy

        server = f"The mail server {self._host}:{self._port}"
        try:
            with self._connect() as smtp:
                if self._user and self._password:
                    smtp.login(self._user, self._password.get_secret_value())
                refused = smtp.send_message(mail)
        except ClientRefused as error:
            raise NotDelivered(f"{server} cannot be asked: {error}") from None
        except smtplib.SMTPAuthenticationError as error:
            raise NotDelivered(
                f"{server} refused the sign-in (code {error.smtp_code}): check ALERT_SMTP_USER and "
                "ALERT_SMTP_PASSWORD"
            ) from None
        except smtplib.SMTPRecipientsRefused:
            raise NotDelivered(f"{server} refused every recipient: check ALERT_EMAIL_TO") from None
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(
                f"{server} refused the message (code {error.smtp_code}): check ALERT_EMAIL_FROM and what the "
                "server allows"
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            settings = f"ALERT_SMTP_HOST, ALERT_SMTP_PORT and ALERT_SMTP_SECURITY (now {self._security})"
            raise NotDelivered(_no_answer(server, error, settings)) from None
        if refused:  # the others have it: sent again, they would have it twice
            logging.getLogger(__name__).warning("%s refused %s", server, ", ".join(sorted(refused)))

    def _connect(self) -> smtplib.SMTP:
        from spotify_assets.sources.http.transports import named_certificates  # noqa: PLC0415 - heavy

        context = named_certificates() if self._security != "none" else None
        context = context or ssl.create_default_context()
        if self._security == "tls":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=SECONDS, context=context)
        smtp = smtplib.SMTP(self._host, self._port, timeout=SECONDS)
        if self._security == "starttls":
            try:
                smtp.starttls(context=context)
            except BaseException:
                smtp.close()
                raise
        return smtp


def _no_answer(who: str, error: Exception, setting: str) -> str:
    """Why nothing came back: the kind of the error only, because its text may hold the address."""
    slow = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ or "timed out" in str(error)
    what = (
        f"gave no answer within {SECONDS} seconds" if slow else f"cannot be reached ({type(error).__name__})"
    )
    return f"{who} {what}: check {setting}"


def _refused(who: str, status: int, setting: str) -> str:
    what = (
        "is busy; the message is sent again later" if status == 429 or status >= 500 else f"check {setting}"
    )
    return f"{who} answered HTTP {status}: {what}"
