"""Time and memory at 1, 10 and 100 times the faces, and a crop store larger than the memory."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from measurement import Measurement, Size
from memory_limit import MemoryLimit, NoLimitError, drop_cached_pages
from peak_memory import (
    MODEL,
    MODELS,
    TASKS,
    count_photos,
    make_training_workspace,
    measure_peak,
)
from workspace import run_in, stage_command

from keypoints.core import paths
from keypoints.core.timing import timing_file

COPIES, FACTORS = 14, (1, 10, 100)  # up to 61,600 faces of 44 rendered photos
TARGET = "0.90 - 1.10"
EPOCHS = 2  # the time of the first one includes the start of the batch thread
MEMORY_FRACTION = 0.6  # memory limit relative to the size of the crop store
MIN_BYTES = 600 * 2**20  # memory that torch needs to start


def measure(folder: Path, rendered: Path, _size: Size) -> Iterator[Measurement]:
    """Run both stages on all three data sets, then train on the largest under a memory limit."""
    models = {MODEL: MODELS[MODEL] | {"epochs": EPOCHS}}
    faces, peaks, seconds = [], {"prepare": [], "train": []}, {"prepare": [], "train": []}
    for factor in FACTORS:
        workspace = folder / str(factor)
        make_training_workspace(workspace, rendered, COPIES * factor, tasks=TASKS, models=models)
        faces.append(count_photos(workspace / paths.RAW))
        peaks["prepare"].append(measure_peak(stage_command("prepare", "wild"), workspace))
        peaks["train"].append(measure_peak(stage_command("train", MODEL), workspace))
        timing = json.loads((workspace / timing_file("prepare", "wild")).read_text())
        seconds["prepare"].append(timing["seconds"])
        seconds["train"].append(_epoch_seconds(workspace))
    for stage in peaks:
        yield from _growth(stage, faces, seconds[stage], peaks[stage])
    yield from _under_limit(folder / str(FACTORS[-1]), unlimited=seconds["train"][-1])


def _growth(
    stage: str, faces: list[int], seconds: list[float], peaks: list[float]
) -> Iterator[Measurement]:
    """Compare each data set with the next smaller one: time per face, and memory."""
    for before in range(len(faces) - 1):
        after, sizes = before + 1, f"{faces[before + 1]:,} / {faces[before]:,} faces"
        per_face = [seconds[at] / faces[at] * 1e3 for at in (after, before)]
        yield Measurement(
            f"{stage}, time per face at {sizes}",
            per_face[0] / per_face[1],
            TARGET,
            f"{per_face[0]:.3f} / {per_face[1]:.3f} ms",
        )
        yield Measurement(
            f"{stage}, peak memory at {sizes}",
            peaks[after] / peaks[before],
            TARGET,
            f"{peaks[after]:.0f} / {peaks[before]:.0f} MiB",
        )


def _under_limit(workspace: Path, unlimited: float) -> Iterator[Measurement]:
    """Compare an epoch with less memory than the store has bytes with an unlimited one."""
    store = workspace / paths.CROPS / "wild" / "crops.npy"
    n_bytes = store.stat().st_size
    if n_bytes * MEMORY_FRACTION < MIN_BYTES:
        print("  the store larger than the memory is left out: torch alone needs more than it has")
        return
    try:
        with MemoryLimit(int(n_bytes * MEMORY_FRACTION)) as limit:
            drop_cached_pages(store)
            run_in(workspace, limit.wrap(stage_command("train", MODEL)))
    except NoLimitError as error:
        print(f"  the store larger than the memory is left out: {error}")
        return
    limited = _epoch_seconds(workspace)
    yield Measurement(
        f"train on a store of {n_bytes / 2**20:,.0f} MiB, time under {MEMORY_FRACTION:.0%} of that "
        "memory / without a limit",
        limited / unlimited,
        "",
        f"{limited:.1f} / {unlimited:.1f} s per epoch",
    )


def _epoch_seconds(workspace: Path) -> float:
    history = pd.read_csv(workspace / paths.history_file(MODEL))
    return float(history["seconds"].iloc[-1])
