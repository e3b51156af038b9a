"""The history of a training, recorded at the end of each epoch: a printed line and two files."""

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from keypoints.core import paths


@dataclass(frozen=True)
class EpochResult:
    """A row of the history; errors are mean squared errors in 0..1 of the input."""

    epoch: int  # counted from 1
    train_mse: float  # mean over the epoch, before each step, on augmented faces
    val_mse: float  # on the validation faces after the epoch
    lr: float  # of the epoch's last step
    seconds: float  # of the epoch's steps and its validation


def log_progress(results: Iterator[EpochResult], epochs: int) -> Iterator[EpochResult]:
    """Yield the results unchanged; print a line for each, with the remaining time."""
    seconds: list[float] = []
    for result in results:
        seconds.append(result.seconds)
        left = np.mean(seconds) * (epochs - result.epoch)
        tqdm.write(
            f"epoch {result.epoch:3d}/{epochs}  train_mse {result.train_mse:.6f}  "
            f"val_mse {result.val_mse:.6f}  {result.seconds:5.1f} s  "
            f"left {int(left) // 60}:{int(left) % 60:02d}"
        )
        sys.stdout.flush()
        yield result


def record_history(
    results: Iterator[EpochResult], history: Path, metrics: Path | None = None
) -> Iterator[EpochResult]:
    """Yield the results unchanged; write each one to files that other programs may be reading.

    Both files are rewritten from the first epoch, because a resumed training yields its finished
    epochs again.

    Args:
        results: The epochs from the first one on.
        history: CSV with the columns epoch, train_mse, val_mse, lr, seconds and a row per epoch.
        metrics: JSON with the number and the val_mse of the last epoch; None: not written.
    """
    for path in filter(None, (history, metrics)):
        paths.replace_output(path)
    for number, result in enumerate(results):
        epoch, *numbers = astuple(result)
        # Without pandas, which takes half a second to import.
        with history.open("a", encoding="ascii", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            if number == 0:  # no earlier: `dvc plots` cannot read a table without rows
                table.writerow(field.name for field in fields(EpochResult))
            table.writerow([epoch, *(f"{number:.8g}" for number in numbers)])
        if metrics:
            with paths.atomic_file(metrics) as temporary:
                values = {"epoch": epoch, "val_mse": float(f"{result.val_mse:.8g}")}
                temporary.write_text(json.dumps(values) + "\n", encoding="utf-8")
        yield result
