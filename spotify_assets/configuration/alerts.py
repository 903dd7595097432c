"""The settings of alerts: by which ways people are told, and how often.

All others stand in `settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from spotify_assets.configuration import rules


class AlertSettings(BaseSettings):
    """Channels of alerts and of the daily digest."""

    alert_slack_webhook_url: rules.SecretUrl = Field(
        default=None, description="Slack incoming webhook for alerts and the daily digest"
    )
    alert_webhook_url: rules.SecretUrl = Field(
        default=None, description="URL that receives alerts and the daily digest as a POST of JSON"
    )
    alert_email_to: Annotated[tuple[str, ...], NoDecode, BeforeValidator(rules.addresses)] = Field(
        default=(),
        description="E-mail recipients of alerts and the daily digest, separated by commas",
    )
    alert_email_from: Annotated[str, AfterValidator(rules.address)] | None = Field(
        default=None, description="Sender. Default: ALERT_SMTP_USER, else the first recipient"
    )
    alert_smtp_host: str | None = Field(default=None, description="Mail server")
    alert_smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server")
    alert_smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="Encryption of the connection to the mail server: starttls, tls (usually port 465) or "
        "none",
    )
    alert_smtp_user: str | None = Field(default=None, description="User name on the mail server")
    alert_smtp_password: SecretStr | None = Field(default=None, description="Password on the mail server")
    alert_window_minutes: int = Field(
        default=15, ge=1, le=1440, description="Send at most one alert per channel in this many minutes"
    )
    alert_quiet_days: bool = Field(
        default=False, description="Send the daily digest even when there is no news"
    )

    def mail_problem(self) -> str | None:
        """What is missing or unsafe about mail, if anything."""
        if bool(self.alert_email_to) != (self.alert_smtp_host is not None):
            absent = "ALERT_SMTP_HOST" if self.alert_email_to else "ALERT_EMAIL_TO"
            return f"{absent} is missing: set both ALERT_EMAIL_TO and ALERT_SMTP_HOST, or neither for no mail"
        if (self.alert_smtp_user is None) != (self.alert_smtp_password is None):
            return "set both ALERT_SMTP_USER and ALERT_SMTP_PASSWORD, or neither"
        loopback = self.alert_smtp_host in {"127.0.0.1", "::1", "localhost"}
        if self.alert_smtp_password is not None and self.alert_smtp_security == "none" and not loopback:
            return (
                "ALERT_SMTP_SECURITY=none would send ALERT_SMTP_PASSWORD for all to read: use starttls or tls"
            )
        return None
