"""The manifest of the Slack app, for whoever makes the app: made from the methods that we call and what they need."""

from __future__ import annotations

from typing import Any

from alerts.methods import EVENTS, SCOPES

#: Where buttons and forms come in over HTTP, and what Slack tells by itself.
INTERACTIONS, EVENTS_PATH = "/slack/interactions", "/slack/events"


def manifest(public_url: str | None) -> dict[str, Any]:
    """The app's manifest; `public_url` None: by Socket Mode, without a public address."""
    by_socket = public_url is None
    interactivity: dict[str, Any] = {"is_enabled": True}
    events: dict[str, Any] = {"bot_events": list(EVENTS)}
    if not by_socket:
        interactivity["request_url"] = f"{public_url}{INTERACTIONS}"
        events = {"request_url": f"{public_url}{EVENTS_PATH}", **events}
    return {
        "display_information": {
            "name": "Deal signals",
            "description": "Tells owners what their pipeline needs, with evidence and the next step",
            "background_color": "#1d2b3a",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "Deal signals", "always_online": True},
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": by_socket,
            "token_rotation_enabled": False,
        },
    }
