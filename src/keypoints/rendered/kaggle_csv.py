"""CSV files of Kaggle's facial-keypoints-detection, including the unpublished solution."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from keypoints.core.landmarks import FOUR_POINTS, KAGGLE_15, KAGGLE_15_COLUMNS
from keypoints.rendered.kaggle15_photo import Kaggle15Photo

SOLUTION = "solution.csv"


def write_training(path: Path, photos: Sequence[Kaggle15Photo]) -> None:
    """Write landmarks, empty if unknown, and pixels."""
    rows = ([*_coordinates(photo), _pixels(photo)] for photo in photos)
    _write(path, [*KAGGLE_15_COLUMNS, "Image"], rows)


def write_test(folder: Path, photos: Sequence[Kaggle15Photo]) -> None:
    """Write test.csv (pixels), IdLookupTable.csv (rows to predict) and solution.csv."""
    images = ([number, _pixels(photo)] for number, photo in enumerate(photos, 1))
    _write(folder / "test.csv", ["ImageId", "Image"], images)
    known = [
        (image, column, coordinate)
        for image, photo in enumerate(photos, 1)
        for column, coordinate in zip(KAGGLE_15_COLUMNS, _coordinates(photo), strict=True)
        if coordinate
    ]
    lookup = ([row, image, column, ""] for row, (image, column, _) in enumerate(known, 1))
    _write(folder / "IdLookupTable.csv", ["RowId", "ImageId", "FeatureName", "Location"], lookup)
    solution = ([row, coordinate] for row, (_, _, coordinate) in enumerate(known, 1))
    _write(folder / SOLUTION, ["RowId", "Location"], solution)


def _coordinates(photo: Kaggle15Photo) -> list[str]:
    """Texts of the 30 columns: a face of the second kind has its four points in them."""
    points = np.where(photo.is_known[:, None], photo.landmarks_photo, np.nan)
    kinds = KAGGLE_15.kinds
    columns = points[list(kinds["15 points"].points)]
    if np.isnan(columns).all():
        columns[list(FOUR_POINTS)] = points[list(kinds["4 points"].points)]
    return ["" if np.isnan(value) else f"{value:.4f}" for value in columns.ravel()]


def _pixels(photo: Kaggle15Photo) -> str:
    return " ".join(map(str, photo.pixels.ravel().tolist()))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
