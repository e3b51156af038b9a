"""Parallel work with a bounded number of pending items, so that memory does not grow."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def n_cores() -> int:
    """Cores that this process may use; `taskset` and containers restrict them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS has no affinity


def parallel_map(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` in one thread per core, for work that releases the GIL.

    Items are taken as they are needed, whereas `Executor.map` takes all of them at once. Results
    keep the order of the items; an error is raised in place of its result and ends the work.
    """
    workers = n_cores()
    return map_in_threads(work, items, workers, max_pending=4 * workers)


def consume_in_background(
    work: Callable[[Item], object], items: Iterable[Item], *, max_pending: int = 4
) -> None:
    """Process items one by one in a second thread while this thread produces the next ones.

    At most `max_pending` items wait for `work`; this function raises its errors.
    """
    for _ in map_in_threads(work, items, 1, max_pending):
        pass


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], n_threads: int, max_pending: int
) -> Iterator[Result]:
    """`map` in a thread pool; results wait, in the order of the items, until they are needed."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for item in items:
                if len(pending) == max_pending:
                    yield pending.popleft().result()
                pending.append(pool.submit(work, item))
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
