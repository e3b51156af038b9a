"""IdLookupTable.csv of Kaggle's facial-keypoints-detection: the coordinates of a submission.

The rows of an image reveal its kind: an image of which no other than the four points is requested
is a face of the second kind.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import shorten_list
from keypoints.core.landmarks import FOUR_POINTS, KAGGLE_15, KAGGLE_15_COLUMNS
from keypoints.core.tables import TableError, parse_integer, read_rows

LOOKUP_TABLE = "IdLookupTable.csv"
_HEADER = ("RowId", "ImageId", "FeatureName", "Location")


def read_lookup_table(path: Path, n_images: int | None = None) -> NDArray[np.integer]:
    """Read the coordinates in the order of the rows of a submission.

    Args:
        path: The table; its RowId and ImageId start at 1.
        n_images: Number of the test images; None: unknown.

    Returns:
        Positions in the flattened landmarks of the test images, (n_images, 19, 2), of shape
        (n_rows,).

    Raises:
        TableError: If the table is missing or empty, a row is wrong, or an image has no row.
    """
    if not path.is_file():
        raise TableError(f"{path}: missing")
    images, columns = [], []
    limit = np.inf if n_images is None else n_images
    for number, (place, row) in enumerate(read_rows(path, _HEADER), 1):
        row_id = parse_integer(place, "RowId", row[0])
        image = parse_integer(place, "ImageId", row[1])
        name = row[2]
        if row_id != number or not 1 <= image <= limit or name not in KAGGLE_15_COLUMNS:
            up_to = "" if n_images is None else f" up to {n_images}"
            raise TableError(
                f"{place}: row {number} should have RowId {number}, an ImageId{up_to} "
                f"and a known FeatureName; got {','.join(row)}"
            )
        images.append(image - 1)
        columns.append(KAGGLE_15_COLUMNS.index(name))
    if not images:
        raise TableError(f"{path}: contains no rows")
    if n_images is not None and (missing := sorted(set(range(n_images)) - set(images))):
        names = shorten_list([str(image + 1) for image in missing])
        raise TableError(
            f"{path}: no row for {len(missing)} of {n_images} test images, with ImageId {names}; "
            "replace it by a complete copy"
        )
    return _positions(np.array(images), np.array(columns))


def _positions(images: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.integer]:
    """Positions of the coordinates, by the conventions of the images' kinds."""
    points, axes = np.divmod(columns, 2)
    in_full = np.unique(images[~np.isin(points, FOUR_POINTS)])
    own_points = np.arange(KAGGLE_15.n_points)
    own_points[list(FOUR_POINTS)] = KAGGLE_15.kinds["4 points"].points
    points = np.where(np.isin(images, in_full), points, own_points[points])
    return (images * KAGGLE_15.n_points + points) * 2 + axes


def kind_weights(path: Path) -> dict[str, float]:
    """Fraction of the requested coordinates that belong to faces of each kind.

    Raises:
        TableError: If the table is missing or empty, or a row is wrong.
    """
    points = read_lookup_table(path) // 2 % KAGGLE_15.n_points
    return {
        name: float(np.isin(points, kind.points).mean()) for name, kind in KAGGLE_15.kinds.items()
    }
