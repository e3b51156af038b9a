"""Start of each stage, compared with `import torch`, in processor time, which varies less."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size
from workspace import ROOT, run_in

STAGES = ("fetch", "weights", "prepare", "train", "predict", "evaluate", "submit", "report")


def measure(folder: Path, _rendered: Path, size: Size) -> Iterator[Measurement]:
    """Import the script of each stage, and torch, alternately in processes of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        rounds = [
            (_import_seconds(folder, stage), _import_seconds(folder, "torch"))
            for _ in range(size.rounds)
        ]
        own, torch = (median(seconds) for seconds in zip(*rounds, strict=True))
        ratio = median(a / b for a, b in rounds)
        name = f"{stage}: start / import torch"
        yield Measurement(name, ratio, "<= 1.3", f"{own:.2f} / {torch:.2f} s of processor time")


def _import_seconds(folder: Path, module: str) -> float:
    before = _child_seconds()
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import {module}"
    run_in(folder, [sys.executable, "-c", code])
    return _child_seconds() - before


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
