"""Kaggle's facial-keypoints-detection: the coordinates that its lookup table lists, in 0..96 px."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import RMSE_PX, Competition
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import KAGGLE_15_COLUMNS

LOOKUP_TABLE = "IdLookupTable.csv"


def _read_lookup_table(folder: Path, shape: tuple[int, int, int]) -> NDArray[np.integer]:
    """Read rows of RowId, ImageId and FeatureName; RowId and ImageId start at 1."""
    path, indices = folder / LOOKUP_TABLE, []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            try:
                image, column = int(row["ImageId"]), KAGGLE_15_COLUMNS.index(row["FeatureName"])
                is_valid = int(row["RowId"]) == number and 1 <= image <= shape[0]
            except (KeyError, TypeError, ValueError):
                is_valid = False
            if not is_valid:
                raise PipelineError(
                    f"{path}: row {number} should have RowId {number}, an ImageId up to "
                    f"{shape[0]} and a known FeatureName; got {','.join(map(str, row.values()))}"
                )
            indices.append((image - 1) * len(KAGGLE_15_COLUMNS) + column)
    return np.array(indices, dtype=int)


COMPETITION = Competition(
    slug="facial-keypoints-detection",
    dataset="kaggle15",
    metric=RMSE_PX,
    header="RowId,Location",
    first_id=1,
    value_range=(0.0, 96.0),
    row_indices=_read_lookup_table,
)
