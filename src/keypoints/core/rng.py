"""Probability as a function: a generator for every (seed, purpose, epoch, face), and no state.

What is drawn does not depend on workers, processes, restarts or the order of calls.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a number is drawn for; each purpose has its own stream."""

    ORDER = 1
    AUGMENT = 2
    WEIGHTS = 3
    DROPOUT = 4


def generator(seed: int, purpose: IntEnum, epoch: int = 0, face: int = 0) -> np.random.Generator:
    """The stream of one (seed, purpose, epoch, face).

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011 (Philox).
    """
    return np.random.Generator(np.random.Philox(key=[seed, purpose], counter=[0, 0, epoch, face]))


def torch_seed(seed: int, purpose: Stream, step: int = 0, rank: int = 0) -> int:
    """A seed for torch's own generator, 0..2**63 - 1, one per (seed, purpose, step, process)."""
    return int(generator(seed, purpose, step, rank).integers(2**63))
