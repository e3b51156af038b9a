"""Randomness as a function: a generator for every (seed, stream, epoch, face), and no state.

The numbers do not depend on workers, processes, restarts or the order of calls.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purpose of random numbers; the numbers of two streams are independent."""

    ORDER = 1
    AUGMENT = 2
    WEIGHTS = 3
    DROPOUT = 4


def generator(seed: int, stream: IntEnum, epoch: int = 0, face: int = 0) -> np.random.Generator:
    """Generator of one (seed, stream, epoch, face).

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011 (Philox).
    """
    return np.random.Generator(np.random.Philox(key=[seed, stream], counter=[0, 0, epoch, face]))


def torch_seed(seed: int, stream: Stream, step: int = 0, rank: int = 0) -> int:
    """Seed for torch's own generator, 0..2**63 - 1, one per (seed, stream, step, process)."""
    return int(generator(seed, stream, step, rank).integers(2**63))
