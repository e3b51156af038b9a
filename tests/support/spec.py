"""Submission specifications of made-up test faces."""

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import Competition, SubmissionSpec, find_competition
from keypoints.core.landmarks import IBUG_68, Scheme

CS194_26 = find_competition("cs194-26-fall-2021-project-5")


def make_spec(
    n_faces: int,
    n_points: int,
    competition: Competition = CS194_26,
    row_indices: NDArray[np.integer] | None = None,
) -> SubmissionSpec:
    """A specification of faces face_0, face_1, ... in boxes of 100 x 100 px."""
    return SubmissionSpec(
        competition=competition,
        names=tuple(f"helen/face_{number}" for number in range(n_faces)),
        boxes_photo=np.tile((50.0, 50.0, 150.0, 150.0), (n_faces, 1)),
        scheme=IBUG_68 if n_points == IBUG_68.n_points else _scheme(n_points),
        row_indices=np.arange(n_faces * n_points * 2) if row_indices is None else row_indices,
    )


def _scheme(n_points: int) -> Scheme:
    """A scheme whose points all belong to one part."""
    points = tuple(range(n_points))
    return Scheme(f"points{n_points}", n_points, {"all": points}, (), (0, n_points - 1), 0, ())
