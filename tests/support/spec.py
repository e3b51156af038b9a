"""Made-up test faces that a competition asks for."""

import numpy as np
from keypoints.competition.registry import CS194_26
from numpy.typing import NDArray

from keypoints.competition.base import Competition, SubmissionSpec
from keypoints.core.landmarks import IBUG_68, Scheme


def scheme_of(n_points: int) -> Scheme:
    """So many points, all of one part."""
    points = tuple(range(n_points))
    return Scheme(f"points{n_points}", n_points, {"all": points}, (), (0, n_points - 1), 0, ())


def submission_spec_for(
    n_faces: int,
    n_points: int,
    competition: Competition = CS194_26,
    values: NDArray[np.integer] | None = None,
) -> SubmissionSpec:
    """Faces face_0, face_1, ... in boxes of 100 x 100 px."""
    return SubmissionSpec(
        competition=competition,
        names=tuple(f"helen/face_{number}" for number in range(n_faces)),
        boxes_photo=np.tile((50.0, 50.0, 150.0, 150.0), (n_faces, 1)),
        scheme=IBUG_68 if n_points == IBUG_68.n_points else scheme_of(n_points),
        values=np.arange(n_faces * n_points * 2) if values is None else values,
    )
