"""The transaction's side of the protocol: what is asked, in which order, and what each answer leads to."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, NodeNotReadyError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.memory_records import MemoryRecords
from prometheus_client import CollectorRegistry

from engine.link import Line, Link
from engine.metrics import EngineMetrics
from engine.packing import Row
from engine.settings import Broker, EngineSettings
from engine.transactions import Fenced, Lost, Transaction

NONE, NOT_COORDINATOR, NOT_LEADER, TOO_LARGE = 0, 16, 6, 10
SEQUENCE, DUPLICATE, EPOCH, STATE, BUSY, FENCED = 45, 46, 47, 48, 51, 90
OUT, STATE_PLACE, INPUT = ("out", 1), ("state", 0), ("in", 0)
ROWS: list[Row] = [(1_000, b"k%d" % number, b"v", []) for number in range(3)]


class Scripted(Link):
    """A broker of one node: answers each request as its script says, by default with yes."""

    def __init__(self, tmp: Any) -> None:  # noqa: ANN401  # a path
        settings = EngineSettings(name="p", broker=Broker("nowhere:1"), data_dir=tmp)
        self.metrics = EngineMetrics(CollectorRegistry(), "p")
        super().__init__(settings, self.metrics)
        self.asked: list[str] = []
        self.script: dict[str, list[int | KafkaError]] = {}
        self.batches: list[tuple[int, int, int, int]] = []
        self.epoch = 0
        self.forgotten = 0

    async def leader(self, topic: str, partition: int) -> int:  # noqa: ARG002  # the link's
        """The one node."""
        return 1

    async def transaction_coordinator(self, name: str) -> int:  # noqa: ARG002  # the link's
        """The one node."""
        return 1

    async def group_coordinator(self, group: str) -> int:  # noqa: ARG002  # the link's
        """The one node."""
        return 1

    def forget_coordinators(self) -> None:
        """Noted."""
        self.forgotten += 1

    async def send(self, node: int, request: Any, line: Line = Line.WRITING, way: int = 0) -> Any:  # noqa: ANN401, ARG002  # the link's
        """What the script says next."""
        what = type(request).__name__.removesuffix("Request")
        self.asked.append(what)
        outcome = self.script[what].pop(0) if self.script.get(what) else NONE
        if isinstance(outcome, KafkaError):
            raise outcome
        return self._produced(request, outcome) if isinstance(request, ProduceRequest) else self._told(request, outcome)

    def _told(self, request: Any, code: int) -> Any:  # noqa: ANN401  # aiokafka's
        self.epoch += type(request).__name__ == "InitProducerIdRequest"
        errors = [("t", [(0, code)])]
        return SimpleNamespace(error_code=code, errors=errors, producer_id=7, producer_epoch=self.epoch)

    def _produced(self, request: Any, code: int) -> Any:  # noqa: ANN401  # aiokafka's
        topics = []
        for topic, partitions in request._topics:
            for partition, data in partitions:
                batch = MemoryRecords(bytes(data)).next_batch()
                assert batch is not None
                assert batch.is_transactional
                self.batches.append((partition, batch.producer_epoch, batch.base_sequence, sum(1 for _ in batch)))
                topics.append((topic, [(partition, code, 100, -1)]))
        return SimpleNamespace(topics=topics)


@pytest.fixture
def link(tmp_path: Any) -> Scripted:  # noqa: ANN401  # a path
    return Scripted(tmp_path)


async def ready(link: Scripted, max_bytes: int = 512 * 1024) -> Transaction:
    """A transaction that has taken over."""
    transaction = Transaction(link, "p.state.0", "p", max_bytes)
    await transaction.take_over()
    link.asked.clear()
    return transaction


async def test_additions_come_first_and_the_end_last(link: Scripted) -> None:
    transaction = await ready(link)
    extents = await transaction.write({OUT: ROWS, STATE_PLACE: ROWS[:1]}, {INPUT: 9})
    await transaction.commit()
    assert link.asked[:2] == ["AddPartitionsToTxn", "AddOffsetsToTxn"]
    assert sorted(link.asked[2:4]) == ["Produce", "TxnOffsetCommit"]
    assert link.asked[4:] == ["EndTxn"]
    assert extents == {OUT: (100, 103), STATE_PLACE: (100, 101)}


async def test_numbers_go_on_and_begin_anew_with_each_taking_over(link: Scripted) -> None:
    transaction = await ready(link)
    for _ in range(2):
        await transaction.write({OUT: ROWS}, {})
        await transaction.commit()
    await transaction.take_over()
    await transaction.write({OUT: ROWS}, {})
    assert link.batches == [(1, 1, 0, 3), (1, 1, 3, 3), (1, 2, 0, 3)]


async def test_what_is_larger_than_a_batch_goes_in_several_one_after_another(link: Scripted) -> None:
    transaction = await ready(link, max_bytes=80)
    extents = await transaction.write({OUT: ROWS}, {})
    assert [(sequence, count) for _, _, sequence, count in link.batches] == [(0, 1), (1, 1), (2, 1)]
    assert extents == {OUT: (100, 101)}  # this broker gives every batch the same offset


@pytest.mark.parametrize("passing", [BUSY, NOT_COORDINATOR])
@pytest.mark.parametrize("what", ["AddPartitionsToTxn", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"])
async def test_not_now_is_asked_again(link: Scripted, what: str, passing: int) -> None:
    transaction = await ready(link)
    link.script = {what: [passing, passing]}
    await transaction.write({OUT: ROWS}, {INPUT: 9})
    await transaction.commit()
    assert link.asked.count(what) == 3


async def test_records_that_are_refused_for_the_moment_are_sent_again_with_their_numbers(link: Scripted) -> None:
    transaction = await ready(link)
    link.script = {"Produce": [NOT_LEADER, NodeNotReadyError(), DUPLICATE]}
    await transaction.write({OUT: ROWS}, {})
    assert link.batches == [(1, 1, 0, 3)] * 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [(EPOCH, Fenced), (FENCED, Fenced), (STATE, Lost), (SEQUENCE, Lost), (TOO_LARGE, MessageSizeTooLargeError)],
)
@pytest.mark.parametrize("what", ["AddPartitionsToTxn", "Produce", "TxnOffsetCommit", "EndTxn"])
async def test_no_is_said(link: Scripted, what: str, code: int, kind: type[Exception]) -> None:
    transaction = await ready(link)
    link.script = {what: [code]}
    with pytest.raises(kind):
        await _all(transaction)
    assert link.asked.count(what) == 1


@pytest.mark.parametrize("what", ["AddPartitionsToTxn", "AddOffsetsToTxn", "Produce", "TxnOffsetCommit", "EndTxn"])
async def test_what_was_not_answered_is_never_sent_again(link: Scripted, what: str) -> None:
    transaction = await ready(link)
    link.script = {what: [KafkaConnectionError("gone")]}
    with pytest.raises(Lost, match="no answer"):
        await _all(transaction)
    assert link.asked.count(what) == 1


@pytest.mark.parametrize("first", [KafkaConnectionError("gone"), NodeNotReadyError(), BUSY, EPOCH])
async def test_taking_over_is_asked_until_it_is_done(link: Scripted, first: int | KafkaError) -> None:
    link.script = {"InitProducerId": [first]}
    await Transaction(link, "p.state.0", "p", 1_000).take_over()
    assert link.asked == ["InitProducerId"] * 2


@pytest.mark.parametrize("answer", [NONE, FENCED, STATE])
async def test_only_an_open_transaction_is_abandoned_and_nothing_is_raised(link: Scripted, answer: int) -> None:
    transaction = await ready(link)
    await transaction.abandon()
    assert link.asked == []
    await transaction.write({OUT: ROWS}, {})
    link.script = {"EndTxn": [answer]}
    await transaction.abandon()
    await transaction.abandon()
    assert link.asked.count("EndTxn") == 1


async def _all(transaction: Transaction, rows: Sequence[Row] = tuple(ROWS)) -> None:
    await transaction.write({OUT: rows}, {INPUT: 9})
    await transaction.commit()
