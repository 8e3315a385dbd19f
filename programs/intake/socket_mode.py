"""Socket Mode: Slack's presses over a connection that we open, for who has no public address.

slack_sdk's own client keeps the connection and opens it anew. An envelope is acknowledged when the broker has what was
done, as a request over HTTP is answered; one that cannot be kept is not, and Slack shows that to who pressed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from alerts.calls import is_loopback, slack_client

Take = Callable[[object], Awaitable[dict[str, Any]]]
#: Slack waits three seconds for an acknowledgement.
ANSWER_S = 2.5
WATCH_S = 2.0
#: What a person does; Slack also sends greetings and goodbyes, which the client answers itself.
_OURS = frozenset({"interactive", "events_api"})

log = structlog.get_logger("intake")


class _Client(SocketModeClient):
    """The client, to addresses that nobody between can read."""

    async def issue_new_wss_url(self) -> str:
        """The address that Slack names. Raises ValueError for one in the clear across a network."""
        url: str = await super().issue_new_wss_url()
        parts = urlsplit(url)
        if parts.scheme != "wss" and not is_loopback(parts.hostname or ""):
            message = "Slack names an address without encryption"
            raise ValueError(message)
        if is_loopback(parts.hostname or ""):
            self.proxy = None
        return url


class SocketMode:
    """`run` keeps a connection and hands what comes to `take`; `trouble` is why there is none."""

    def __init__(self, app_token: str, api_url: str, take: Take, watch_s: float = WATCH_S) -> None:
        self._app_token, self._api_url, self._take, self._watch_s = app_token, api_url, take, watch_s
        self.trouble: str | None = "Slack has not been reached yet"

    async def run(self) -> None:
        """Until cancelled."""
        quiet = logging.getLogger("alerts.slack.socket")
        quiet.setLevel(logging.CRITICAL)  # what it says at length, `trouble` says in a line
        client = _Client(
            app_token=self._app_token, web_client=slack_client("", self._api_url), logger=quiet, ping_interval=5
        )
        client.socket_mode_request_listeners.append(self._heard)
        connecting = asyncio.create_task(client.connect())  # type: ignore[no-untyped-call]  # slack_sdk's own
        try:
            while True:
                self._note("not connected to Slack" if not await client.is_connected() else None)
                await asyncio.sleep(self._watch_s)
        finally:
            connecting.cancel()
            await client.close()  # type: ignore[no-untyped-call]  # the same

    def _note(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            log.info("socket mode", trouble=trouble)
        self.trouble = trouble

    async def _heard(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """One envelope; without an acknowledgement where what it asks for could not be kept."""
        payload: dict[str, Any] = {}
        if request.type in _OURS:
            try:
                async with asyncio.timeout(ANSWER_S):
                    payload = await self._take(request.payload)
            except Exception:  # whatever it is: who pressed is told by Slack, and the reason stands in the log
                log.exception("a press could not be kept")
                return
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload or None))
