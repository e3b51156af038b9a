"""Where the points of one markup lie among those of another, as far as two markups agree.

A network that goes on from one of another markup starts from it (docs/results.md tells what it
buys): the line of a brow is the same line, whoever counts its points.
"""

import numpy as np
from numpy.typing import NDArray

from keypoints.core.landmarks import IBUG_68, IMM_58, Scheme

Line = tuple[int, ...]

_IMM_ALONG_IBUG: tuple[tuple[Line, Line], ...] = (  # the same line, first to last point
    (tuple(range(13)), tuple(range(2, 15))),  # the jaw, which begins lower down
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
    ((47,), (28,)),  # the outline of the nose, of which iBUG has the bridge and the base
    ((48, 49, 50, 51, 52, 53, 54, 55, 56), (31, 32, 33, 34, 35)),
    ((57,), (28,)),
)


def interpolation_weights(
    scheme: Scheme, points: tuple[int, ...], among: Scheme, others: tuple[int, ...]
) -> NDArray[np.float32] | None:
    """Each point as a mean of some points of another markup.

    Args:
        scheme: The markup of `points`.
        points: Those to find, n of them.
        among: The other markup.
        others: Its points, m of them.

    Returns:
        The share of each, (n, m), each row with the sum 1; None where nothing is known of how the
        two markups agree, or a point lies among some that are not there.
    """
    if scheme.name == among.name:
        known = np.eye(scheme.n_points, dtype=np.float32)
    elif (scheme.name, among.name) == (IMM_58.name, IBUG_68.name):
        known = _along(_IMM_ALONG_IBUG, scheme, among)
    else:
        return None
    found = known[np.ix_(points, others)]
    return found if np.allclose(found.sum(axis=1), 1) else None


def _along(
    lines: tuple[tuple[Line, Line], ...], scheme: Scheme, among: Scheme
) -> NDArray[np.float32]:
    """Points spread evenly along the other markup's lines, each between the two next to it."""
    shares = np.zeros((scheme.n_points, among.n_points), np.float32)
    for points, line in lines:
        places = np.linspace(0, len(line) - 1, len(points))
        for point, place in zip(points, places, strict=True):
            between = np.maximum(0, 1 - np.abs(np.arange(len(line)) - place))
            shares[point, list(line)] = between
    return shares
