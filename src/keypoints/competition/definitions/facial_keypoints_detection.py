"""Kaggle's facial-keypoints-detection: the coordinates that its lookup table lists, in 0..96 px."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import RMSE_PX, Competition
from keypoints.core.lookup_table import LOOKUP_TABLE, read_lookup_table


def _listed_coordinates(folder: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    """In the order of the rows of the lookup table."""
    return read_lookup_table(folder / LOOKUP_TABLE, n_images=shape[0])


COMPETITION = Competition(
    slug="facial-keypoints-detection",
    dataset="kaggle15",
    metric=RMSE_PX,
    header="RowId,Location",
    first_id=1,
    value_range=(0.0, 96.0),
    row_indices=_listed_coordinates,
)
