"""IdLookupTable.csv of Kaggle's facial-keypoints-detection: the coordinates of a submission."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.core.landmarks import KAGGLE_15_COLUMNS
from keypoints.core.tables import TableError, parse_integer, read_rows

LOOKUP_TABLE = "IdLookupTable.csv"
_HEADER = ("RowId", "ImageId", "FeatureName", "Location")


def read_lookup_table(path: Path, n_images: int) -> NDArray[np.integer]:
    """Read the coordinates in the order of the rows of a submission.

    Returns:
        Positions in the flattened landmarks of the test images, (n_images, 15, 2), of shape
        (n_rows,). RowId and ImageId of the table start at 1.

    Raises:
        TableError: If the table is missing or empty, or a row is wrong.
    """
    if not path.is_file():
        raise TableError(f"{path}: missing")
    indices = []
    for number, (place, row) in enumerate(read_rows(path, _HEADER), 1):
        row_id = parse_integer(place, "RowId", row[0])
        image = parse_integer(place, "ImageId", row[1])
        name = row[2]
        if row_id != number or not 1 <= image <= n_images or name not in KAGGLE_15_COLUMNS:
            raise TableError(
                f"{place}: row {number} should have RowId {number}, an ImageId up to {n_images} "
                f"and a known FeatureName; got {','.join(row)}"
            )
        indices.append((image - 1) * len(KAGGLE_15_COLUMNS) + KAGGLE_15_COLUMNS.index(name))
    if not indices:
        raise TableError(f"{path}: contains no rows")
    return np.array(indices, dtype=int)
