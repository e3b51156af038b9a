"""Peak memory of the stages prepare and train on a small and a much larger data set."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measurement import Measurement, Size
from workspace import ROOT, make_workspace, run_in, stage_command

from keypoints.core import paths
from keypoints.core.weights_folder import record_weights

TARGET = "<= 1.10"
MODEL = "tiny"
# Small crops and a tiny network, so that the growth with the number of faces shows.
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
        "hidden_features": 8,
        "kernel_sizes": [7, 7, 5],
        "epochs": 1,
        "batch_size": 32,
        "lr_scale": 1.0,
        "decay_fraction": 0.0,
        "loss": "mse",
        "mean": [0.5, 0.5, 0.5],
        "std": [1.0, 1.0, 1.0],
        "augment": "wild",
        "optim": "adam",
    }
}


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Run both stages on both data sets."""
    copies = math.ceil(size.faces / count_photos(rendered))
    workspaces = folder / "small", folder / "large"
    for workspace, factor in zip(workspaces, (1, size.factor), strict=True):
        make_training_workspace(workspace, rendered, copies * factor, tasks=TASKS, models=MODELS)
    small, large = (count_photos(workspace / paths.RAW) for workspace in workspaces)
    for stage, item in (("prepare", "wild"), ("train", MODEL)):
        few, many = (measure_peak(stage_command(stage, item), folder) for folder in workspaces)
        yield Measurement(
            f"{stage}, peak memory at {large:,} / {small:,} faces",
            many / few,
            TARGET,
            f"{many:.0f} / {few:.0f} MiB, {(many - few) * 1024 / (large - small):.2f} KiB per "
            "additional face",
        )


def make_training_workspace(workspace: Path, rendered: Path, copies: int, **changes: Any) -> None:
    """Create a workspace with the record of the model's random initial weights."""
    make_workspace(workspace, rendered, copies, **changes)
    record = workspace / paths.WEIGHTS / MODEL
    record.mkdir(parents=True)
    record_weights(record, file=None, sha256=None)


def count_photos(folder: Path) -> int:
    """Number of photos of the iBUG data set below a folder."""
    return sum(1 for _ in (folder / "ibug").rglob("*.jpg"))


def measure_peak(command: list[str], folder: Path) -> float:
    """Peak resident memory of a command in MiB.

    A process inherits the peak of its parent, so the command runs as the child of a small process.
    """
    small = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "peak_rss.py")]
    return float(run_in(folder, [*small, *command]).splitlines()[-1])
