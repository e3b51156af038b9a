"""Peak memory of the stages prepare and train on a set and on a set that is many times as large."""

import sys
from collections.abc import Iterator
from pathlib import Path

from measurement import Measurement, Size
from workspace import ROOT, make_workspace, run_in, stage_command

from keypoints import layout
from keypoints.weights import write_record

BAR = "<= 1.10"
MODEL = "tiny"
# The task's real crops and batches, with a network that costs nothing beside them.
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
        "lr_decay": 0.0,
        "loss": "mse",
        "mean": [0.5, 0.5, 0.5],
        "std": [1.0, 1.0, 1.0],
        "augment": {"shift": 10, "rotation": 10, "brightness": 0.1, "saturation": 0.1},
    }
}


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Run both stages on both sets."""
    small, large = folder / "small", folder / "large"
    for workspace, copies in ((small, size.copies), (large, size.copies * size.times)):
        make_workspace(workspace, drawn, copies, models=MODELS)
        record = workspace / layout.WEIGHTS / MODEL
        record.mkdir(parents=True)
        write_record(record, file=None, sha256=None)
    for stage, item in (("prepare", "wild"), ("train", MODEL)):
        few, many = (peak_of(stage_command(stage, item), at) for at in (small, large))
        further = _n_photos(large) - _n_photos(small)
        yield Measurement(
            f"{stage}, peak memory at {size.times}x / 1x photos",
            many / few,
            BAR,
            f"{many:.0f} / {few:.0f} MiB, {(many - few) * 1024 / further:.1f} KiB a further photo",
        )


def _n_photos(workspace: Path) -> int:
    return len(list((workspace / layout.RAW / "ibug").rglob("*.jpg")))


def peak_of(command: list[str], folder: Path) -> float:
    """Peak resident memory of a command, MiB.

    A process starts with the peak of the one that started it, so a small one stands between.
    """
    small = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "peak_of_command.py")]
    return float(run_in(folder, [*small, *command]).splitlines()[-1])
