"""`signals slack`: whether Slack would take what we have to say, and the manifest of the app."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
import yaml
from prometheus_client import CollectorRegistry

from alerts.manifest import manifest as manifest_of
from programs.commands.loading import ready as load_ready
from programs.failures import CallError, WorkError
from programs.startup import Ready
from programs.terminal import plain

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check the Slack app; show its manifest.")


@app.command()
def check() -> None:
    """Test the token, its scopes, every owner's look-up and the channels; say what is missing. Sends no message.

    Exit 0: all is well. 1: something is missing, each on a line. 2: no token is set.
    """
    ready = load_ready()
    if ready.settings.slack.token is None:
        raise CallError(
            "no token: set SLACK_BOT_TOKEN (docs/slack.md); without one, messages are drawn in the terminal"
        )
    missing = asyncio.run(_check(ready))
    if missing:
        raise WorkError(f"{missing} {'thing is' if missing == 1 else 'things are'} missing")


@app.command()
def manifest(
    *,
    url: Annotated[str | None, typer.Option(help="intake's public address; none: intake.public_url")] = None,
    socket_mode: Annotated[bool, typer.Option("--socket-mode", help="without a public address")] = False,
) -> None:
    """Print the app's manifest, to be pasted where Slack makes an app from one."""
    address = None
    if not socket_mode:
        address = url or load_ready().settings.intake.public_url
        if address is None:
            raise CallError("no address: give --url, set intake.public_url, or use --socket-mode")
    typer.echo(yaml.safe_dump(manifest_of(address.rstrip("/") if address else None), sort_keys=False), nl=False)


async def _check(ready: Ready) -> int:
    """Print each finding; how many are wrong."""
    from alerts.calls import Calls, slack_client  # noqa: PLC0415 - slack_sdk takes a third of a second
    from alerts.metrics import CallMetrics  # noqa: PLC0415 - the same
    from programs.slack_check import check as findings  # noqa: PLC0415 - the same

    slack = ready.settings.slack
    token = slack.token.get_secret_value() if slack.token else ""
    calls = Calls(slack_client(token, slack.api_url), CallMetrics(CollectorRegistry()))
    app_client = slack_client(slack.app_token.get_secret_value(), slack.api_url) if slack.app_token else None
    wrong = 0
    async for each in findings(slack, ready.playbook.playbook, calls, app_client):
        wrong += bool(each.wrong)
        typer.echo(f"{'MISSING' if each.wrong else 'ok     '}  {plain(each.what)}: {plain(each.wrong or each.found)}")
    return wrong
