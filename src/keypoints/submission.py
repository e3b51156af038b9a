"""The Kaggle CSV: `Id,Predicted`, one row per coordinate, in the order of the test list."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.errors import PipelineError

HEADER = "Id,Predicted"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class SubmissionError(PipelineError):
    """A submission that the competition would refuse or misread."""


def write_submission(path: Path, landmarks_photo: NDArray[np.floating]) -> None:
    """Validate predictions and write them: x0, y0, x1, y1, ... of each face in turn.

    Args:
        path: Of the CSV.
        landmarks_photo: (n_faces, n_points, 2), the faces in the order of the test list.

    Raises:
        SubmissionError: If a number is not finite; nothing is written.
    """
    faces = np.argwhere(~np.isfinite(landmarks_photo).all(axis=(1, 2))).ravel()
    if len(faces):
        raise SubmissionError(f"{path}: face {faces[0]} has a point that is not a finite number")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (f"{number},{value:.3f}" for number, value in enumerate(landmarks_photo.ravel()))
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="ascii", newline="\n")


def read_submission(path: Path, n_faces: int, n_points: int) -> NDArray[np.float64]:
    """Read a CSV back, checking every row.

    Returns:
        landmarks_photo, (n_faces, n_points, 2).

    Raises:
        SubmissionError: Naming the first row that is wrong, and why.
    """
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SubmissionError(f"{path}: no ASCII text beginning with {HEADER} ({error})") from error
    expected = n_faces * n_points * 2
    if lines[0] != HEADER:
        raise SubmissionError(f"{path}: the first line should be {HEADER}; got {lines[0]!r}")
    if lines[-1] != "":
        raise SubmissionError(f"{path}: the last line has no end")
    rows = lines[1:-1]
    if len(rows) != expected:
        raise SubmissionError(
            f"{path}: {len(rows):,} rows where the test set asks for {expected:,} "
            f"({n_faces} faces x {2 * n_points})"
        )
    values = [_value(path, number, row) for number, row in enumerate(rows)]
    return np.array(values).reshape(n_faces, n_points, 2)


def _value(path: Path, number: int, row: str) -> float:
    identifier, _, text = row.partition(",")
    if identifier != str(number) or not _NUMBER.fullmatch(text):
        raise SubmissionError(f"{path}: row {number} should be '{number},NUMBER'; got {row!r}")
    return float(text)
