"""Calls of Slack's API through slack_sdk's asynchronous client: each answer is a value of `alerts.replies`.

slack_sdk repeats a call by itself when a connection breaks, which would say a message twice: its retry handlers are
off. It opens one connection per call; a kept connection that the server closes meanwhile would turn into an unclear
answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from alerts.methods import METHODS
from alerts.metrics import CallMetrics
from alerts.pacing import Pacing
from alerts.replies import Ambiguous, Barred, Done, Limited, Reply, Unreached, classify

API_URL: Final = "https://slack.com/api/"
TIMEOUT_S: Final = 30
PAGE: Final = 200


def slack_client(token: str, api_url: str = API_URL, timeout_s: int = TIMEOUT_S) -> AsyncWebClient:
    """The client. Raises ValueError for an address that would send the token in the clear across a network."""
    host = urlsplit(api_url).hostname or ""
    local = is_loopback(host)
    if urlsplit(api_url).scheme != "https" and not local:
        message = f"SLACK_API_URL must be https, or on this machine: {host or api_url}"
        raise ValueError(message)
    quiet = logging.getLogger("alerts.slack.sdk")
    quiet.setLevel(logging.WARNING)  # at DEBUG the SDK logs the whole text of messages
    client = AsyncWebClient(token=token, base_url=api_url, timeout=timeout_s, retry_handlers=[], logger=quiet)
    if local:
        client.proxy = None  # the SDK takes a proxy from the environment and knows no exceptions from it
    return client


def is_loopback(host: str) -> bool:
    """Whether this host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Calls:
    """The one way to Slack of a process.

    `trouble`: why nothing can be said at present, for the readiness check. `granted`: the token's scopes, as the last
    answer that says so has them.
    """

    def __init__(self, client: AsyncWebClient, metrics: CallMetrics, pacing: Pacing | None = None) -> None:
        self._client, self._metrics = client, metrics
        self._pacing = pacing or Pacing(time.monotonic, asyncio.sleep)
        self.trouble: str | None = None
        self.granted: frozenset[str] = frozenset()

    async def call(self, method: str, arguments: Mapping[str, object]) -> Reply:
        """The reply, which is never an exception. Waits its turn where Slack has said "too many"."""
        channel = str(arguments.get("channel", ""))
        waited_s = await self._pacing.turn(method, channel)
        self._metrics.waited.labels("paced").inc(waited_s)
        started = time.perf_counter()
        reply = await self._reply(method, arguments)
        self._metrics.request_seconds.labels(method).observe(time.perf_counter() - started)
        if isinstance(reply, Limited):
            self._pacing.limited(method, channel, reply.after_s)
        self.trouble = _trouble(method, reply)
        self._metrics.requests.labels(method, type(reply).__name__.lower()).inc()
        return reply

    async def pages(self, method: str, query: Mapping[str, object]) -> AsyncIterator[Reply]:
        """One reply per page, up to the last page or the first that is not done."""
        cursor = ""
        while True:
            page = await self.call(method, {**query, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
            yield page
            if not isinstance(page, Done):
                return
            cursor = str(inner(page, "response_metadata").get("next_cursor") or "")
            if not cursor:
                return

    async def _reply(self, method: str, arguments: Mapping[str, object]) -> Reply:
        json = METHODS[method].json
        sent = {"json": dict(arguments)} if json else {"params": dict(arguments)}
        try:
            response = await self._client.api_call(method, http_verb="POST" if json else "GET", **sent)
        except SlackApiError as error:
            return _of_error(error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Unreached(type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, ValueError, AttributeError) as error:
            return Ambiguous(type(error).__name__)
        self._learn(response.headers)
        return classify(response.status_code, response.headers, response.data)

    def _learn(self, headers: Mapping[str, str]) -> None:
        said = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
        if said is not None:
            self.granted = frozenset(scope.strip() for scope in said.split(",") if scope.strip())


def inner(reply: Done, name: str) -> Mapping[str, Any]:
    """An object within a reply; empty where there is none."""
    part = reply.data.get(name)
    return part if isinstance(part, dict) else {}


def dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list within a reply."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _trouble(method: str, reply: Reply) -> str | None:
    """Why nothing can be said at present; None where Slack answers, whatever it says of this message."""
    match reply:
        case Barred(detail) | Unreached(detail):
            return f"{method}: {detail}"
        case Ambiguous(detail) if reply.away:
            return f"{method}: {detail}"
    return None


def _of_error(error: SlackApiError) -> Reply:
    """slack_sdk raises for every reply that is not ok; for one that is no JSON it hands over aiohttp's response."""
    response: Any = error.response
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    return classify(status, getattr(response, "headers", {}), getattr(response, "data", None))
