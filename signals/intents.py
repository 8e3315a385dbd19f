"""The playbook's intents: what an engagement is called there, if it is one.

An expression costs up to 100 microseconds, most of it for its patterns, and web sites send the same few kinds of events
over and over. So what the kind alone decides is asked once per kind, and the rest once per kind and the values read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from playbook.criteria import Expression
from playbook.meanings import Meanings
from playbook.model import Playbook
from topics.events import EngagementSeen, Scalar
from topics.instants import HOUR_US

#: Kinds, and (rule, kind, values), whose answers are remembered.
REMEMBERED = 4096
#: A longer text is not remembered: an address with its query string hardly comes twice.
LONGEST = 256

#: The variable of an engagement's data, and the name read from it; none where the data is used in another way.
_READ = re.compile(r"\bdata\b(?:\s*\.\s*([A-Za-z_]\w*)(?!\w|\s*\())?", re.ASCII)

Values = tuple[tuple[str, type, Scalar], ...]


class IntentRule(msgspec.Struct, frozen=True, eq=False):
    """One intent, compiled. `reads`: the names that it reads of the data; None where that cannot be told."""

    name: str
    when: Expression
    reads: tuple[str, ...] | None


class Intents:
    """The playbook's intents, in order; the first that is true names the engagement.

    `meanings`: what else join asks of the definitions.
    """

    def __init__(self, rules: tuple[IntentRule, ...], window_us: int, version: str, meanings: Meanings) -> None:
        self.rules, self.window_us, self.version, self.meanings = rules, window_us, version, meanings
        self._of_kind = lru_cache(REMEMBERED)(self._undecided)
        self._judged = lru_cache(REMEMBERED)(_judged)

    def name_of(self, event: EngagementSeen) -> str | None:
        """What the playbook calls this engagement; None when it is no intent."""
        kind = event.kind
        for rule, decided in self._of_kind(kind):
            if decided or self._holds(rule, kind, event.data):
                return rule.name
        return None

    def _undecided(self, kind: str) -> tuple[tuple[IntentRule, bool], ...]:
        """The rules that an engagement of this kind may meet, each with whether it does whatever the data is.

        An expression that has an answer without the data has the same one with it, whatever that is.
        """
        rules: list[tuple[IntentRule, bool]] = []
        for rule in self.rules:
            verdict = rule.when.judge({"kind": kind})
            if verdict is not False:
                rules.append((rule, verdict is True))
            if verdict is True:
                break
        return tuple(rules)

    def _holds(self, rule: IntentRule, kind: str, data: Mapping[str, Scalar]) -> bool:
        if rule.reads is None:
            return rule.when.judge({"kind": kind, "data": data}) is True
        values: Values = tuple((name, type(data[name]), data[name]) for name in rule.reads if name in data)
        if any(kind_of is str and len(str(value)) > LONGEST for _, kind_of, value in values):
            return _judged(rule, kind, values)
        return self._judged(rule, kind, values)


def _judged(rule: IntentRule, kind: str, values: Values) -> bool:
    return rule.when.judge({"kind": kind, "data": {name: value for name, _, value in values}}) is True


def reads_of(source: str) -> tuple[str, ...] | None:
    """The names that an expression reads of an engagement's data; None where it uses the data as a whole.

    Told from the text, on the safe side: `data` anywhere but before `.name` counts as the whole.
    """
    names = {found[1] for found in _READ.finditer(source)}
    return None if None in names else tuple(sorted(names))


def intents_of(playbook: Playbook, version: str) -> Intents:
    """Compile the playbook's intents."""
    rules = tuple(
        IntentRule(intent.name, Expression(intent.when), reads_of(intent.when)) for intent in playbook.intents
    )
    return Intents(rules, round(playbook.signals.high_intent.window_hours * HOUR_US), version, Meanings(playbook))
