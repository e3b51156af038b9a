"""Landmarks of the test faces, if they are on disk. They are only used to score submissions.

Only src/send.py and src/report.py may import this module; a test checks it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from keypoints.competition.base import SubmissionSpec
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.tables import to_float
from keypoints.core.types import Array
from keypoints.faces.dataset import find_dataset
from keypoints.faces.dlib_xml import iter_images, photo_name
from keypoints.faces.face import FormatError

_REMEDY = "run `dvc repro` to restore it, or replace it in the archive and fetch that again"


def read_test_labels(spec: SubmissionSpec, root: Path) -> Array:
    """Read landmarks_photo of a competition's test faces from the folder of the data set.

    The description of the data set names their file: a list in dlib's XML format, or a CSV with the
    solution of the competition. Coordinates that a submission leaves out are NaN.

    Raises:
        PipelineError: If the file is missing or damaged, or lacks a landmark of the submission.
    """
    name = find_dataset(spec.competition.dataset).test_labels
    path = next(filter(Path.is_file, sorted(root.rglob(name))), None) if name else None
    if path is None:
        raise PipelineError(
            f"{root}: contains no {name or 'test labels'}, so submissions cannot be scored here. "
            "Rendered data sets and the public archive of iBUG contain them, Kaggle's files do not"
        )
    try:
        target = _read_xml(path, spec) if path.suffix == ".xml" else _read_solution(path, spec)
    except FormatError as error:
        raise PipelineError(f"{error}; {_REMEDY}") from error
    except (ValueError, IndexError) as error:  # ValueError includes the errors of pandas
        raise PipelineError(f"{path}: {first_line(error)}; {_REMEDY}") from error
    unknown = np.isnan(target.ravel()[spec.row_indices])
    if unknown.any():
        face = spec.names[spec.row_faces[unknown.argmax()]]
        raise PipelineError(f"{root}: test face {face} lacks a landmark that submissions contain")
    return target


def _read_xml(path: Path, spec: SubmissionSpec) -> Array:
    target = np.full(spec.shape, np.nan)
    rows = {name: row for row, name in enumerate(spec.names)}
    for image in iter_images(path):
        row = rows.get(photo_name(image))
        for part in () if row is None else image.iter("part"):
            point = to_float(part.get("x", "")), to_float(part.get("y", ""))
            if not (number := part.get("name", "")).isdecimal():
                raise ValueError(f"the name of a point should be its number; got {number!r}")
            target[row, int(number)] = point
    return target


def _read_solution(path: Path, spec: SubmissionSpec) -> Array:
    """Read a CSV with a row for each row of a submission: RowId and Location."""
    rows = pd.read_csv(path, dtype={"Location": float})
    first = spec.competition.first_id
    if list(rows) != ["RowId", "Location"] or len(rows) != len(spec.row_indices):
        raise ValueError(f"should have {len(spec.row_indices):,} rows of RowId,Location")
    if (rows["RowId"] != np.arange(first, first + len(rows))).any():
        raise ValueError(f"RowId should count from {first}")
    target = np.full(spec.shape, np.nan)
    target.ravel()[spec.row_indices] = rows["Location"]
    return target
