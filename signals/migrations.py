"""States in the form of earlier releases, read into the present one.

Each state says in which form it was written (`State.schema`). One of an earlier form is read without types, taken one
form further at a time by the table below, and then read as the present form; it is written so on its deal's next
visit. Who changes the form of a state, or of anything in it, raises `signals.step.SCHEMA`, adds a row here, and adds
the states that the release before wrote to `tests/golden/states/`, where they stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signals.packing import unpack
from signals.step import SCHEMA, State

Form = list[Any]
"""A state as an untyped array."""

_typed = msgspec.msgpack.Decoder(State).decode
_untyped = msgspec.msgpack.Decoder(list).decode


class NewerStateError(ValueError):
    """The state was written by a later release than this one, which cannot know what it says."""

    def __init__(self, schema: int) -> None:
        super().__init__(f"a state of form {schema}; this release reads forms up to {SCHEMA}: run the later release")
        self.schema = schema


def read_state(value: bytes) -> State:
    """A state of any form up to the present one; of a value that begins with a head (`signals/kept.py`), its state.

    Raises `NewerStateError` for a later one, and `msgspec.DecodeError` for bytes that are no state.
    """
    try:
        state = _typed(value)
    except msgspec.ValidationError:
        return _migrated(_without_head(_untyped(value)))
    return state if state.schema == SCHEMA else _migrated(_untyped(value))


def _migrated(form: Form) -> State:
    schema = _schema_of(form)
    if schema > SCHEMA:
        raise NewerStateError(schema)
    try:
        for number in range(schema, SCHEMA):
            form = STEPS[number](form)
    except (KeyError, TypeError, ValueError) as error:
        message = f"this is no state of form {schema}: {error}"
        raise msgspec.ValidationError(message) from error
    return msgspec.convert(form, State)


def _without_head(form: Form) -> Form:
    """A state begins with a watch, which is an array; a head begins with a number, and the state comes last, packed."""
    if form and type(form[0]) is int:
        if isinstance(form[-1], bytes):
            state: Form = _untyped(unpack(form[-1]))
            return state
        if isinstance(form[-1], list):
            return form[-1]
    return form


def _schema_of(form: Form) -> int:
    """The number of the form: the fifth element."""
    if len(form) > _SCHEMA_AT and type(form[_SCHEMA_AT]) is int:
        return int(form[_SCHEMA_AT])
    message = "this is no state: it does not say in which form it is"
    raise msgspec.ValidationError(message)


_SCHEMA_AT = 4


def _with_epochs(form: Form) -> Form:
    """Form 2: a watch ends with its epoch (law 11), and with its first due. Before, nobody knew of a switch."""
    now, base, tail, covers, _ = form
    return [_with_epoch(now), None if base is None else _with_epoch(base), tail, covers, 2]


def _with_epoch(watch: Form) -> Form:
    return [*watch, 0, min(watch[_DUES_AT].values(), default=None)]


_DUES_AT = 2


def _with_related(form: Form) -> Form:
    """Form 3: a deal ends with what it holds of its account and owner, which nobody told before."""
    now, base, tail, covers, _ = form
    return [_longer(now, {}), None if base is None else _longer(base, {}), tail, covers, 3]


def _longer(watch: Form, *more: Any) -> Form:  # noqa: ANN401 - whatever a deal is made of
    """The watch with more at the end of its deal."""
    return [[*watch[0], *more], *watch[1:]]


def _with_changes(form: Form) -> Form:
    """Form 4: a deal ends with what changed last, and since when that is known: not from before this release."""
    now, base, tail, covers, _ = form
    heard = [now[_NOW_AT], None] if now[_NOW_AT] else None
    more: Form = [None, heard, {}, [], []]
    return [_longer(now, *more), None if base is None else _longer(base, *more), tail, covers, 4]


_NOW_AT = 3

#: From the form with this number to the next.
STEPS: dict[int, Callable[[Form], Form]] = {1: _with_epochs, 2: _with_related, 3: _with_changes}
