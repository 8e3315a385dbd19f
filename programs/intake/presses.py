"""What becomes of what people do in Slack: who may is decided here, and what they did goes to `alert.actions`.

Slack is answered once the broker has the action, within its three seconds. What needs no answer (the home, a word to
somebody who may not) is said beside. Nobody is taken at a button's word: the deal's owner is looked up in what
`deal.current` says, the person by workspace and user id in the playbook that was published last.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

import structlog

from alerts.actions import Action, ActionKind, By, Handled, Role, handled
from alerts.authority import MAY, User, acting, person_of, roles
from alerts.calls import Calls, inner
from alerts.deviations import Deviation, Deviations
from alerts.home import home
from alerts.inert import escaped
from alerts.interactions import Challenge, HomeOpened, Interaction, Nothing, Press, Submission
from alerts.metrics import Pressing, PressMetrics
from alerts.modals import ASKED, flaws, modal
from alerts.phrases import FACT, NAME, headline_of
from alerts.replies import Done
from alerts.values import digest
from engine.records import Output
from playbook.model import Owner, Playbook
from playbook.owners import Directory
from programs.lines import Sparing
from topics.catalog import ALERT_ACTIONS
from topics.codec import encode
from topics.instants import DAY_US, rfc3339

#: A person's address is asked for again after this long.
PEOPLE_S = 600.0
MOST_PEOPLE = 1_000
#: Acts that the home shows beside what they were about.
MOST_ACTS = 20_000

log = structlog.get_logger("intake")
said = Sparing("intake")


class Writer(Protocol):
    """What writes to Kafka (`engine.writer.BatchWriter`)."""

    async def write(self, outputs: list[Output]) -> None:
        """Return once all replicas have them."""


class Book(NamedTuple):
    """The definitions that count now."""

    playbook: Playbook
    directory: Directory


class Refusal(NamedTuple):
    """Why somebody may not, and how it is counted."""

    outcome: Pressing
    words: str


class Allowed(NamedTuple):
    """What is acted on, by whom, as what; at least one."""

    signals: tuple[tuple[str, str, str, By], ...]
    """Signal, subject key, deal id, and who acts as what."""


class Presses:
    """One of a process. `book` is asked each time; `team` is the workspace of our token, None until it is known."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        calls: Calls,
        writer: Writer,
        book: Callable[[], Book],
        open_now: Deviations,
        *,
        metrics: PressMetrics,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._calls, self._writer, self._book = calls, writer, book
        self._open, self._metrics, self._now_us = open_now, metrics, now_us
        self._emails: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._acts: OrderedDict[str, Handled] = OrderedDict()
        self._beside: set[asyncio.Task[None]] = set()
        self.team: str | None = None

    async def answer(self, found: Interaction) -> dict[str, Any]:
        """The body of the answer, empty for a bare acknowledgement. Raises `KafkaError` where nothing can be kept."""
        match found:
            case Challenge(text):
                return {"challenge": text}
            case HomeOpened(user):
                self._later(self._show_home(user))
            case Press():
                await self._pressed(found)
            case Submission():
                return await self._submitted(found)
            case Nothing(why):
                said.info("nothing of ours", (why,), why=why)
        return {}

    def acted(self, action: Action) -> None:
        """Remember what was done about a signal, for the home."""
        self._acts[action.signal] = handled(action)
        self._acts.move_to_end(action.signal)
        if len(self._acts) > MOST_ACTS:
            self._acts.popitem(last=False)

    async def close(self) -> None:
        """Wait for what is said beside."""
        await asyncio.gather(*self._beside, return_exceptions=True)

    async def _pressed(self, press: Press) -> None:
        allowed = await self._allowed(press.user, press.kind, press)
        if isinstance(allowed, Refusal):
            self._count(press.kind, allowed.outcome)
            self._later(self._whisper(press.user, press.channel, allowed.words))
        elif press.kind in ASKED:
            await self._ask(press)
        else:
            await self._act(press, allowed, "", "")

    async def _submitted(self, sent: Submission) -> dict[str, Any]:
        wrong = flaws(sent)
        if wrong:
            return {"response_action": "errors", "errors": wrong}
        allowed = await self._allowed(sent.user, sent.kind, sent)
        if isinstance(allowed, Refusal):
            self._count(sent.kind, allowed.outcome)
            return {"response_action": "errors", "errors": {"reason": allowed.words}}
        until = rfc3339(self._now_us() + sent.days * DAY_US) if sent.days is not None else ""
        await self._act(sent, allowed, until, sent.reason)
        return {}

    async def _ask(self, press: Press) -> None:
        """Open the form for a press. Its trigger is good for three seconds, so it is not tried again."""
        opened = await self._calls.call(
            "views.open", {"trigger_id": press.trigger, "view": modal(press, self._about(press.pressed.signals))}
        )
        self._count(press.kind, Pressing.ASKED if isinstance(opened, Done) else Pressing.FAILED)
        if not isinstance(opened, Done):
            self._later(self._whisper(press.user, press.channel, "Slack did not open the form. Please press again."))

    async def _act(self, found: Press | Submission, allowed: Allowed, until: str, reason: str) -> None:
        """Write what was done; return once the broker has it."""
        at = rfc3339(self._now_us())
        actions = [
            Action(
                id=digest("action", signal, found.kind.value, found.user.team_id, found.user.user_id, found.stamp),
                kind=found.kind,
                signal=signal,
                subject_key=subject,
                deal_id=deal,
                by=by,
                at=at,
                until=until,
                reason=reason,
            )
            for signal, subject, deal, by in allowed.signals
        ]
        await self._writer.write([Output(ALERT_ACTIONS, one.subject_key.encode(), encode(one)) for one in actions])
        for one in actions:
            self.acted(one)
            log.info("acted", action=one.kind.value, signal=one.signal, subject=one.subject_key, role=one.by.role.value)
        self._count(found.kind, Pressing.TAKEN)
        if not found.channel:
            self._later(self._show_home(found.user))

    async def _allowed(self, user: User, kind: ActionKind, found: Press | Submission) -> Allowed | Refusal:
        """What this person may act on, of what was pressed."""
        if self.team is None or user.team_id != self.team:
            return Refusal(Pressing.OTHER_TEAM, "Only members of this workspace may do that.")
        person = await self._person(user)
        if person is None:
            return Refusal(Pressing.UNKNOWN, "The playbook does not know you: ask RevOps to add you to its owners.")
        found_ones = [(signal, self._open.find(signal)) for signal in found.pressed.signals]
        if all(deviation is None for _, deviation in found_ones) and person.name not in self._book().playbook.revops:
            return Refusal(Pressing.OVER, "That is over already, or only RevOps can act on it.")
        may = [one for each in found_ones if (one := self._may(user, kind, person, found, each)) is not None]
        return Allowed(tuple(may)) if may else Refusal(Pressing.REFUSED, self._who_may(kind))

    def _may(
        self, user: User, kind: ActionKind, person: Owner, found: Press | Submission, each: tuple[str, Deviation | None]
    ) -> tuple[str, str, str, By] | None:
        book, (signal, deviation) = self._book(), each
        owner = None
        if deviation is not None:
            owner = book.directory.find(deviation.owner_id) or book.directory.find(deviation.owner)
        by = acting(kind, user, person, roles(book.playbook, book.directory, person, owner))
        subject = deviation.subject_key if deviation is not None else found.pressed.subject
        if by is None or not subject:
            return None
        return signal, subject, deviation.deal_id if deviation is not None else "", by

    def _who_may(self, kind: ActionKind) -> str:
        if Role.OWNER in MAY[kind]:
            return "Only the deal's owner, their lead and RevOps may do that."
        return "An exception is made by the owner's lead or by RevOps: ask them."

    async def _person(self, user: User) -> Owner | None:
        """The playbook's person behind a Slack user; Slack is asked for the e-mail where the id says nothing."""
        book = self._book()
        known = person_of(book.playbook, book.directory, user)
        if known is not None:
            return known
        return person_of(book.playbook, book.directory, user._replace(email=await self._email(user.user_id)))

    async def _email(self, user_id: str) -> str:
        asked_s, email = self._emails.get(user_id, (-PEOPLE_S, ""))
        if time.monotonic() - asked_s < PEOPLE_S:
            return email
        reply = await self._calls.call("users.info", {"user": user_id})
        profile = inner(reply, "user").get("profile") if isinstance(reply, Done) else None
        email = str(profile.get("email") or "") if isinstance(profile, Mapping) else ""
        if isinstance(reply, Done):
            self._emails[user_id] = (time.monotonic(), email)
            if len(self._emails) > MOST_PEOPLE:
                self._emails.popitem(last=False)
        return email

    def _about(self, signals: tuple[str, ...]) -> str:
        """What a form is about: the deal and what is wrong."""
        found = [deviation for deviation in map(self._open.find, signals) if deviation is not None]
        if not found:
            return "What you pressed"
        first = found[0]
        name = escaped(first.name or first.deal_id, NAME)
        rest = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return f"{name}: {headline_of(first.kind, first.stage)}{escaped(rest, FACT)}"

    async def _show_home(self, user: User) -> None:
        """Publish the home of a person of our workspace."""
        if self.team is None or user.team_id != self.team:
            return
        person, book = await self._person(user), self._book()
        now = rfc3339(self._now_us())
        acts = {signal: done for signal, done in self._acts.items() if not done.until or done.until > now}
        view = home(book.playbook, book.directory, person, self._open, acts)
        await self._calls.call("views.publish", {"user_id": user.user_id, "view": view})

    async def _whisper(self, user: User, channel: str, words: str) -> None:
        """Tell one person alone, where they pressed; in the home there is no such place."""
        if channel:
            await self._calls.call("chat.postEphemeral", {"channel": channel, "user": user.user_id, "text": words})

    def _count(self, kind: ActionKind, outcome: Pressing) -> None:
        self._metrics.presses.labels(kind.value, outcome.value).inc()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside; what it raises is said."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("something said beside failed", exc_info=error)
