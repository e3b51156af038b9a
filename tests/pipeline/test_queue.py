"""Experiments in DVC's queue."""

import time

import pandas as pd
from workspace import Workspace


def test_a_grid_is_queued_and_run_by_two_workers(workspace: Workspace) -> None:
    workspace.dvc("exp", "run", "--queue", "-S", "lr=1e-3,0.01", "train@nose_net")
    workspace.dvc("queue", "start", "-j", "2")
    deadline = time.monotonic() + 120
    while "Queued" in (status := workspace.dvc("queue", "status")) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 2
    shown = workspace.dvc("exp", "show", "--csv", "--no-pager")
    rates = pd.read_csv(pd.io.common.StringIO(shown))["lr"]
    assert {0.002, 0.001, 0.01} <= set(rates)
