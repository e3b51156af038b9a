"""Parallel work: results in order, few items pending, errors raised."""

import os
import threading
from collections.abc import Iterator

import pytest

from keypoints.core import parallel
from keypoints.core.parallel import consume_in_background, parallel_map


@pytest.mark.parametrize("cores", [1, 3])
def test_results_keep_the_order_of_the_items(cores: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "n_cores", lambda: cores)
    assert list(parallel_map(lambda item: item**2, range(100))) == [n**2 for n in range(100)]
    assert list(parallel_map(str, [])) == []


def test_items_are_taken_as_they_are_needed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "n_cores", lambda: 3)
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 1000:
            taken += 1
            yield taken

    for result in parallel_map(abs, items()):
        assert taken - result <= 12  # four per core
    assert taken == 1000


def test_there_are_as_many_threads_as_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "n_cores", lambda: 3)
    meeting = threading.Barrier(3, timeout=60)
    assert len(list(parallel_map(lambda _: meeting.wait(), range(3)))) == 3


def test_an_error_is_raised_in_place_of_its_result_and_ends_the_work(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(parallel, "n_cores", lambda: 2)
    started = []

    def work(item: int) -> int:
        started.append(item)
        if item == 10:
            raise ValueError("ten")
        return item

    results = parallel_map(work, range(1000))
    assert [next(results) for _ in range(10)] == list(range(10))
    with pytest.raises(ValueError, match="ten"):
        next(results)
    assert max(started) <= 18


def test_items_are_consumed_in_order_while_few_of_them_wait():
    consumed: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            assert item - len(consumed) <= 4  # two wait, one is consumed, one is produced
            yield item

    consume_in_background(consumed.append, items(), max_pending=2)
    assert consumed == list(range(100))


def test_an_error_of_the_consumer_is_raised():
    with pytest.raises(ZeroDivisionError):
        consume_in_background(lambda item: 1 / item, [2, 1, 0])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_cores_that_the_process_may_use_are_counted():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert parallel.n_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert parallel.n_cores() == len(allowed)
