"""Work on all cores: in order, and with little under way."""

import os
import threading
from collections.abc import Iterator

import pytest

from keypoints.core import parallel
from keypoints.core.parallel import parallel_map


@pytest.mark.parametrize("cores", [1, 3])
def test_results_come_in_the_order_of_the_items(cores: int, monkeypatch: pytest.MonkeyPatch):
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


def test_work_is_done_by_as_many_threads_as_there_are_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parallel, "n_cores", lambda: 3)
    meeting = threading.Barrier(3, timeout=60)
    assert len(list(parallel_map(lambda _: meeting.wait(), range(3)))) == 3


def test_an_error_comes_in_its_place_and_ends_the_work(monkeypatch: pytest.MonkeyPatch):
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


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_the_cores_that_a_process_may_use_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert parallel.n_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert parallel.n_cores() == len(allowed)
