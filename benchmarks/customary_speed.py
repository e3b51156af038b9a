"""Epochs and the way to the first loss, beside the ways in which people usually train."""

import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size, Times
from workspace import make_workspace, run_in, stage_command

WAYS = ("dataset", "timm", "lightning")
MODELS = {"nose_net": 4, "resnet18": 2}  # epochs of each: the first is not counted
SCRIPT = Path(__file__).with_name("customary_ways.py")


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Train the same network on the same photos each way, in turn with this project's way."""
    make_workspace(folder, drawn, size.copies)
    for task in ("nose", "wild"):
        run_in(folder, stage_command("prepare", task))
    for way in WAYS:
        if importlib.util.find_spec(way) is None and way != "dataset":
            print(f"  {way} is not installed: pip install {way}; it is left out")
            continue
        for model, epochs in MODELS.items():
            yield from _beside_ours(folder, way, model, epochs, rounds=min(size.rounds, 3))


def _beside_ours(
    folder: Path, way: str, model: str, epochs: int, rounds: int
) -> Iterator[Measurement]:
    first, epoch = Times([], []), Times([], [])
    for _ in range(rounds):
        for kind, first_losses, seconds in (
            ("ours", first.first, epoch.first),
            (way, first.second, epoch.second),
        ):
            said = _train(folder, kind, model, epochs)
            first_losses.append(said["first_loss"])
            seconds.append(median(said["epochs"][1:]))
    for name, times in (("an epoch", epoch), ("start to the first loss", first)):
        yield Measurement(
            f"{model}, {name}: speed over that of {way}",
            times.speed_ratio,
            "> 1",
            f"{median(times.first):.2f} / {median(times.second):.2f} s",
        )


def _train(folder: Path, way: str, model: str, epochs: int) -> dict[str, list[float]]:
    start = str(time.monotonic())
    said = run_in(folder, [sys.executable, str(SCRIPT), way, model, str(epochs), start])
    return json.loads(said.splitlines()[-1])
