"""Experiments in DVC's queue: that of the contenders, beside which the root project has its own."""

import time

import pandas as pd
from workspace import Workspace


def test_a_grid_of_a_contender_is_queued_and_run_by_two_workers(contenders: Workspace) -> None:
    epochs = "models.sharp_256.epochs=2,3"
    contenders.dvc("exp", "run", "--queue", "-S", epochs, "train@sharp_256")
    contenders.dvc("queue", "start", "-j", "2")
    deadline = time.monotonic() + 180
    while "Queued" in (status := contenders.dvc("queue", "status")) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 2
    shown = contenders.dvc("exp", "show", "--csv", "--no-pager")
    trained = pd.read_csv(pd.io.common.StringIO(shown))["models.sharp_256.epochs"]
    assert {1, 2, 3} <= set(trained)
