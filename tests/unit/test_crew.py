"""Worker processes: results in order, errors in their turn, deaths that are said, nothing left behind."""

from __future__ import annotations

import multiprocessing

import pytest

from programs.crew import Crew, cores
from programs.failures import FilesError, WorkError
from tests.unit.crew_work import squares, troubled


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_results_come_in_the_order_of_the_tasks_however_workers_are_started(method: str) -> None:
    with Crew(2, squares, (7,), multiprocessing.get_context(method)) as crew:
        assert list(crew.map(range(20))) == [number * number + 7 for number in range(20)]
        assert list(crew.map([])) == []
        assert list(crew.map([3])) == [16]
    assert not multiprocessing.active_children()


def test_tasks_are_taken_as_workers_become_free() -> None:
    taken = []

    def tasks() -> object:
        for number in range(50):
            taken.append(number)
            yield number

    with Crew(2, squares, (0,)) as crew:
        results = crew.map(tasks())  # type: ignore[arg-type]  # an iterator of integers
        next(iter(results))
        assert len(taken) < 10


def test_what_a_task_raises_is_raised_in_its_turn_as_it_was() -> None:
    with Crew(2, troubled, ()) as crew:
        results = crew.map(["a", "b", "raise", "c"])
        assert [next(results), next(results)] == ["a", "b"]
        with pytest.raises(FilesError) as raised:
            next(results)
    assert raised.value.problems == ("one", "two")
    assert not multiprocessing.active_children()


def test_a_worker_that_dies_ends_the_work_and_is_named() -> None:
    with Crew(2, troubled, ()) as crew, pytest.raises(WorkError, match="ended by signal 9"):
        list(crew.map(["a", "die", "b"]))
    assert not multiprocessing.active_children()


def test_there_is_a_core() -> None:
    assert cores() >= 1
