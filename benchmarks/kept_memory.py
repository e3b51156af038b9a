"""Steps on the CPU with kept memory, compared with steps under glibc's defaults."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size
from workspace import ROOT, make_workspace, run_in

_STEPS = """
import sys, time
sys.path.insert(0, {src!r})
import torch
from keypoints.config.params import read_params
from keypoints.core.devices import keep_freed_memory
from keypoints.models.build import build_network
from keypoints.training.settings import read_train_settings
if {keep}:
    keep_freed_memory()
each = read_train_settings(read_params(), {name!r})
network = build_network(each.model, each.task, 68, seed=1).to(memory_format=torch.channels_last)
shape = {batch_size}, each.task.channels, *each.task.input_size
images = torch.rand(shape).to(memory_format=torch.channels_last)
for step in range({warmup} + {steps}):
    if step == {warmup}:
        start = time.perf_counter()
    network(images).square().mean().backward()
print((time.perf_counter() - start) / {steps})
"""


def measure(folder: Path, rendered: Path, size: Size) -> Iterator[Measurement]:
    """Train two networks in processes of their own, because memory is kept for good."""
    make_workspace(folder, rendered, 1)
    for name, batch_size in (("resnet18", 32), ("heatmap_net", 16)):
        rounds = [
            [_step_seconds(folder, name, batch_size, size, keep=keep) for keep in (True, False)]
            for _ in range(size.rounds)
        ]
        kept, default = (median(seconds) for seconds in zip(*rounds, strict=True))
        yield Measurement(
            f"{name}: steps with kept memory / glibc's defaults",
            median(b / a for a, b in rounds),
            ">= 1.0",
            f"{1 / kept:.2f} / {1 / default:.2f} steps/s of {batch_size} faces",
        )


def _step_seconds(folder: Path, name: str, batch_size: int, size: Size, *, keep: bool) -> float:
    warmup, steps = (4, 8) if size.seconds > 1 else (1, 1)
    code = _STEPS.format(
        src=str(ROOT / "src"),
        keep=keep,
        name=name,
        batch_size=batch_size,
        warmup=warmup,
        steps=steps,
    )
    return float(run_in(folder, [sys.executable, "-c", code]).split()[-1])
