"""Train a model as its stage does, killed over and over: `python killed_training.py MODEL KILLS`.

Each try is a process of its own, killed with SIGKILL at a random moment; the last one runs to its
end. All are forked from this one, which has imported torch once, so a try takes no time to start.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path("src").resolve()))

from train import train_model


def start(model: str) -> int:
    """Fork a process that trains; its number."""
    child = os.fork()
    if child == 0:
        train_model(model)
        os._exit(0)
    return child


def main(model: str, kills: int) -> None:
    """Print how many tries were killed before they had ended."""
    killed, chance = 0, random.Random(1)
    for _ in range(kills):
        child = start(model)
        time.sleep(chance.uniform(0.1, 0.6))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
    _, status = os.waitpid(start(model), 0)
    print(f"killed {killed}")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
