"""Class competition of CS194-26, fall 2021: all coordinates of the iBUG test faces."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import MAE_PX, Competition


def _all_coordinates(folder: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    """Face by face, point by point, x before y."""
    return np.arange(np.prod(shape))


COMPETITION = Competition(
    slug="cs194-26-fall-2021-project-5",
    dataset="ibug",
    metric=MAE_PX,
    header="Id,Predicted",
    first_id=0,
    value_range=None,
    row_indices=_all_coordinates,
)
