"""Proxies and certificates that the environment names: used as they are meant, or refused by name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from spotify_assets.alerts.channels import Email, NotDelivered, Slack, Webhook
from spotify_assets.alerts.message import Message
from spotify_assets.settings import load_settings
from spotify_assets.sources.http.connections import Connections
from spotify_assets.sources.http.transports import ClientRefused, open_client, problems, proxy_variable
from spotify_assets.sources.protocol import SourceError

UPSTREAM = "http://upstream.example/v1"
SECURE = "https://upstream.example/v1"
RANGES = "localhost,127.0.0.1,::1/128,fe80::/10,[::1]"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
MESSAGE = Message("problems", "1 job failed", (), simulated=True)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the developer's."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def proxy() -> Iterator[tuple[int, list[str]]]:
    """A proxy's port, and the addresses that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("value", ["127.0.0.1:{}", "http://127.0.0.1:{}", " http://me:pass@127.0.0.1:{}/ "])
@pytest.mark.parametrize("excepted", ["", RANGES])
def test_a_proxy_is_used(
    proxy: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, excepted: str
) -> None:
    port, asked = proxy
    monkeypatch.setenv(variable, value.format(port))
    monkeypatch.setenv("NO_PROXY", excepted)
    asked.clear()
    with open_client(UPSTREAM, timeout=5) as client:
        assert client.get(UPSTREAM).status_code == 200
        # Loopback is reached without it, by the same rules.
        assert proxy_variable(httpx.URL(f"http://127.0.0.1:{port}")) is None
    assert asked == [UPSTREAM]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://127.8.0.2:1", "http://[::1]:1", "http://localhost:1"]
)
def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in VARIABLES[:3]:
        monkeypatch.setenv(name, "socks5://nonsense:x")
    with open_client(url) as client, pytest.raises(httpx.ConnectError):
        client.get(url)
    assert problems([url]) == []


@pytest.mark.parametrize(
    ("excepted", "url", "direct"),
    [
        (RANGES, UPSTREAM, False),
        ("*", UPSTREAM, True),
        ("a.example,*", UPSTREAM, True),
        ("upstream.example", UPSTREAM, True),
        ("UPSTREAM.example.", UPSTREAM, True),
        (".example", UPSTREAM, True),
        ("*.example", UPSTREAM, True),
        ("example", UPSTREAM, True),
        ("stream.example", UPSTREAM, False),
        ("a.example b.example\tupstream.example", UPSTREAM, True),
        ("upstream.example:80", UPSTREAM, True),
        ("upstream.example:8080", UPSTREAM, False),
        ("upstream.example:443", SECURE, True),
        ("http://upstream.example", UPSTREAM, True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.1/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.1.2.3", "http://10.1.2.3:8080/", True),
        ("fe80::/10", "http://[fe80::1]/", True),
        ("[fe80::]/10", "http://[fe80::1]/", True),
        ("fd00::/8", "http://[fe80::1]/", False),
        ("[fd00::1]", "http://[fd00::1]:8080/", True),
        ("[fd00::1]:8080", "http://[fd00::1]:8080/", True),
        ("[fd00::1]:8080", "http://[fd00::1]/", False),
        ("fd00::1", "http://[fd00:0:0::1]/", True),
        ("10.0.0.0/99,[::1,::/x,[],:,/,%zz,http://", UPSTREAM, False),
    ],
)
def test_exceptions(monkeypatch: pytest.MonkeyPatch, excepted: str, url: str, direct: bool) -> None:
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert proxy_variable(httpx.URL(url)) == (None if direct else "ALL_PROXY")
    open_client(url).close()


def test_the_lower_case_name_and_the_scheme_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "all.example")
    assert proxy_variable(httpx.URL(SECURE)) == "ALL_PROXY"
    monkeypatch.setenv("HTTPS_PROXY", "one.example")
    assert proxy_variable(httpx.URL(SECURE)) == "HTTPS_PROXY"
    monkeypatch.setenv("https_proxy", "two.example")
    assert proxy_variable(httpx.URL(SECURE)) == "https_proxy"
    assert proxy_variable(httpx.URL(UPSTREAM)) == "ALL_PROXY"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value",
    [
        "socks5://me:canary@127.0.0.1:1", "socks5h://127.0.0.1:1", "socks4://127.0.0.1:1", "ftp://canary",
        "http://", "http://[canary", "http://me:canary@proxy.example:99999", "proxy.example:canary",
        "http://proxy canary:80", "://canary", "nonsense://", "http://me:canary@",
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name_at_every_door(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    (said,) = problems([SECURE, SECURE])

    async def take() -> None:
        async with Connections(httpx.URL(SECURE), 1).take():
            pass

    with pytest.raises(SourceError) as source:
        asyncio.run(take())
    told = []
    for channel in (Slack(SecretStr(SECURE)), Webhook(SecretStr(SECURE))):
        with pytest.raises(NotDelivered) as alert:
            channel.send(MESSAGE)
        told.append(str(alert.value))
    for text in (said, str(source.value), *told):
        assert variable in text
        assert "canary" not in text
    assert "cannot be used" in said or "SOCKS" in said


def test_certificates_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("none\n")
    mail = load_settings(alert_email_to="a@example.org", alert_smtp_host="127.0.0.1", alert_smtp_port=1)
    for variable, value in (
        ("SSL_CERT_FILE", tmp_path / "absent.pem"),
        ("SSL_CERT_FILE", tmp_path / "empty.pem"),
        ("SSL_CERT_FILE", tmp_path),
        ("SSL_CERT_DIR", tmp_path / "absent"),
        ("SSL_CERT_DIR", tmp_path),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(value))
            with pytest.raises(ClientRefused, match=f"{variable} cannot be used"):
                open_client(SECURE)
            with pytest.raises(NotDelivered, match=f"{variable} cannot be used"):
                Email(mail).send(MESSAGE)
            open_client(UPSTREAM).close()
    import certifi

    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))
    open_client(SECURE).close()
