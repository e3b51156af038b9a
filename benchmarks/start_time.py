"""The start of each stage against `import torch`, in processor time, which is less noisy."""

import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size
from workspace import ROOT, run_in

STAGES = ("fetch", "prepare", "train", "evaluate", "submit", "report")


def measure(folder: Path, _drawn: Path, size: Size) -> Iterator[Measurement]:
    """Import each stage's script, and torch, in processes of their own, in turns."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        rounds = [
            (_import_s(folder, stage), _import_s(folder, "torch")) for _ in range(size.rounds)
        ]
        own, torch = (median(seconds) for seconds in zip(*rounds, strict=True))
        ratio = median(a / b for a, b in rounds)
        name = f"{stage}: start / import torch"
        yield Measurement(name, ratio, "<= 1.3", f"{own:.2f} / {torch:.2f} s of processor time")


def _import_s(folder: Path, module: str) -> float:
    before = _children_s()
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import {module}"
    run_in(folder, [sys.executable, "-c", code])
    return _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
