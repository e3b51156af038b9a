"""Landmarks of test faces, where they are on disk. They score submissions and do nothing else.

Only src/send.py and src/report.py may import this; a test holds every other stage against it.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.competition.base import SubmissionSpec
from keypoints.core.errors import PipelineError, first_line
from keypoints.faces.dlib_xml import iter_images
from keypoints.faces.face import FormatError

Array = NDArray[np.floating]

IBUG_LIST = "labels_ibug_300W_test.xml"
SOLUTION = "solution.csv"


class TruthError(PipelineError):
    """Test landmarks that are not on disk, or not those of the faces that are asked for."""


def read_test_labels(asked: SubmissionSpec, root: Path) -> Array:
    """Read the landmarks of the faces that a competition asks for.

    Args:
        asked: The faces, in their order.
        root: Folder of the data set.

    Returns:
        landmarks_photo, (n_faces, n_points, 2).

    Raises:
        TruthError: If they are not on disk, or one that is asked for is missing.
    """
    truth = READERS[asked.competition.dataset](root, asked)
    unknown = np.isnan(truth.ravel()[asked.values])
    if unknown.any():
        face = asked.names[asked.faces[unknown.argmax()]]
        raise TruthError(f"{root}: test face {face} has no landmark where one is asked for")
    return truth


def _read_ibug(root: Path, asked: SubmissionSpec) -> Array:
    """Take the landmarks out of dlib's list; faces are found by their names."""
    path = _find(root, IBUG_LIST)
    truth = np.full(asked.shape, np.nan)
    rows = {name: row for row, name in enumerate(asked.names)}
    try:
        for image in iter_images(path):
            row = rows.get(image.get("file", "").rpartition(".")[0])
            for part in () if row is None else image.iter("part"):
                place = float(part.get("x", "")), float(part.get("y", ""))
                truth[row, int(part.get("name", ""))] = place
    except FormatError as error:
        raise TruthError(f"{error}; fetch the data set again") from error
    except (ValueError, IndexError) as error:
        raise TruthError(f"{path}: {error}; fetch the data set again") from error
    return truth


def _read_solution(root: Path, asked: SubmissionSpec) -> Array:
    """Take the numbers that the lookup table asks for out of the solution, row by row."""
    path = _find(root, SOLUTION)
    try:
        rows = pd.read_csv(path, dtype={"Location": float})
    except ValueError as error:  # what pandas raises is one
        raise TruthError(f"{path}: {first_line(error)}; fetch the data set again") from error
    first = asked.competition.first_id
    if list(rows) != ["RowId", "Location"] or len(rows) != len(asked.values):
        raise TruthError(f"{path}: should have {len(asked.values):,} rows of RowId,Location")
    if (rows["RowId"] != np.arange(first, first + len(rows))).any():
        raise TruthError(f"{path}: RowId should count from {first}")
    truth = np.full(asked.shape, np.nan)
    truth.ravel()[asked.values] = rows["Location"]
    return truth


def _find(root: Path, name: str) -> Path:
    found = sorted(root.rglob(name))
    if not found:
        raise TruthError(
            f"{root}: no {name} below it: the landmarks of the test faces are not on disk. "
            "Rendered sets and the public archive of iBUG have them, Kaggle's downloads never"
        )
    return found[0]


READERS: dict[str, Callable[[Path, SubmissionSpec], Array]] = {
    "ibug": _read_ibug,
    "kaggle15": _read_solution,
}
