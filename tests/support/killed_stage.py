"""Do a stage's work, killed over and over: `python killed_stage.py STAGE ITEM KILLS SECONDS`.

Each try is a process of its own, killed with SIGKILL at a random moment of its first SECONDS, or of
those after a training has saved its state a few times, so that it gets on however slow the machine
is; the last one runs to its end. All are forked from this one, which has imported everything once,
so a try takes no time to start.
"""

import hashlib
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path("src").resolve()))

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.crops.store import CropStore
from prepare import prepare
from train import train_model

MOST_SAVES = 2
WORK = {"prepare": prepare, "train": train_model}


def start(stage: str, item: str) -> int:
    """Fork a process that does the stage's work; its number."""
    child = os.fork()
    if child == 0:
        WORK[stage](item)
        os._exit(0)
    return child


def wait_for_saves(count: int) -> None:
    """Until the state of a training was saved so many times."""
    seen, deadline = {saves()}, time.monotonic() + 60
    while len(seen) <= count and time.monotonic() < deadline:
        time.sleep(0.005)
        seen.add(saves())


def saves() -> tuple[int, ...]:
    """Tells one save from the next."""
    files = Path(".resume").glob("*.state")
    return tuple(path.stat().st_mtime_ns for path in files)


def store_taken(task: str) -> str | None:
    """A digest of what a training would take for a whole store; None where it takes nothing."""
    folder = paths.CROPS / task
    try:
        with CropStore(folder) as store:
            store.rows("train")
    except (FileNotFoundError, PipelineError):
        return None
    contents = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    return hashlib.sha256(contents).hexdigest()


def main(stage: str, item: str, kills: int, seconds: float) -> None:
    """Print how many tries were killed before their end, and how many half stores are taken."""
    killed, taken, chance = 0, set[str | None](), random.Random(1)
    for _ in range(kills):
        child = start(stage, item)
        if stage == "train":
            wait_for_saves(chance.randint(0, MOST_SAVES))
        time.sleep(chance.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
            if stage == "prepare":
                taken.add(store_taken(item))
    _, status = os.waitpid(start(stage, item), 0)
    whole = {None, store_taken(item) if stage == "prepare" else None}
    print(f"killed {killed}, halves taken {len(taken - whole)}")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
