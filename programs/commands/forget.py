"""`signals forget`: a deal, a person or an account goes from state and from what is drawn from it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.topics import BrokerOption
from programs.failures import CallError, WorkError
from programs.startup import Ready
from programs.terminal import plain

if TYPE_CHECKING:
    from programs.forgetting import Held, Message, What

_MOST_MESSAGES = 20


def forget(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="<source>/<tenant>:<id>")],
    *,
    broker: BrokerOption = None,
    what: Annotated[
        list[str] | None, typer.Option(help="deal, person, account or owner, where the id is that of several")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    wait: Annotated[float, typer.Option(min=0, help="seconds for the programs to let go of it")] = 60,
) -> None:
    """Forget a deal, a person, an account or a user of the CRM, and say what could not be reached.

    Delete it in the CRM first: what the CRM says of it later makes it anew.
    """
    installation = ready(broker=broker)
    _check(installation, subject)
    target = broker_of(installation)
    with broker_answers():
        from programs import forgetting  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        known = forgetting.held(target, subject)
        whats = _chosen(subject, what, known, forgetting.WHATS)
        for line in _found(subject, whats, known):
            typer.echo(line)
        if whats and not yes:
            typer.confirm("Forget it? This cannot be undone", abort=True)
        left = known
        if whats:
            forgetting.forget(target, subject, whats, known)
            left = forgetting.forgotten(target, subject, whats, wait)
            for line in _done(whats, known, left):
                typer.echo(line)
        spoken = forgetting.messages(target, subject)
        for line in _not_reached(installation, spoken):
            typer.echo(line)
    still = [one for one in whats if one in left.known_as]
    if still:
        raise WorkError(
            f"{subject}: after {wait:g} s still known as {', '.join(still)}: do join and detect run? They let go of it "
            "when they come to it; call again to see"
        )


def _check(installation: Ready, subject: str) -> None:
    source, _, identity = subject.partition(":")
    sources = sorted({key for one in installation.sources for key in (one.key, one.subject_key)})
    if not identity or source not in sources:
        raise CallError(f"{subject}: no <source>/<tenant>:<id> of ours (the sources are {', '.join(sources)})")


def _chosen(subject: str, asked: Sequence[str] | None, known: Held, whats: Sequence[What]) -> tuple[What, ...]:
    """As what the subject is to be forgotten. Raises CallError where that cannot be known."""
    if unknown := [one for one in asked or () if one not in whats]:
        raise CallError(f"--what: {', '.join(unknown)}: there are {', '.join(whats)}")
    if asked:
        return tuple(one for one in known.known_as if one in asked)
    if len(known.known_as) > 1:
        several = " and ".join(known.known_as)
        raise CallError(f"{subject} is known as {several}, which may be several: say which with --what")
    return known.known_as


def _found(subject: str, whats: Sequence[What], known: Held) -> Iterator[str]:
    if not whats:
        yield plain(f"{subject}: nothing is known of it")
    for one in whats:
        named = known.mentions[one]
        kinds = ", ".join(f"{sum(each.kind == kind for each in named)} {kind}" for kind in _kinds(known, one))
        yield plain(f"{subject}: known as {one}" + (f", named in the join's state by {kinds}" if named else ""))


def _kinds(known: Held, what: What) -> list[str]:
    return sorted({each.kind for each in known.mentions[what]})


def _done(whats: Sequence[What], known: Held, left: Held) -> Iterator[str]:
    for one in whats:
        gone = "left" if one in left.known_as else "gone"
        if one == "deal":
            yield f"  state.detect, deal.current  {gone}; what was open ended as expired, without a name"
        yield f"  state.join                  {gone}; {len(known.mentions[one])} named it, {len(left.mentions[one])} do"


def _not_reached(installation: Ready, spoken: Sequence[Message]) -> Iterator[str]:
    from programs.forgetting import unreached  # noqa: PLC0415 - see above

    yield "not reached, gone by itself where it stands there:"
    for one in unreached(installation.topics(), time.time_ns() // 1000):
        yield f"  {one.topic:<28}until {one.until}: {one.personal}"
    yield "not reached:"
    yield "  the CRM, and whatever else reads our topics"
    yield "  copies of Kafka's and of the programs' data (backups)"
    yield f"  Slack: {len(spoken)} messages about it" + (", edited as far as they were open" if spoken else "")
    for message in spoken[:_MOST_MESSAGES]:
        yield plain(f"    channel {message.channel}, ts {message.ts}")
    if len(spoken) > _MOST_MESSAGES:
        yield f"    and {len(spoken) - _MOST_MESSAGES} more"
