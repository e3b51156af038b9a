"""Epochs and time to the first loss, compared with common training loops of other libraries."""

import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size, Times
from workspace import make_workspace, run_in, stage_command

LOOPS = ("dataset", "timm", "lightning")
MODELS = {"nose_net": 4, "resnet18": 2}  # number of epochs; the first one does not count
SCRIPT = Path(__file__).with_name("framework_loops.py")


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Train equal networks on equal photos with each loop, alternating with this project's loop."""
    make_workspace(folder, rendered, size.copies)
    for task in ("nose", "wild"):
        run_in(folder, stage_command("prepare", task))
    for loop in LOOPS:
        if importlib.util.find_spec(loop) is None and loop != "dataset":
            print(f"  {loop} is left out, because it is not installed: pip install {loop}")
            continue
        for model, epochs in MODELS.items():
            yield from _compare(folder, loop, model, epochs, rounds=min(size.rounds, 3))


def _compare(
    folder: Path, loop: str, model: str, epochs: int, rounds: int
) -> Iterator[Measurement]:
    first, epoch = Times([], []), Times([], [])
    for _ in range(rounds):
        for name, first_losses, seconds in (
            ("ours", first.first, epoch.first),
            (loop, first.second, epoch.second),
        ):
            result = _train(folder, name, model, epochs)
            first_losses.append(result["first_loss"])
            seconds.append(median(result["epochs"][1:]))
    for name, times in (("an epoch", epoch), ("start to the first loss", first)):
        yield Measurement(
            f"{model}, {name}: speed / that of {loop}",
            times.speed_ratio,
            "> 1",
            f"{median(times.first):.2f} / {median(times.second):.2f} s",
        )


def _train(folder: Path, loop: str, model: str, epochs: int) -> dict[str, list[float]]:
    start = str(time.monotonic())
    output = run_in(folder, [sys.executable, str(SCRIPT), loop, model, str(epochs), start])
    return json.loads(output.splitlines()[-1])
