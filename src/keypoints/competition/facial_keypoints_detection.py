"""Kaggle's ever-open competition on 15 points: what its lookup table asks for, within 0..96 px."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import RMSE_PX, Competition, CompetitionError
from keypoints.core.landmarks import KAGGLE_15_POINTS

LOOKUP_TABLE = "IdLookupTable.csv"
_COLUMNS = [f"{point}_{axis}" for point in KAGGLE_15_POINTS for axis in "xy"]


def _values_of_lookup_table(folder: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    """Rows RowId,ImageId,FeatureName,...: a number of a picture, both counted from 1."""
    path, positions = folder / LOOKUP_TABLE, []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            try:
                image, column = int(row["ImageId"]), _COLUMNS.index(row["FeatureName"])
                is_next = int(row["RowId"]) == number and 1 <= image <= shape[0]
            except (KeyError, TypeError, ValueError):
                is_next = False
            if not is_next:
                raise CompetitionError(
                    f"{path}: row {number} should ask for RowId {number}, an ImageId up to "
                    f"{shape[0]} and a FeatureName; got {','.join(map(str, row.values()))}"
                )
            positions.append((image - 1) * len(_COLUMNS) + column)
    return np.array(positions, dtype=int)


FACIAL_KEYPOINTS_DETECTION = Competition(
    slug="facial-keypoints-detection",
    dataset="kaggle15",
    metric=RMSE_PX,
    header="RowId,Location",
    first_id=1,
    value_range=(0.0, 96.0),
    row_indices=_values_of_lookup_table,
)
