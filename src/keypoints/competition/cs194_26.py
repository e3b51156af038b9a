"""The class competition of CS194-26, fall 2021: every coordinate of the iBUG test faces."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import MAE_PX, Competition


def _all_values(folder: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    """All of them: x before y, point after point, face after face."""
    return np.arange(np.prod(shape))


CS194_26 = Competition(
    slug="cs194-26-fall-2021-project-5",
    dataset="ibug",
    metric=MAE_PX,
    header="Id,Predicted",
    first_id=0,
    value_range=None,
    row_indices=_all_values,
)
