"""In which order a batch becomes lasting."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from faust.types import TP

from engine.lanes import Commit
from engine.records import Batch, Output, Record
from engine.state import NoStore

BATCH = Batch("t", 3, (Record("t", 3, 7, 0, b"k", b"v"), Record("t", 3, 9, 0, b"k", b"v")))


class Steps:
    """Writer, store and consumer at once: notes what is asked of it, and fails where it is told to."""

    def __init__(self, fails_at: str = "") -> None:
        self.done: list[object] = []
        self._fails_at = fails_at

    def note(self, step: str, *details: object) -> None:
        """Take the step, or fail in it."""
        if step == self._fails_at:
            raise ConnectionError(step)
        self.done.append((step, *details))

    async def still_ours(self) -> None:
        """The lane's question."""
        self.note("ours")

    async def write(self, outputs: Sequence[Output]) -> None:
        """The writer's part."""
        self.note("outputs", len(outputs))

    def mark_done(self, place: TP, next_offset: int) -> None:
        """The consumer's part."""
        self.note("offset", tuple(place), next_offset)


class SteppingStore(NoStore):
    """A store that notes its flush."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    async def flush(self) -> None:
        """The store's part."""
        self._steps.note("state")


ALL = [("ours",), ("outputs", 1), ("state",), ("offset", ("t", 3), 10)]


async def test_outputs_then_state_then_offset() -> None:
    steps = Steps()
    commit = Commit(steps, steps, steps.still_ours)  # type: ignore[arg-type]  # a fake of five lines
    await commit(BATCH, [Output("out", b"k", b"v")], SteppingStore(steps))
    assert steps.done == ALL


@pytest.mark.parametrize(("fails_at", "done"), [("ours", 0), ("outputs", 1), ("state", 2), ("offset", 3)])
async def test_what_fails_stops_all_that_comes_after(fails_at: str, done: int) -> None:
    steps = Steps(fails_at)
    commit = Commit(steps, steps, steps.still_ours)  # type: ignore[arg-type]  # a fake of five lines
    with pytest.raises(ConnectionError):
        await commit(BATCH, [Output("out", b"k", b"v")], SteppingStore(steps))
    assert steps.done == ALL[:done]
