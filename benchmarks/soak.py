"""Many queued experiments, two workers, and a third of the trainings killed at random moments.

Each experiment trains a tiny network with a seed of its own. In the end every one has to have
finished or failed, the failed ones have to succeed when they are queued again, every file in DVC's
cache has to have the bytes that its name says, and the workers should not grow.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size
from soak_repository import SoakRepository
from soak_watch import Watch

WORKERS = 2
SHARE_KILLED = 1 / 3
RETRAINED = 3  # killed experiments whose weights are compared with those of an unhindered training
SECONDS_UNTIL_KILLED = 8.0  # at most, from a training's start, which includes importing torch


def measure(folder: Path, drawn: Path, size: Size) -> Iterator[Measurement]:
    """Queue, kill, queue again, look; `drawn` is not used.

    Raises:
        RuntimeError: If something does not hold, with all that does not.
    """
    chance, seeds = random.Random(size.experiments), range(1, size.experiments + 1)
    doomed = chance.sample(seeds, round(size.experiments * SHARE_KILLED))
    os.environ |= {"DVC_SITE_CACHE_DIR": str(folder / "site"), "OMP_NUM_THREADS": "1"}
    repository = SoakRepository(folder / "repository")
    watch = Watch(repository.folder, {s: chance.uniform(0, SECONDS_UNTIL_KILLED) for s in doomed})
    first = repository.work_off(seeds, WORKERS, watch)
    killed = sorted(watch.killed)
    print(f"  {size.experiments} queued: {first}; {len(killed)} were killed", flush=True)
    again = repository.work_off(killed, WORKERS, Watch(repository.folder, {}))
    print(f"  {len(killed)} queued again: {again}", flush=True)
    wrong = [
        *repository.problems(seeds),
        *repository.differences(chance.sample(killed, min(RETRAINED, len(killed)))),
    ]
    if first.failed != len(killed) or first.succeeded + first.failed != size.experiments:
        wrong.append("each experiment should have succeeded, or failed where it was killed")
    if again.succeeded != len(killed):
        wrong.append("each one that was killed should have succeeded when it was queued again")
    if wrong:
        raise RuntimeError("\n".join(wrong))
    yield _growth("resident memory", watch.memory, "MiB")
    yield _growth("open files", watch.open_files, "files")


def _growth(name: str, values: list[float], unit: str) -> Measurement:
    """The last third of the looks against the first third."""
    third = max(1, len(values) // 3)
    early, late = median(values[:third]), median(values[-third:])
    label = f"{name} of {WORKERS} workers, last third / first third"
    return Measurement(label, late / early, "flat", f"{late:.0f} / {early:.0f} {unit}")
