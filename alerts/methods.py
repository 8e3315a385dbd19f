"""Every method of Slack's API that we call, as one table: the scopes that it needs, its rate limit, how it is sent.

The app's manifest, `signals slack check` and the pacing of calls read it, so that none of them can forget one. Scopes
and tiers are those of docs.slack.dev/reference/methods and docs.slack.dev/apis/web-api/rate-limits.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Tier(Enum):
    """How often a method may be called at least, as seconds between two calls."""

    ONE = 60.0
    TWO = 3.0
    THREE = 1.2
    FOUR = 0.6
    PER_CHANNEL = 1.0
    """chat.postMessage: one a second in each channel."""
    FREE = 0.0
    """Hundreds a minute."""


class Method(NamedTuple):
    """`scopes` of the bot token; `json`: sent as a JSON body, else as a query."""

    tier: Tier
    scopes: tuple[str, ...] = ()
    json: bool = False


_HISTORY = ("im:history", "channels:history", "groups:history")
_CHANNELS = ("channels:read", "groups:read")
_PEOPLE = ("users:read", "users:read.email")

METHODS: dict[str, Method] = {
    "auth.test": Method(Tier.FREE),
    "chat.postMessage": Method(Tier.PER_CHANNEL, ("chat:write",), json=True),
    "chat.update": Method(Tier.THREE, ("chat:write",), json=True),
    "chat.postEphemeral": Method(Tier.FOUR, ("chat:write",), json=True),
    "conversations.open": Method(Tier.THREE, ("im:write",)),
    "conversations.list": Method(Tier.TWO, _CHANNELS),
    "conversations.info": Method(Tier.THREE, _CHANNELS),
    "conversations.history": Method(Tier.THREE, _HISTORY),
    "conversations.replies": Method(Tier.THREE, _HISTORY),
    "users.lookupByEmail": Method(Tier.THREE, _PEOPLE),
    "users.info": Method(Tier.FOUR, _PEOPLE),
    "views.open": Method(Tier.FOUR, json=True),
    "views.publish": Method(Tier.FOUR, json=True),
}

#: What the bot token must be allowed, sorted.
SCOPES: tuple[str, ...] = tuple(sorted({scope for method in METHODS.values() for scope in method.scopes}))
#: Of the app-level token, for Socket Mode (`apps.connections.open`).
APP_SCOPES = ("connections:write",)
#: What Slack tells us of without being asked.
EVENTS = ("app_home_opened",)
