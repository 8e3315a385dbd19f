"""A real HTTP server that answers like Slack's Web API and keeps what it was told.

`fail(method, *faults)` puts faults in front of the next calls of a method; the call after the last one is answered as
usual. A fault that `keeps` lets the call happen before it spoils the answer: the message is there, the caller does
not know.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from alerts.methods import SCOPES
from tests.golden.messages.block_kit import problems, view_problems

TOKEN = "xoxb-test-token"  # noqa: S105 - of this server only
APP_TOKEN = "xapp-test-token"  # noqa: S105 - the same
TEAM = "T0ACME001"
Json = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """How one call goes wrong. `drop`: the connection is closed without an answer."""

    status: int = 200
    error: str = ""
    retry_after: str = ""
    drop: bool = False
    keeps: bool = False
    slow_s: float = 0.0
    body: str = ""


LIMITED = Fault(status=429, error="ratelimited", retry_after="1")
BROKEN = Fault(status=503, body="<html>upstream</html>")
DROPPED_AFTER = Fault(drop=True, keeps=True)
DROPPED_BEFORE = Fault(drop=True)


def not_ok(error: str) -> Fault:
    """`{"ok": false, "error": ...}` with status 200, as Slack mostly answers."""
    return Fault(error=error)


@dataclass
class Call:
    """One call as it arrived, and what was answered (0: nothing)."""

    method: str
    arguments: Json
    at_s: float
    status: int = 0


@dataclass
class Channel:
    """A conversation: its messages in order, and how many of the newest its history does not show yet.

    `threads`: the replies by the `ts` of the message that they stand under; the history does not show them.
    """

    messages: list[Json] = field(default_factory=list)
    lag: int = 0
    threads: dict[str, list[Json]] = field(default_factory=dict)


class SlackServer:
    """`async with SlackServer() as slack`: `slack.url` is the API's address. `clock` dates messages, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.users = {"ann@example.com": "U0ANN0001", "ben@example.com": "U0BEN0001", "lee@example.com": "U0LEE0001"}
        self.names = {"deal-signals": "C0SIGNALS", "other": "C0OTHER01"}
        self.channels: dict[str, Channel] = {
            name: Channel() for name in (*self.names.values(), "C0FALLBACK", "C0REVOPS1")
        }
        self.emails = {user: email for email, user in self.users.items()}
        self.team = TEAM
        self.out: set[str] = set()
        self.gone: set[str] = set()
        self.scopes = ",".join(SCOPES)
        self.views: list[Json] = []
        self.homes: dict[str, Json] = {}
        self.whispers: list[Json] = []
        self.acknowledged: dict[str, Json] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self.calls: list[Call] = []
        self.page = 100
        self.history_lag = 0
        self.url = ""
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._clock = clock
        self._last_ts_us = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/socket", self._socket)
        app.router.add_route("*", "/api/{method}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def fail(self, method: str, *faults: Fault) -> None:
        """The next calls of the method go wrong like this, one fault each."""
        self._faults[method].extend(faults)

    def said(self) -> list[Json]:
        """Every message, in order of channel and time."""
        return [message for channel in self.channels.values() for message in channel.messages]

    def replies(self) -> list[Json]:
        """Every reply in a thread."""
        return [reply for channel in self.channels.values() for thread in channel.threads.values() for reply in thread]

    def called(self, method: str) -> list[Call]:
        """The calls of one method."""
        return [call for call in self.calls if call.method == method]

    def posts(self) -> list[Call]:
        """The calls that say something new outside threads."""
        return [call for call in self.called("chat.postMessage") if "thread_ts" not in call.arguments]

    def said_by_hand(self, channel: str, count: int) -> None:
        """Messages of other people, which a search has to leaf through."""
        for number in range(count):
            self.channels[channel].messages.append(
                {"ts": self._next_ts(), "text": f"chat {number}", "user": "U0ANN0001"}
            )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        call = Call(method, await _arguments(request), asyncio.get_running_loop().time())
        self.calls.append(call)
        fault = self._faults[method].popleft() if self._faults[method] else Fault()
        if fault.slow_s and not fault.keeps:
            await asyncio.sleep(fault.slow_s)
        token = APP_TOKEN if method == "apps.connections.open" else TOKEN
        if request.headers.get("Authorization") != f"Bearer {token}":
            return _json(call, 200, {"ok": False, "error": "invalid_auth"})
        if not fault.keeps and fault != Fault(slow_s=fault.slow_s):
            return self._spoil(request, call, fault)
        answer = self._answer(method, call.arguments)
        if fault.keeps:
            await asyncio.sleep(fault.slow_s)
            return self._spoil(request, call, fault)
        return _json(call, 200, answer, {"x-oauth-scopes": self.scopes})

    async def push(self, payload: Json, kind: str = "interactive") -> str:
        """Send an envelope of Socket Mode to whoever is connected; its id."""
        identity = f"e{len(self.acknowledged)}-{self._next_ts()}"
        envelope = {"envelope_id": identity, "type": kind, "payload": payload, "accepts_response_payload": True}
        for socket in self._sockets:
            await socket.send_json(envelope)
        return identity

    @property
    def connected(self) -> int:
        """How many connections of Socket Mode there are."""
        return len(self._sockets)

    async def hang_up(self) -> None:
        """Close them, as Slack does every few hours."""
        for socket in tuple(self._sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await socket.send_json({"type": "hello"})
            async for message in socket:
                answer = json.loads(message.data)
                self.acknowledged[answer["envelope_id"]] = answer.get("payload") or {}
        finally:
            self._sockets.discard(socket)
        return socket

    def _spoil(self, request: web.Request, call: Call, fault: Fault) -> web.StreamResponse:
        if fault.drop:
            if request.transport is not None:  # the caller may be gone by now
                request.transport.abort()
            return web.Response()
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        if fault.body:
            call.status = fault.status
            return web.Response(status=fault.status, text=fault.body, headers=headers, content_type="text/html")
        return _json(call, fault.status, {"ok": False, "error": fault.error}, headers)

    def _answer(self, method: str, arguments: Json) -> Json:
        answer = {
            "conversations.open": self._open,
            "conversations.list": self._list,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "users.lookupByEmail": self._lookup,
            "users.info": self._info,
            "auth.test": self._auth,
            "apps.connections.open": self._connections,
            "conversations.info": self._channel_info,
            "views.open": self._view,
            "views.publish": self._home,
            "chat.postEphemeral": self._whisper,
            "chat.postMessage": self._post,
            "chat.update": self._update,
        }.get(method)
        return answer(arguments) if answer else _error("unknown_method")

    def _open(self, arguments: Json) -> Json:
        user = arguments["users"]
        if user not in self.users.values():
            return _error("user_not_found")
        channel = user.replace("U0", "D0", 1)
        self.channels.setdefault(channel, Channel())
        return {"ok": True, "channel": {"id": channel}}

    def _list(self, arguments: Json) -> Json:
        rows = [
            {"id": identity, "name": name, "is_member": identity not in self.out}
            for name, identity in self.names.items()
        ]
        return self._paged(arguments, rows, "channels")

    def _history(self, arguments: Json) -> Json:
        channel = self.channels.get(arguments["channel"])
        if channel is None:
            return _error("channel_not_found")
        return self._paged(arguments, self._shown(arguments, channel, channel.messages)[::-1], "messages")

    def _replies(self, arguments: Json) -> Json:
        channel = self.channels.get(arguments["channel"], Channel())
        parent = next((each for each in channel.messages if each["ts"] == arguments["ts"]), None)
        if parent is None:
            return _error("thread_not_found")
        replies = self._shown(arguments, channel, channel.threads.get(arguments["ts"], []))
        return self._paged(arguments, [parent, *replies], "messages")

    def _shown(self, arguments: Json, channel: Channel, messages: list[Json]) -> list[Json]:
        """What a look sees, oldest first: not the newest that lag behind, and metadata only where it was asked for."""
        shown = messages[: len(messages) - channel.lag] if channel.lag else messages
        channel.lag = 0
        hidden = () if arguments.get("include_all_metadata") in ("1", "true", True) else ("metadata",)
        since = float(arguments.get("oldest", 0))
        return [
            {name: value for name, value in each.items() if name not in hidden}
            for each in shown
            if float(each["ts"]) > since
        ]

    def _info(self, arguments: Json) -> Json:
        email = self.emails.get(arguments["user"])
        if email is None:
            return _error("user_not_found")
        user = {"id": arguments["user"], "deleted": arguments["user"] in self.gone, "profile": {"email": email}}
        return {"ok": True, "user": user}

    def _auth(self, _: Json) -> Json:
        return {"ok": True, "team_id": self.team, "team": "Acme", "user_id": "U0BOT0001", "user": "signals"}

    def _connections(self, _: Json) -> Json:
        return {"ok": True, "url": self.url.replace("http://", "ws://").replace("/api/", "/socket")}

    def _channel_info(self, arguments: Json) -> Json:
        if arguments["channel"] not in self.channels:
            return _error("channel_not_found")
        return {"ok": True, "channel": {"id": arguments["channel"], "is_member": arguments["channel"] not in self.out}}

    def _view(self, arguments: Json) -> Json:
        if not arguments["trigger_id"]:
            return _error("invalid_trigger_id")
        if view_problems(arguments["view"]):
            return _error("invalid_arguments")
        self.views.append(arguments["view"])
        return {"ok": True, "view": {"id": f"V{len(self.views)}"}}

    def _home(self, arguments: Json) -> Json:
        if view_problems(arguments["view"]):
            return _error("invalid_arguments")
        self.homes[arguments["user_id"]] = arguments["view"]
        return {"ok": True}

    def _whisper(self, arguments: Json) -> Json:
        if arguments["channel"] not in self.channels:
            return _error("channel_not_found")
        self.whispers.append(arguments)
        return {"ok": True, "message_ts": self._next_ts()}

    def _paged(self, arguments: Json, rows: list[Json], name: str) -> Json:
        start, size = int(arguments.get("cursor") or 0), min(int(arguments.get("limit", self.page)), self.page)
        end = start + size
        cursor = str(end) if end < len(rows) else ""
        return {"ok": True, name: rows[start:end], "response_metadata": {"next_cursor": cursor}}

    def _lookup(self, arguments: Json) -> Json:
        user = self.users.get(arguments["email"])
        return {"ok": True, "user": {"id": user}} if user else _error("users_not_found")

    def _post(self, arguments: Json) -> Json:
        channel = self.channels.get(arguments["channel"])
        if channel is None:
            return _error("channel_not_found")
        if problems(arguments["text"], arguments["blocks"]):
            return _error("invalid_blocks")
        thread = arguments.get("thread_ts")
        if thread is not None and all(each["ts"] != thread for each in channel.messages):
            return _error("thread_not_found")
        ts = self._next_ts()
        kept = {name: arguments[name] for name in ("text", "blocks", "metadata")}
        said = {"ts": ts, **kept, "edits": [], "broadcast": bool(arguments.get("reply_broadcast"))}
        (channel.messages if thread is None else channel.threads.setdefault(thread, [])).append(said)
        channel.lag = self.history_lag
        return {"ok": True, "channel": arguments["channel"], "ts": ts}

    def _update(self, arguments: Json) -> Json:
        channel = self.channels.get(arguments["channel"], Channel())
        replies = (reply for thread in channel.threads.values() for reply in thread)
        message = next((each for each in (*channel.messages, *replies) if each["ts"] == arguments["ts"]), None)
        if message is None:
            return _error("message_not_found")
        if problems(arguments["text"], arguments["blocks"]):
            return _error("invalid_blocks")
        message["edits"].append(message["text"])
        message.update({name: arguments[name] for name in ("text", "blocks", "metadata")})
        return {"ok": True, "channel": arguments["channel"], "ts": arguments["ts"], "text": arguments["text"]}

    def _next_ts(self) -> str:
        self._last_ts_us = max(self._last_ts_us + 1, round(self._clock() * 1e6))
        return f"{self._last_ts_us // 1_000_000}.{self._last_ts_us % 1_000_000:06}"


async def _arguments(request: web.Request) -> Json:
    if request.method == "GET":
        return dict(request.query)
    text = await request.text()
    body: Json = json.loads(text) if text.startswith("{") else {}
    return body


def _error(code: str) -> Json:
    return {"ok": False, "error": code}


def _json(call: Call, status: int, body: Json, headers: dict[str, str] | None = None) -> web.Response:
    call.status = status
    return web.json_response(body, status=status, headers=headers)
