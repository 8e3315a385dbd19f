"""Addresses in the settings: what a broker's and what Slack's may look like."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/-]*)?")


def checked_servers(text: str) -> str:
    """`host:port[,host:port]` without spaces. Raises ValueError."""
    servers = [server.strip() for server in text.split(",")]
    if "@" in text:
        message = "holds a login, which belongs into broker.user and broker.password"  # and is not repeated here
        raise ValueError(message)
    for server in servers:
        parts = urlsplit(f"//{server}")
        if parts.netloc != server or not parts.hostname or not _port(server):
            message = f"{server!r} is not host:port"
            raise ValueError(message)
    return ",".join(servers)


def checked_api_url(text: str) -> str:
    """An address ending in a slash; http only on this machine, since the token travels with it. Raises ValueError."""
    return _checked_url(text, "https://slack.com/api/", "the token would travel in the clear").rstrip("/") + "/"


def checked_public_url(text: str) -> str:
    """An address without a slash at its end; http only on this machine, since deals come there. Raises ValueError."""
    url = _checked_url(text, "https://signals.example.com", "deals would travel in the clear").rstrip("/")
    if not _PLAIN_URL.fullmatch(url):
        message = "must be plain: scheme, host, perhaps a port and a path, without query, spaces or encoded characters"
        raise ValueError(message)
    return url


def checked_http_url(text: str) -> str:
    """An address with http or https. Raises ValueError."""
    if not _parsed(text):
        message = "must be an address like https://hooks.example.com/signals"
        raise ValueError(message)
    return text


def in_the_clear(url: str) -> bool:
    """Whether what is sent there can be read on the way: http, and not to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _checked_url(text: str, example: str, risk: str) -> str:
    if not _parsed(text):
        message = f"must be an address like {example}"
        raise ValueError(message)
    if in_the_clear(text):
        message = f"must be https: {risk}"
        raise ValueError(message)
    return text


def _parsed(text: str) -> bool:
    """Whether it is an address with a host, http or https, without a login."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and parts.scheme in ("http", "https") and parts.username is None


def _port(server: str) -> int | None:
    try:
        return urlsplit(f"//{server}").port
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
