"""The app's home: what is open on a person's deals, on their team's, and for RevOps on everybody's. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alerts.actions import Handled
from alerts.audience import Directory
from alerts.blocks import Block, context, header, section
from alerts.buttons import deviation_menu
from alerts.deviations import Deviation, Deviations, worst_first
from alerts.inert import escaped
from alerts.links import deal_url
from alerts.message import said_of
from alerts.phrases import FACT, NAME, capital, headline_of, moment, money
from alerts.wording import ICONS
from playbook.model import Audience, Owner, Playbook
from topics.signals import Severity

#: Lines of each list; a view takes 100 blocks.
MOST_OWN, MOST_TEAM, MOST_PEOPLE = 30, 20, 20


def home(
    playbook: Playbook, directory: Directory, person: Owner | None, open_now: Deviations, acts: Mapping[str, Handled]
) -> dict[str, Any]:
    """The view for a person; `person` None: nobody whom the playbook knows. `acts` by signal."""
    if person is None:
        return _view([header("Nobody knows you here yet"), section(_UNKNOWN)])
    theirs = _by_owner(directory, open_now)
    own = worst_first(_meant_for(playbook, theirs.get(person.name, ()), Audience.OWNER))
    blocks = [header("Your open deviations"), *_list(playbook, own, acts, MOST_OWN)]
    led = {owner.name for owner in playbook.owners if owner.lead == person.name}
    if led:
        told = (Audience.OWNER, Audience.LEAD)
        team = {name: list(_meant_for(playbook, theirs.get(name, ()), *told)) for name in sorted(led)}
        blocks += _team(playbook, "Your team", team, acts)
    if person.name in playbook.revops:
        others = {name: found for name, found in theirs.items() if name not in led and name != person.name}
        blocks += _team(playbook, "Everybody else", others, acts)
    return _view(blocks)


_UNKNOWN = (
    "This home shows what is open on your deals. The playbook has neither your Slack id nor your e-mail: ask RevOps "
    "to add you to its owners."
)
_NOBODY = "Nobody whom the playbook knows"


def _view(blocks: Iterable[Block]) -> dict[str, Any]:
    return {"type": "home", "blocks": list(blocks)}


def _by_owner(directory: Directory, open_now: Deviations) -> dict[str, list[Deviation]]:
    """What is open, by the owner's name in the playbook."""
    found: defaultdict[str, list[Deviation]] = defaultdict(list)
    for owner_id, owner in open_now.owners():
        known = directory.find(owner_id) or directory.find(owner)
        found[known.name if known else _NOBODY] += open_now.of(owner_id, owner)
    return dict(found)


def _meant_for(playbook: Playbook, found: Iterable[Deviation], *whom: Audience) -> Iterator[Deviation]:
    """Those of the kinds that the playbook tells one of these; RevOps sees every kind."""
    return (each for each in found if not set(whom).isdisjoint(playbook.response(each.kind).tell))


def _list(playbook: Playbook, found: list[Deviation], acts: Mapping[str, Handled], most: int) -> Iterator[Block]:
    if not found:
        yield section("Nothing is open. Well done.")
    for each in found[:most]:
        yield _line(playbook, each, acts, "")
    if len(found) > most:
        yield context(f"and {len(found) - most} more")


def _team(
    playbook: Playbook, title: str, theirs: Mapping[str, list[Deviation]], acts: Mapping[str, Handled]
) -> Iterator[Block]:
    """A line for each person, worst first, and the worst of all with what can be done about them."""
    yield header(title)
    sums = sorted(theirs.items(), key=lambda item: (-_graves(item[1]), -len(item[1]), item[0]))
    lines = [_sum(name, found) for name, found in sums[:MOST_PEOPLE]]
    yield section("\n".join(lines) or "Nothing is open.")
    if len(sums) > MOST_PEOPLE:
        yield context(f"and {len(sums) - MOST_PEOPLE} more people")
    names = {each.signal: name for name, found in theirs.items() for each in found}
    for each in worst_first(each for found in theirs.values() for each in found)[:MOST_TEAM]:
        yield _line(playbook, each, acts, names[each.signal])


def _graves(found: Iterable[Deviation]) -> int:
    return sum(each.severity is Severity.CRITICAL for each in found)


def _sum(name: str, found: list[Deviation]) -> str:
    """`Ann Example: 🔴 2 🟡 5 · USD 250,000 on 4 deals`."""
    counts = Counter(each.severity for each in found)
    signs = " ".join(f"{ICONS[severity]} {counts[severity]}" for severity in reversed(Severity) if counts[severity])
    deals = {each.subject_key: each for each in found}
    sums: defaultdict[str, float] = defaultdict(float)
    for each in deals.values():
        sums[each.currency] += each.amount or 0.0
    amounts = ", ".join(escaped(money(total, currency), FACT) for currency, total in sums.items() if total)
    many = f"{len(deals)} {'deal' if len(deals) == 1 else 'deals'}"
    said = f"{signs} · {f'{amounts} on ' if amounts else ''}{many}" if found else "nothing open"
    return f"*{escaped(name, NAME)}*: {said}"


def _line(playbook: Playbook, each: Deviation, acts: Mapping[str, Handled], owner: str) -> Block:
    done = acts.get(each.signal)
    facts = (
        capital(headline_of(each.kind, each.stage)),
        escaped(money(each.amount, each.currency), FACT),
        f"since {moment(each.opened_at)}",
        escaped(owner, NAME),
    )
    lines = present_lines(
        f"{ICONS[each.severity]} *{escaped(each.name or each.deal_id or each.subject_key, NAME)}*  "
        + " · ".join(fact for fact in facts if fact),
        escaped(each.reason, FACT * 3),
        said_of(done) if done else "",
    )
    url = deal_url(playbook.crm_url, each.deal_id)
    return section(lines, deviation_menu(each.signal, url, offered=done is None))


def present_lines(*lines: str) -> str:
    """Those that say something."""
    return "\n".join(line for line in lines if line)
