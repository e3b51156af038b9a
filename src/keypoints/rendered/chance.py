"""Probability as a function: the draws of a face depend on the seed, the purpose and its number only."""

from enum import IntEnum

import numpy as np

from keypoints.core import rng


class Stream(IntEnum):
    """What a stream of draws is for; two purposes never share a draw."""

    IMM_PERSON = 1
    IMM_VIEW = 2
    TRAIN_PHOTO = 3
    TEST_PHOTO = 4
    LIST_ORDER = 5
    SKIN = 6
    TEETH = 7
    HAIR_SHAPE = 8
    HAIR_STRANDS = 9
    NOISE_SHEET = 10
    TRAIN_PORTRAIT = 11
    TEST_PORTRAIT = 12


def generator(seed: int, purpose: Stream, index: int) -> np.random.Generator:
    """The random numbers of item `index`, whatever was drawn before and in whichever process."""
    return rng.generator(seed, purpose, face=index)
