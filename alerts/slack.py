"""Slack, through slack_sdk's asynchronous client: open, post, edit, find again. The only adapter of this package.

slack_sdk repeats a call by itself when a connection breaks, which would say a message twice: its retry handlers are
off, and every reply comes back as a value of `alerts.replies`. It opens one connection per call; a kept connection
that the server closes meanwhile would turn into an unclear answer.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from alerts.message import Message
from alerts.metrics import Metrics
from alerts.reasons import Reason
from alerts.replies import Ambiguous, Barred, Done, NotDone, Refused, Reply, Unreached, classify
from alerts.values import Recipient
from alerts.voice import Spot
from topics.instants import MINUTE_US, SECOND_US

API_URL: Final = "https://slack.com/api/"
TIMEOUT_S: Final = 30
EVENT_TYPE: Final = "deal_signal"
PAGE: Final = 200
#: A channel's or a conversation's id, as against its name.
CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{6,}")
#: Slack dates a message by its own clock.
CLOCK_SKEW_US: Final = 5 * MINUTE_US


def slack_client(token: str, api_url: str = API_URL, timeout_s: int = TIMEOUT_S) -> AsyncWebClient:
    """The client. Raises ValueError for an address that would send the token in the clear across a network."""
    host = urlsplit(api_url).hostname or ""
    local = _is_loopback(host)
    if urlsplit(api_url).scheme != "https" and not local:
        message = f"SLACK_API_URL must be https, or on this machine: {host or api_url}"
        raise ValueError(message)
    quiet = logging.getLogger("alerts.slack.sdk")
    quiet.setLevel(logging.WARNING)  # at DEBUG the SDK logs the whole text of messages
    client = AsyncWebClient(token=token, base_url=api_url, timeout=timeout_s, retry_handlers=[], logger=quiet)
    if local:
        client.proxy = None  # the SDK takes a proxy from the environment and knows no exceptions from it
    return client


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Slack:
    """A `Voice`. Conversations are opened once per recipient and process.

    `trouble` is why nothing can be said at all at present (no connection, a refused token), for the readiness check.
    """

    def __init__(self, client: AsyncWebClient, metrics: Metrics) -> None:
        self._client = client
        self._metrics = metrics
        self._opened: dict[str, str] = {}
        self.trouble: str | None = None

    async def open(self, recipient: Recipient) -> str | NotDone:
        """The conversation with a person, by Slack id or else by e-mail; the id of a channel."""
        address = recipient.channel or recipient.slack or recipient.email or ""
        known = self._opened.get(address)
        if known is not None:
            return known
        found = await self._channel(address) if recipient.channel else await self._conversation(recipient)
        if isinstance(found, str):
            self._opened[address] = found
        return found

    async def post(self, channel: str, message: Message, mark: str) -> Spot | NotDone:
        """chat.postMessage."""
        return _spot(await self._call("chat.postMessage", _content(message, mark) | {"channel": channel}), channel)

    async def edit(self, spot: Spot, message: Message, mark: str) -> Spot | NotDone:
        """chat.update."""
        place = {"channel": spot.channel, "ts": spot.ts}
        return _spot(await self._call("chat.update", _content(message, mark) | place), spot.channel)

    async def find(self, channel: str, mark: str, since_us: int) -> Spot | NotDone | None:
        """Our message in the conversation's history, by the mark in its metadata."""
        oldest = f"{max(since_us - CLOCK_SKEW_US, 0) / SECOND_US:.6f}"
        query = {"channel": channel, "oldest": oldest, "include_all_metadata": True}
        async for page in self._pages("conversations.history", query):
            if not isinstance(page, Done):
                return _unsearchable(page)
            for each in _dicts(page.data.get("messages")):
                if _mark(each) == mark:
                    return Spot(channel, str(each.get("ts", "")))
        return None

    async def _conversation(self, recipient: Recipient) -> str | NotDone:
        user: object = recipient.slack
        if not user:
            looked_up = await self._call("users.lookupByEmail", {"email": recipient.email or ""})
            if not isinstance(looked_up, Done):
                return looked_up
            user = _inner(looked_up, "user").get("id")
        opened = await self._call("conversations.open", {"users": user})
        if not isinstance(opened, Done):
            return opened
        return str(_inner(opened, "channel").get("id") or "") or Ambiguous("no_channel_in_reply")

    async def _channel(self, name: str) -> str | NotDone:
        """History wants ids, so a name is looked up once."""
        if CHANNEL_ID.fullmatch(name):
            return name
        query = {"types": "public_channel,private_channel", "exclude_archived": True}
        async for page in self._pages("conversations.list", query):
            if not isinstance(page, Done):
                return page
            for each in _dicts(page.data.get("channels")):
                if each.get("name") == name.removeprefix("#"):
                    return str(each.get("id"))
        return Refused(Reason.RECIPIENT_REFUSED, "channel_not_found")

    async def _pages(self, method: str, query: Mapping[str, object]) -> AsyncIterator[Reply]:
        cursor = ""
        while True:
            page = await self._call(method, {**query, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
            yield page
            if not isinstance(page, Done):
                return
            cursor = str(_inner(page, "response_metadata").get("next_cursor") or "")
            if not cursor:
                return

    async def _call(self, method: str, arguments: Mapping[str, object]) -> Reply:
        started = time.perf_counter()
        reply = await self._reply(method, arguments)
        self._metrics.request_seconds.labels(method).observe(time.perf_counter() - started)
        self.trouble = _trouble(method, reply)
        self._metrics.requests.labels(method, type(reply).__name__.lower()).inc()
        return reply

    async def _reply(self, method: str, arguments: Mapping[str, object]) -> Reply:
        writes = method.startswith("chat.")
        sent = {"json": dict(arguments)} if writes else {"params": dict(arguments)}
        try:
            response = await self._client.api_call(method, http_verb="POST" if writes else "GET", **sent)
        except SlackApiError as error:
            return _of_error(error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Unreached(type(error).__name__)
        except (aiohttp.ClientError, TimeoutError, OSError, SlackClientError, ValueError, AttributeError) as error:
            return Ambiguous(type(error).__name__)
        return classify(response.status_code, response.headers, response.data)


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


def _content(message: Message, mark: str) -> dict[str, object]:
    return {
        "text": message.text,
        "blocks": list(message.blocks),
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"mark": mark}},
        "unfurl_links": False,
        "unfurl_media": False,
        "parse": "none",
        "link_names": False,
    }


def _spot(reply: Reply, channel: str) -> Spot | NotDone:
    if not isinstance(reply, Done):
        return reply
    ts = reply.data.get("ts")
    return Spot(str(reply.data.get("channel") or channel), str(ts)) if ts else Ambiguous("no_ts_in_reply")


def _unsearchable(reply: NotDone) -> NotDone:
    """Without the right to read history nothing can be found, however long one waits."""
    return Refused(Reason.RECIPIENT_REFUSED, reply.detail) if isinstance(reply, Barred) else reply


def _mark(message: Mapping[str, Any]) -> object:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return payload.get("mark") if isinstance(payload, dict) else None


def _inner(reply: Done, name: str) -> Mapping[str, Any]:
    part = reply.data.get(name)
    return part if isinstance(part, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
