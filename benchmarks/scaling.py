"""Time and memory at 1, 10 and 100 times the faces, and a store that memory does not hold."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from measurement import Measurement, Size
from memory_limit import MemoryLimit, NoLimitError, drop_cached
from peak_memory import MODEL, MODELS, TASKS, make_set, n_photos, peak_of
from workspace import run_in, stage_command

from keypoints.core import paths

COPIES, TIMES = 14, (1, 10, 100)  # up to 61,600 faces of 44 drawn photos
BAR = "0.90 - 1.10"
EPOCHS = 2  # the first one's time has the start of the processes in it
SHARE = 0.6  # of the store's size: the memory under which it is trained on
LEAST_BYTES = 600 * 2**20  # of memory: without them torch does not start


def measure(folder: Path, drawn: Path, _size: Size) -> Iterator[Measurement]:
    """Run both stages on all three sets, then train on the largest one under a limit."""
    models = {MODEL: MODELS[MODEL] | {"epochs": EPOCHS}}
    faces, peaks, seconds = [], {"prepare": [], "train": []}, {"prepare": [], "train": []}
    for times in TIMES:
        workspace = folder / str(times)
        make_set(workspace, drawn, COPIES * times, tasks=TASKS, models=models)
        faces.append(n_photos(workspace / paths.RAW))
        peaks["prepare"].append(peak_of(stage_command("prepare", "wild"), workspace))
        peaks["train"].append(peak_of(stage_command("train", MODEL), workspace))
        run = json.loads((workspace / paths.TIMINGS / "prepare_wild.json").read_text())
        seconds["prepare"].append(run["seconds"])
        seconds["train"].append(_epoch_s(workspace))
    for stage in peaks:
        yield from _growth(stage, faces, seconds[stage], peaks[stage])
    yield from _under_limit(folder / str(TIMES[-1]), free_s=seconds["train"][-1])


def _growth(
    stage: str, faces: list[int], seconds: list[float], peaks: list[float]
) -> Iterator[Measurement]:
    """Each set beside the one before: time of a face, and memory of all."""
    for before in range(len(faces) - 1):
        after, sizes = before + 1, f"{faces[before + 1]:,} / {faces[before]:,} faces"
        each = [seconds[at] / faces[at] * 1e3 for at in (after, before)]
        yield Measurement(
            f"{stage}, time of a face at {sizes}",
            each[0] / each[1],
            BAR,
            f"{each[0]:.3f} / {each[1]:.3f} ms",
        )
        yield Measurement(
            f"{stage}, peak memory at {sizes}",
            peaks[after] / peaks[before],
            BAR,
            f"{peaks[after]:.0f} / {peaks[before]:.0f} MiB",
        )


def _under_limit(workspace: Path, free_s: float) -> Iterator[Measurement]:
    """An epoch with less memory than the store has bytes, beside one without a limit."""
    store = workspace / paths.CROPS / "wild" / "crops.npy"
    n_bytes = store.stat().st_size
    if n_bytes * SHARE < LEAST_BYTES:
        print("  a store larger than memory is left out: torch alone takes more than this one")
        return
    try:
        with MemoryLimit(int(n_bytes * SHARE)) as limit:
            drop_cached(store)
            run_in(workspace, limit.around(stage_command("train", MODEL)))
    except NoLimitError as error:
        print(f"  a store larger than memory is left out: {error}")
        return
    limited_s = _epoch_s(workspace)
    yield Measurement(
        f"train on a store of {n_bytes / 2**20:,.0f} MiB under {SHARE:.0%} of that, time",
        limited_s / free_s,
        "",
        f"{limited_s:.1f} / {free_s:.1f} s an epoch",
    )


def _epoch_s(workspace: Path) -> float:
    history = pd.read_csv(workspace / paths.HISTORY / f"{MODEL}.csv")
    return float(history["seconds"].iloc[-1])
