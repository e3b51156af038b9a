"""Run a stage that is killed again and again: `python killed_stage.py STAGE ITEM KILLS SECONDS`.

Each attempt is a process that is killed with SIGKILL at a random moment of its first SECONDS, or of
the first SECONDS after a training has saved a checkpoint, so that it makes progress on a slow
machine too. The last attempt runs to its end. All are forked from this process, which has imported
everything, so an attempt starts at once.
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
from train import train

MAX_SAVES = 1
STAGES = {"prepare": prepare, "train": train}


def start(stage: str, item: str) -> int:
    """Fork a process that runs the stage; return its id."""
    child = os.fork()
    if child == 0:
        STAGES[stage](item)
        os._exit(0)
    return child


def wait_for_saves(count: int) -> None:
    """Wait until a training has saved `count` checkpoints."""
    seen, deadline = {checkpoint_times()}, time.monotonic() + 60
    while len(seen) <= count and time.monotonic() < deadline:
        time.sleep(0.005)
        seen.add(checkpoint_times())


def checkpoint_times() -> tuple[int, ...]:
    """Modification times, which differ from one save to the next."""
    return tuple(path.stat().st_mtime_ns for path in Path(".resume").glob("*.state"))


def store_digest(task: str) -> str | None:
    """A digest of the crop store; None if a training would refuse it."""
    folder = paths.CROPS / task
    try:
        with CropStore(folder) as store:
            store.rows("train")
    except (FileNotFoundError, PipelineError):
        return None
    contents = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    return hashlib.sha256(contents).hexdigest()


def main(stage: str, item: str, kills: int, seconds: float) -> None:
    """Print how many attempts were killed, and how many incomplete stores were accepted."""
    killed, accepted, rng = 0, set[str | None](), random.Random(1)
    for _ in range(kills):
        child = start(stage, item)
        if stage == "train":
            wait_for_saves(rng.randint(0, MAX_SAVES))
        time.sleep(rng.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed += 1
            if stage == "prepare":
                accepted.add(store_digest(item))
    _, status = os.waitpid(start(stage, item), 0)
    complete = {None, store_digest(item) if stage == "prepare" else None}
    print(f"killed {killed}, incomplete stores accepted {len(accepted - complete)}")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
