"""Work on all cores with little under way, so that memory stays flat however much there is."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4  # items per core that are under way


def n_cores() -> int:
    """Cores that this process may use: all, or those of `taskset` and of containers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS tells no more


def parallel_map(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map` in threads, one per core: for work that releases Python's lock.

    Items are taken as they are needed, where `Executor.map` takes all of them at once. Results come
    in the order of the items, and what `work` raises comes in its place.
    """
    workers = n_cores()
    under_way: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                if len(under_way) == _AHEAD * workers:
                    yield under_way.popleft().result()
                under_way.append(pool.submit(work, item))
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def consume_in_background(
    work: Callable[[Item], object], items: Iterable[Item], *, ahead: int = 4
) -> None:
    """Work on items in their order, in one thread, while the next ones are made in this one.

    Args:
        work: Done with one item after the other; what it raises is raised here.
        items: Taken as they come, until so many wait for `work`.
        ahead: How many may wait.
    """
    under_way: deque[Future[object]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) > ahead:
                    under_way.popleft().result()
            while under_way:
                under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
