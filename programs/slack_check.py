"""Whether Slack would take what we have to say: token, scopes, every owner, the channels, the way of the buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from alerts.calls import Calls, inner
from alerts.methods import SCOPES
from alerts.replies import Done, Reply
from alerts.slack import Slack
from alerts.values import Recipient
from playbook.model import Owner, Playbook
from programs.settings import SlackSettings


class Finding(NamedTuple):
    """One thing that was looked at. `wrong` says what is missing and what to do; empty: it is well."""

    what: str
    found: str = ""
    wrong: str = ""


async def check(
    settings: SlackSettings, playbook: Playbook, calls: Calls, app_client: AsyncWebClient | None
) -> AsyncIterator[Finding]:
    """Everything, in the order in which it must be right. Stops where the token is not."""
    token = await _token(calls)
    yield token
    if token.wrong:
        return
    for finding in _scopes(calls.granted):
        yield finding
    for finding in _ways_in(settings):
        yield finding
    if app_client is not None:
        yield await _app_token(app_client)
    for name, what in (
        (playbook.fallback_channel, "fallback_channel"),
        (playbook.revops_channel, "revops_channel"),
    ):
        yield await _channel(calls, name, what)
    for owner in playbook.owners:
        yield await _owner(calls, owner)
    if not playbook.owners:
        yield Finding("owners", wrong="the playbook names nobody: everything goes to fallback_channel")
    if not playbook.revops:
        yield Finding("revops", wrong="the playbook names nobody: what has no owner can be acted on by nobody")


async def _token(calls: Calls) -> Finding:
    reply = await calls.call("auth.test", {})
    if not isinstance(reply, Done):
        return Finding("token", wrong=f"Slack does not take it: {_said(reply)} (SLACK_BOT_TOKEN, SLACK_API_URL)")
    return Finding("token", f"{reply.data.get('user')} in {reply.data.get('team')} ({reply.data.get('team_id')})")


def _scopes(granted: frozenset[str]) -> Iterator[Finding]:
    for scope in SCOPES:
        wrong = "" if scope in granted else "add it to the app, then install the app anew"
        yield Finding(f"scope {scope}", "granted", wrong)


def _ways_in(settings: SlackSettings) -> Iterator[Finding]:
    """How presses come in."""
    if settings.signing_secret is None and settings.app_token is None:
        yield Finding("buttons", wrong="set SLACK_SIGNING_SECRET (over HTTP) or SLACK_APP_TOKEN (Socket Mode)")
        return
    ways = [("over HTTP", settings.signing_secret), ("by Socket Mode", settings.app_token)]
    yield Finding("buttons", " and ".join(way for way, secret in ways if secret is not None))


async def _app_token(client: AsyncWebClient) -> Finding:
    """Whether Socket Mode may be opened; nothing is connected."""
    try:
        await client.apps_connections_open(app_token=client.token or "")
    except SlackApiError as error:
        return Finding("app token", wrong=f"{error.response.get('error')}: it needs the scope connections:write")
    except (SlackClientError, OSError) as error:
        return Finding("app token", wrong=f"Slack does not answer: {type(error).__name__}")
    return Finding("app token", "may open a connection")


async def _channel(calls: Calls, name: str | None, what: str) -> Finding:
    if name is None:
        return Finding(what, wrong="the playbook names none")
    found = await Slack(calls).open(Recipient(key=name, name=name, channel=name))
    if not isinstance(found, str):
        return Finding(f"{what} {name}", wrong=f"{_said(found)}: make it, or invite the app to it if it is private")
    reply = await calls.call("conversations.info", {"channel": found})
    if not isinstance(reply, Done):
        return Finding(f"{what} {name}", wrong=f"{_said(reply)}: invite the app to it")
    if inner(reply, "channel").get("is_member") is not True:
        return Finding(f"{what} {name}", wrong="the app is not a member: invite it there")
    return Finding(f"{what} {name}", found)


async def _owner(calls: Calls, owner: Owner) -> Finding:
    """Whether an owner can be spoken to: by the id that the playbook gives, else by e-mail."""
    what = f"owner {owner.name}"
    if not owner.slack and not owner.email:
        return Finding(what, wrong="the playbook has neither a Slack id nor an e-mail")
    if owner.slack:
        reply = await calls.call("users.info", {"user": owner.slack})
    else:
        reply = await calls.call("users.lookupByEmail", {"email": owner.email or ""})
    if not isinstance(reply, Done):
        return Finding(what, wrong=f"{owner.slack or owner.email}: {_said(reply)}")
    user = inner(reply, "user")
    if user.get("deleted") is True:
        return Finding(what, wrong=f"{owner.slack or owner.email}: the Slack user is deactivated")
    return Finding(what, str(user.get("id") or ""))


def _said(reply: Reply) -> str:
    """An answer that is none, in a few words."""
    return str(getattr(reply, "detail", "") or type(reply).__name__.lower())
