"""Addresses in the settings: what a broker's and what Slack's may look like."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


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
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.username is not None:
        message = "must be an address like https://slack.com/api/"
        raise ValueError(message)
    if parts.scheme == "http" and not _is_loopback(host):
        message = "must be https: the token would travel in the clear"
        raise ValueError(message)
    return text if text.endswith("/") else f"{text}/"


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
