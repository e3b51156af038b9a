"""Many queued experiments with two workers, a third of the trainings killed at random moments.

Each experiment trains a tiny network with its own seed. Afterwards every experiment must have
finished or failed, the failed ones must succeed when they are queued again, every file in DVC's
cache must have the digest in its name, and the workers should not grow.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measurement import Measurement, Size
from soak_monitor import WorkerMonitor
from soak_repository import SoakRepository

N_WORKERS = 2
KILLED_FRACTION = 1 / 3
N_RETRAINED = 3  # killed experiments whose weights are compared with those of a normal training
MAX_LIFETIME_S = 8.0  # of a training that is killed; includes the import of torch


def measure(folder: Path, _rendered: Path, size: Size) -> Iterator[Measurement]:
    """Queue, kill, queue again, and check.

    Raises:
        RuntimeError: If a check fails; the message lists all failures.
    """
    rng, seeds = random.Random(size.experiments), range(1, size.experiments + 1)
    to_kill = rng.sample(seeds, round(size.experiments * KILLED_FRACTION))
    lifetimes = {seed: rng.uniform(0, MAX_LIFETIME_S) for seed in to_kill}
    os.environ |= {"DVC_SITE_CACHE_DIR": str(folder / "site"), "OMP_NUM_THREADS": "1"}
    repository = SoakRepository(folder / "repository")
    monitor = WorkerMonitor(repository.folder, lifetimes)
    first = repository.run_experiments(seeds, N_WORKERS, monitor)
    killed = sorted(monitor.killed)
    print(f"  {size.experiments} queued: {first}; {len(killed)} were killed", flush=True)
    again = repository.run_experiments(killed, N_WORKERS, WorkerMonitor(repository.folder, {}))
    print(f"  {len(killed)} queued again: {again}", flush=True)
    problems = [
        *repository.find_problems(seeds),
        *repository.find_differences(rng.sample(killed, min(N_RETRAINED, len(killed)))),
    ]
    if first.failed != len(killed) or first.succeeded + first.failed != size.experiments:
        problems.append("an experiment failed without being killed, or did not end")
    if again.succeeded != len(killed):
        problems.append("a killed experiment did not succeed when it was queued again")
    if problems:
        raise RuntimeError("\n".join(problems))
    yield _growth("resident memory", monitor.memory, "MiB")
    yield _growth("open files", monitor.open_files, "files")


def _growth(name: str, values: list[float], unit: str) -> Measurement:
    """Compare the last third of the samples with the first third."""
    third = max(1, len(values) // 3)
    early, late = median(values[:third]), median(values[-third:])
    label = f"{name} of {N_WORKERS} workers, last third / first third"
    return Measurement(label, late / early, "flat", f"{late:.0f} / {early:.0f} {unit}")
