"""Peak memory of the stages prepare and train on a set and on a set that is many times as large."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measurement import Measurement, Size
from workspace import ROOT, make_workspace, run_in, stage_command

from keypoints.core import paths
from keypoints.core.weights_folder import write_record

BAR = "<= 1.10"
MODEL = "tiny"
# Crops and a network that cost little: what grows with the set is all the easier to see.
TASKS = {
    "wild": {
        "dataset": "ibug",
        "points": "all",
        "height": 64,
        "width": 64,
        "colour": True,
        "margin": 8,
        "box_scale": 1.3,
    }
}
MODELS = {
    MODEL: {
        "task": "wild",
        "architecture": "nose_net",
        "channels": 1,
        "hidden": 8,
        "kernels": [7, 7, 5],
        "epochs": 1,
        "batch_size": 32,
        "lr_scale": 1.0,
        "decay_fraction": 0.0,
        "loss": "mse",
        "mean": [0.5, 0.5, 0.5],
        "std": [1.0, 1.0, 1.0],
        "augment": {"shift": 10, "rotation": 10, "brightness": 0.1, "saturation": 0.1},
    }
}


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Run both stages on both sets."""
    copies = math.ceil(size.faces / n_photos(drawn))
    workspaces = folder / "small", folder / "large"
    for workspace, times in zip(workspaces, (1, size.times), strict=True):
        make_set(workspace, drawn, copies * times, tasks=TASKS, models=MODELS)
    small, large = (n_photos(workspace / paths.RAW) for workspace in workspaces)
    for stage, item in (("prepare", "wild"), ("train", MODEL)):
        few, many = (peak_of(stage_command(stage, item), workspace) for workspace in workspaces)
        yield Measurement(
            f"{stage}, peak memory at {large:,} / {small:,} faces",
            many / few,
            BAR,
            f"{many:.0f} / {few:.0f} MiB, {(many - few) * 1024 / (large - small):.2f} KiB a "
            "further face",
        )


def make_set(workspace: Path, drawn: Path, copies: int, **changes: Any) -> None:
    """Make a workspace whose model finds the record of its first weights."""
    make_workspace(workspace, drawn, copies, **changes)
    record = workspace / paths.WEIGHTS / MODEL
    record.mkdir(parents=True)
    write_record(record, file=None, sha256=None)


def n_photos(folder: Path) -> int:
    """Photos of the iBUG set below a folder."""
    return sum(1 for _ in (folder / "ibug").rglob("*.jpg"))


def peak_of(command: list[str], folder: Path) -> float:
    """Peak resident memory of a command, MiB.

    A process starts with the peak of the one that started it, so a small one stands between.
    """
    small = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "peak_of_command.py")]
    return float(run_in(folder, [*small, *command]).splitlines()[-1])
