"""The history of a training: a line per epoch, printed during the run, and a CSV file."""

import csv
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm


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


def write_history(path: Path, results: list[EpochResult]) -> None:
    """Write a CSV with the columns epoch, train_mse, val_mse, lr, seconds and a row per epoch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:  # pandas takes half a second to import
        table = csv.writer(file, lineterminator="\n")
        table.writerow(field.name for field in fields(EpochResult))
        for result in results:
            epoch, *numbers = astuple(result)
            table.writerow([epoch, *(f"{number:.8g}" for number in numbers)])
