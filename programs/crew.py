"""Worker processes for work that can be cut into tasks: a task is data in, data out.

One process per worker, each made ready once by `prepare`. Nothing is shared: tasks and results are pickled, so it works
wherever Python starts processes, be it by forking or anew. A worker that dies, or a task that raises, ends the work.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Generic, NamedTuple, Self, TypeVar

from programs.failures import WorkError

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

#: What a worker does with its tasks.
Work = Callable[[TaskT], ResultT]

_GONE_S = 2.0
#: Objects made between two looks for cycles: what tasks hold is made of values, which have none.
_RARELY = 200_000


class _Done(NamedTuple):
    """What a worker answers: a result, or what was raised."""

    result: object
    error: BaseException | None = None


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: Connection


def cores() -> int:
    """How many processes can run at once here."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usual_context() -> BaseContext:
    """How workers are started: forked where that is safe and quick, else anew."""
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Meanwhile, cycles are looked for rarely in this process: what it holds by the million has none."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


class Crew(Generic[TaskT, ResultT]):
    """Some workers, for a `with` statement. `prepare(*plan)` gives each of them its work; both must be importable."""

    def __init__(
        self,
        size: int,
        prepare: Callable[..., Work[TaskT, ResultT]],
        plan: tuple[object, ...],
        context: BaseContext | None = None,
    ) -> None:
        self._size, self._prepare, self._plan = size, prepare, plan
        self._context = context or usual_context()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        for _ in range(self._size):
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_serve, args=(theirs, self._prepare, self._plan), daemon=True)  # type: ignore[attr-defined]  # every context has it
            process.start()
            theirs.close()  # so that a dead worker is an end of file
            self._workers.append(_Worker(process, ours))
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.terminate()
            worker.process.join(_GONE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def map(self, tasks: Iterable[TaskT]) -> Iterator[ResultT]:
        """The results in the order of the tasks, which are taken as workers become free.

        What a task raises is raised here in its turn. Raises WorkError when a worker dies.
        """
        coming = enumerate(tasks)
        free = deque(self._workers)
        busy: dict[object, tuple[int, _Worker]] = {}
        done: dict[int, _Done] = {}
        for due in _naturals():
            while due not in done:
                # A task that takes long holds its successors' results up: no more are begun than can be kept.
                while free and len(done) < 2 * self._size and (task := next(coming, None)) is not None:
                    worker = free.popleft()
                    _send(worker, task[1])
                    busy[worker.pipe] = (task[0], worker)
                if not busy:
                    return
                for pipe in wait([worker.pipe for _, worker in busy.values()]):
                    number, worker = busy.pop(pipe)
                    done[number] = _received(worker)
                    free.append(worker)
            answer = done.pop(due)
            if answer.error is not None:
                raise answer.error
            yield answer.result  # type: ignore[misc]  # what the worker's work gave


def _naturals() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def _send(worker: _Worker, task: object) -> None:
    try:
        worker.pipe.send(task)
    except (BrokenPipeError, ConnectionResetError):
        raise _died(worker) from None


def _received(worker: _Worker) -> _Done:
    try:
        answer = worker.pipe.recv()
    except (EOFError, ConnectionResetError):
        raise _died(worker) from None
    return answer if isinstance(answer, _Done) else _Done(None, TypeError(type(answer)))


def _died(worker: _Worker) -> WorkError:
    worker.process.join(_GONE_S)
    code = worker.process.exitcode
    how = f"by signal {-code}" if code is not None and code < 0 else f"with {code}"
    return WorkError(f"a worker process ended {how} before its work was done")


def _serve(pipe: Connection, prepare: Callable[..., Work[object, object]], plan: tuple[object, ...]) -> None:
    """The life of a worker: until nobody has tasks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who sends tasks hears it, and ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with rarely_collected():
        _work(pipe, prepare(*plan))


def _work(pipe: Connection, work: Work[object, object]) -> None:
    parent = multiprocessing.parent_process()
    ends = [] if parent is None else [parent.sentinel]
    while True:
        # A forked worker holds both ends of its pipe: that the other one is gone is told by its sentinel alone.
        if pipe not in wait([pipe, *ends]):
            return
        try:
            task = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            answer = _Done(work(task))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the result was waited for
            answer = _Done(None, error)
        try:
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return
