"""The CSVs of Kaggle's facial-keypoints-detection, with the answers that Kaggle keeps."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from keypoints.core.landmarks import KAGGLE_15_POINTS
from keypoints.rendered.portrait import Portrait

COLUMNS = [f"{point}_{axis}" for point in KAGGLE_15_POINTS for axis in "xy"]
SOLUTION = "solution.csv"


def write_training(path: Path, portraits: Sequence[Portrait]) -> None:
    """Write the points, empty where unknown, and the pixels."""
    rows = ([*_numbers(portrait), _text(portrait)] for portrait in portraits)
    _write(path, [*COLUMNS, "Image"], rows)


def write_test(folder: Path, portraits: Sequence[Portrait]) -> None:
    """Write the pixels, which of the points are asked for, and the solution."""
    pictures = ([number, _text(portrait)] for number, portrait in enumerate(portraits, 1))
    _write(folder / "test.csv", ["ImageId", "Image"], pictures)
    asked = [
        (image, column, number)
        for image, portrait in enumerate(portraits, 1)
        for column, number in zip(COLUMNS, _numbers(portrait), strict=True)
        if number
    ]
    lookup = ([row, image, column, ""] for row, (image, column, _) in enumerate(asked, 1))
    _write(folder / "IdLookupTable.csv", ["RowId", "ImageId", "FeatureName", "Location"], lookup)
    solution = ([row, number] for row, (_, _, number) in enumerate(asked, 1))
    _write(folder / SOLUTION, ["RowId", "Location"], solution)


def _numbers(portrait: Portrait) -> list[str]:
    numbers = np.where(portrait.is_known[:, None], portrait.landmarks_photo, np.nan).ravel()
    return ["" if np.isnan(number) else f"{number:.4f}" for number in numbers]


def _text(portrait: Portrait) -> str:
    return " ".join(map(str, portrait.pixels.ravel().tolist()))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
