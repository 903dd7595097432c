"""Every HTTP client of ours is opened here: through which proxy, and whose certificates it trusts."""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from spotify_assets.sources.protocol import SourceError

_SCHEMES = ("http", "https", "socks5", "socks5h")
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


class ClientRefused(SourceError):
    """No client can be opened, because of a variable of the environment; names it, and never its value."""


def open_client(url: str, **options: Any) -> httpx.Client:
    """A client that will ask `url`, and nothing that is reached another way.

    Raises:
        ClientRefused: A variable that says how to reach it cannot be used.
    """
    return httpx.Client(**_reaching(httpx.URL(url)), **options)


def open_async_client(url: httpx.URL, **options: Any) -> httpx.AsyncClient:
    """The same for an event loop.

    Raises:
        ClientRefused: A variable that says how to reach it cannot be used.
    """
    return httpx.AsyncClient(**_reaching(url), **options)


def problems(urls: Iterable[str]) -> list[str]:
    """What keeps clients for these addresses from being opened; asks nobody anything."""
    found: dict[str, None] = {}
    for url in urls:
        try:
            _reaching(httpx.URL(url))
        except ClientRefused as error:
            found[str(error)] = None
    return list(found)


def proxy_variable(url: httpx.URL) -> str | None:
    """Which variable sends requests for `url` through a proxy, if one does."""
    if _is_loopback(url.host):
        return None
    settings = getproxies()
    for kind in (url.scheme, "all"):
        if (settings.get(kind) or "").strip():
            excepted = settings.get("no") or ""
            return None if _is_excepted(url, excepted) else _variable(kind)
    return None


def named_certificates() -> ssl.SSLContext | None:
    """Trust in the certificates that SSL_CERT_FILE or SSL_CERT_DIR names; None where neither is set.

    Raises:
        ClientRefused: There are none.
    """
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if place := os.environ.get(variable):
            return _trusting(variable, place)
    return None


@cache
def _trusting(variable: str, place: str) -> ssl.SSLContext:
    try:
        if variable == "SSL_CERT_FILE":
            return ssl.create_default_context(cafile=place)
        folders = [Path(folder) for folder in place.split(os.pathsep)]
        if any(
            _HASHED.fullmatch(file.name) for folder in folders if folder.is_dir() for file in folder.iterdir()
        ):
            return ssl.create_default_context(capath=place)
        reason = "no folder with certificates under their hashed names (openssl rehash)"
    except ssl.SSLError:
        reason = "no certificate in PEM format in it"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
    raise ClientRefused(f"{variable} cannot be used: {reason}. Correct it, or unset it")


@cache
def _usual_trust() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(trust_env=False)
    except OSError as error:  # Python itself opens this file
        raise ClientRefused(
            f"SSLKEYLOGFILE cannot be used: {error.strerror}. Correct it, or unset it"
        ) from None


@cache
def _no_trust() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # costs no time to make


def _reaching(url: httpx.URL) -> dict[str, Any]:
    """The arguments by which a client of httpx reaches `url`."""
    for name in ("httpx", "httpcore"):
        # They tell each URL at INFO and headers at DEBUG, and both may hold a key.
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    trust = (named_certificates() or _usual_trust()) if url.scheme == "https" else _no_trust()
    return {"trust_env": False, "verify": trust, "proxy": _proxy(url)}


def _proxy(url: httpx.URL) -> httpx.Proxy | None:
    variable = proxy_variable(url)
    if variable is None:
        return None
    settings = getproxies()
    value = (settings.get(url.scheme) or "").strip() or settings["all"].strip()
    try:
        whole = value if "://" in value else f"http://{value}"
        address = httpx.URL(whole)
        usable = bool(address.host) and urlsplit(whole).port != 0  # which refuses what httpx lets pass
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable or re.search(r"\s", value):
        raise ClientRefused(f"{variable} cannot be used: expected a proxy as http://HOST:PORT")
    if address.scheme not in _SCHEMES:
        raise ClientRefused(
            f"{variable} cannot be used: a proxy is expected to begin with http://, https:// or socks5://"
        )
    if address.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ClientRefused(
            f"{variable} names a SOCKS proxy, which needs one more package: pip install 'httpx[socks]'. "
            "Or name an HTTP proxy, or exclude this host by NO_PROXY"
        )
    trust = (named_certificates() or _usual_trust()) if address.scheme == "https" else None
    return httpx.Proxy(address, ssl_context=trust)


def _variable(kind: str) -> str:
    """The variable's name as it is written in the environment; the lower case one wins, as everywhere."""
    names = [name for name in os.environ if name.lower() == f"{kind}_proxy" and os.environ[name]]
    return max(names, key=str.islower, default=f"the system's proxy for {kind}")


def _is_loopback(host: str) -> bool:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_excepted(url: httpx.URL, excepted: str) -> bool:
    """Whether an entry of NO_PROXY is about `url`; one without a meaning is about none, as everywhere."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return any(
        _is_about(entry, url.host.lower().rstrip("."), port)
        for entry in re.split(r"[\s,]+", excepted.lower())
    )


def _is_about(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    entry = entry.partition("://")[2] or entry
    if found := re.fullmatch(r"\[([^\]]*)\](?:/(\d+)|:(\d+))?/?", entry):  # [::1], [fe80::]/10, [::1]:8080
        entry, only = found[1] + (f"/{found[2]}" if found[2] else ""), found[3]
    elif found := re.fullmatch(r"([^:]*):(\d+)/?", entry):
        entry, only = found[1], found[2]
    else:
        only = None
    if only is not None and int(only) != port:
        return False
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        name = entry.lstrip("*").strip("./")
        return bool(name) and (host == name or host.endswith(f".{name}"))
