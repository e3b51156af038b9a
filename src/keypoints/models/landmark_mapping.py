"""Maps the landmarks of one scheme to another, by interpolating along shared contours.

If a network starts from one with another scheme, the mapping initialises its last layer;
docs/experiments.md shows the gain.
"""

import numpy as np
from numpy.typing import NDArray

from keypoints.core.landmarks import IBUG_68, IMM_58, KAGGLE_15, KAGGLE_15_FROM_IBUG, Scheme

Line = tuple[int, ...]

_IMM_ALONG_IBUG: tuple[tuple[Line, Line], ...] = (  # the same line in both schemes
    (tuple(range(13)), tuple(range(2, 15))),  # jaw, which starts lower in IMM
    ((13, 14, 15, 16, 17), (45, 44, 43, 42)),
    ((17, 18, 19, 20, 13), (42, 47, 46, 45)),
    ((21, 22, 23, 24, 25), (36, 37, 38, 39)),
    ((25, 26, 27, 28, 21), (39, 40, 41, 36)),
    ((29, 30, 31, 32, 33), (22, 23, 24, 25, 26)),
    ((34, 35, 36, 37, 38), (21, 20, 19, 18, 17)),
    ((39,), (48,)),
    ((40, 41, 42), (50, 51, 52)),
    ((43,), (54,)),
    ((44, 45, 46), (56, 57, 58)),
    ((47,), (28,)),  # outline of the nose, of which iBUG has only the bridge and the base
    ((48, 49, 50, 51, 52, 53, 54, 55, 56), (31, 32, 33, 34, 35)),
    ((57,), (28,)),
)


def interpolation_weights(
    scheme: Scheme, points: tuple[int, ...], source: Scheme, source_points: tuple[int, ...]
) -> NDArray[np.float32] | None:
    """Express points as weighted means of points of another scheme; both are given as indices.

    Returns:
        Weights, (n_points, n_source_points), each row with the sum 1. None if no mapping between
        the schemes is known, or a point depends on others that are not among `source_points`.
    """
    if scheme.name == source.name:
        weights = np.eye(scheme.n_points, dtype=np.float32)
    elif (scheme.name, source.name) == (IMM_58.name, IBUG_68.name):
        weights = _imm_from_ibug()
    elif (scheme.name, source.name) == (KAGGLE_15.name, IBUG_68.name):
        weights = np.zeros((KAGGLE_15.n_points, IBUG_68.n_points), np.float32)
        for point, sources in enumerate(KAGGLE_15_FROM_IBUG):
            weights[point, list(sources)] = 1 / len(sources)
    else:
        return None
    found = weights[np.ix_(points, source_points)]
    return found if np.allclose(found.sum(axis=1), 1) else None


def _imm_from_ibug() -> NDArray[np.float32]:
    """Spread points evenly along the lines; each lies between its two neighbours of iBUG."""
    weights = np.zeros((IMM_58.n_points, IBUG_68.n_points), np.float32)
    for points, line in _IMM_ALONG_IBUG:
        positions = np.linspace(0, len(line) - 1, len(points))
        distances = np.abs(positions[:, None] - np.arange(len(line)))
        weights[np.ix_(points, line)] = np.maximum(0, 1 - distances)
    return weights
