"""The `signals` command: a list of its commands, loaded one by one, so that `--help` and each of them start quickly.

Exit codes: 0 done, 1 the work failed, 2 the call or a file was wrong. What went wrong stands on stderr, one line each.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module, metadata
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from programs.failures import CommandError
from programs.terminal import complain

_INTERRUPTED = 130


class Entry(NamedTuple):
    """One command: its name, where it is (`module:attribute`, a function or a group), and its line in the help."""

    name: str
    target: str
    help: str


COMMANDS = (
    Entry("up", "programs.commands.run:up", "Every program on this machine, and a broker if need be."),
    Entry("demo", "programs.commands.demo:demo", "The main job on a simulated sales team whose clock runs fast."),
    Entry("intake", "programs.commands.run:intake", "One program: webhooks over HTTP, verified, to raw records."),
    Entry("ingest", "programs.commands.run:ingest", "One program: raw records to canonical events, and the clock."),
    Entry("join", "programs.commands.run:join", "One program: activities, people and accounts to their deals."),
    Entry("detect", "programs.commands.run:detect", "One program: events to state, state to signals."),
    Entry("baselines", "programs.commands.run:baselines", "One program: how long stages take, to learned limits."),
    Entry("route", "programs.commands.run:route", "One program: high-intent signals to their topics."),
    Entry("notify", "programs.commands.run:notify", "One program: who hears what, and why not."),
    Entry("send", "programs.commands.run:send", "One program: messages to Slack."),
    Entry("forward", "programs.commands.run:forward", "One program: signals to another system, over HTTP."),
    Entry("load", "programs.commands.load:load", "Put a source's files on its raw topic, as a backfill."),
    Entry("replay", "programs.commands.replay:replay", "The same brain over files, without a broker."),
    Entry("status", "programs.commands.status:status", "The three questions of every leader, answered."),
    Entry("explain", "programs.commands.explain:explain", "One deal: what happened, what was said, what is missing."),
    Entry("playbook", "programs.commands.playbook:app", "Check and show the definitions."),
    Entry("baseline", "programs.commands.baseline:app", "Learn limits from how long deals took; look at them."),
    Entry("topics", "programs.commands.topics:app", "List, create and check the topics."),
    Entry("slack", "programs.commands.slack:app", "Check the Slack app: scopes, people, channels; its manifest."),
    Entry("rejected", "programs.commands.rejected:app", "Input that was not understood: look at it, send it again."),
    Entry("alerts", "programs.commands.alerts:app", "What became of a signal; what everybody would receive."),
    Entry("rollup", "programs.commands.rollup:app", "What a lead sees of a team, and a manager of the forecast."),
    Entry("forget", "programs.commands.forget:forget", "Remove a deal, a person or an account from state."),
    Entry("simulate", "programs.commands.simulate:command", "Write a simulated CRM's events and the planted faults."),
)


class LazyGroup(TyperGroup):
    """Knows its commands by name and help; imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - typer's own
        signs = {entry.name: TyperCommand(name=entry.name, help=entry.help) for entry in COMMANDS}
        super().__init__(**{**attributes, "commands": signs})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's context, vendored or not
        """The command that was called. A name that nobody knows is refused by typer, with a suggestion."""
        name, sign, rest = super().resolve_command(ctx, args)
        entry = next((entry for entry in COMMANDS if entry.name == name), None)
        return (name, sign, rest) if entry is None else (name, load(entry), rest)


def load(entry: Entry) -> Any:  # noqa: ANN401 - click's command, vendored or not by typer
    """Import a command and make it ready to be called."""
    module, attribute = entry.target.split(":")
    target = getattr(import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command()(target)
        target = app
    command = typer.main.get_command(target)
    command.name = entry.name
    return _without_boxes(command)


def _without_boxes(command: Any) -> Any:  # noqa: ANN401 - the same
    """Plain help: it fits narrow terminals, logs and `grep`."""
    command.rich_markup_mode = None
    for inner in getattr(command, "commands", {}).values():
        _without_boxes(inner)
    return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"signals {metadata.version('deal-signals')}")
        raise typer.Exit


@app.callback()
def settings_file(
    *,
    settings: Annotated[
        str, typer.Option("--settings", metavar="FILE", help="settings in place of ./signals.toml")
    ] = "",
    _version: Annotated[
        bool, typer.Option("--version", callback=lambda value: _print_version(wanted=value), is_eager=True)
    ] = False,
) -> None:
    """Leading indicators for sales pipelines: CRM changes in, explainable signals out."""
    if settings:
        os.environ["SIGNALS_SETTINGS"] = settings  # the programs that `up` starts read the same file


def main() -> None:
    """Run a command; turn what it raises into lines and an exit code."""
    try:
        app(prog_name="signals")
    except CommandError as error:
        complain(*error.lines)
        sys.exit(error.code)
    except BrokenPipeError:  # `signals ... | head`
        sys.stderr.close()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
