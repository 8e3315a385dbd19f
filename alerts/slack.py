"""Slack as a `Voice`: open, post, edit, find again, in a channel or in a message's thread.

Calls and their answers are `alerts.calls`; what an answer means for a message is `alerts.replies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from alerts.blocks import Message
from alerts.calls import Calls, dicts, inner
from alerts.reasons import Reason
from alerts.replies import Ambiguous, Barred, Done, NotDone, Refused, Reply
from alerts.values import Recipient
from alerts.voice import Place, Spot
from topics.instants import MINUTE_US, SECOND_US

EVENT_TYPE: Final = "deal_signal"
#: A channel's or a conversation's id, as against its name.
CHANNEL_ID: Final = re.compile(r"[CGD][A-Z0-9]{6,}")
#: Slack dates a message by its own clock.
CLOCK_SKEW_US: Final = 5 * MINUTE_US


class Slack:
    """A `Voice`. Conversations are opened once per recipient and process."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._opened: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """Why nothing can be said at all at present (no connection, a refused token), for the readiness check."""
        return self._calls.trouble

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

    async def post(self, place: Place, message: Message, mark: str) -> Spot | NotDone:
        """chat.postMessage; in a thread where the place names one."""
        arguments = _content(message, mark) | {"channel": place.channel}
        if place.thread:
            arguments |= {"thread_ts": place.thread, "reply_broadcast": message.broadcast}
        return _spot(await self._calls.call("chat.postMessage", arguments), place.channel)

    async def edit(self, spot: Spot, message: Message, mark: str) -> Spot | NotDone:
        """chat.update."""
        where = {"channel": spot.channel, "ts": spot.ts}
        return _spot(await self._calls.call("chat.update", _content(message, mark) | where), spot.channel)

    async def find(self, place: Place, mark: str, since_us: int) -> Spot | NotDone | None:
        """Our message in the conversation's history, or among a message's replies, by the mark in its metadata."""
        oldest = f"{max(since_us - CLOCK_SKEW_US, 0) / SECOND_US:.6f}"
        query: dict[str, object] = {"channel": place.channel, "oldest": oldest, "include_all_metadata": True}
        method = "conversations.history"
        if place.thread:
            method, query = "conversations.replies", query | {"ts": place.thread}
        async for page in self._calls.pages(method, query):
            if not isinstance(page, Done):
                return _unsearchable(page)
            for each in dicts(page.data.get("messages")):
                if _mark(each) == mark:
                    return Spot(place.channel, str(each.get("ts", "")))
        return None

    async def _conversation(self, recipient: Recipient) -> str | NotDone:
        user: object = recipient.slack
        if not user:
            looked_up = await self._calls.call("users.lookupByEmail", {"email": recipient.email or ""})
            if not isinstance(looked_up, Done):
                return looked_up
            user = inner(looked_up, "user").get("id")
        opened = await self._calls.call("conversations.open", {"users": user})
        if not isinstance(opened, Done):
            return opened
        return str(inner(opened, "channel").get("id") or "") or Ambiguous("no_channel_in_reply")

    async def _channel(self, name: str) -> str | NotDone:
        """History wants ids, so a name is looked up once."""
        if CHANNEL_ID.fullmatch(name):
            return name
        query = {"types": "public_channel,private_channel", "exclude_archived": True}
        async for page in self._calls.pages("conversations.list", query):
            if not isinstance(page, Done):
                return page
            for each in dicts(page.data.get("channels")):
                if each.get("name") == name.removeprefix("#"):
                    return str(each.get("id"))
        return Refused(Reason.RECIPIENT_REFUSED, "channel_not_found")


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
