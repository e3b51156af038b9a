"""Landmarks of the test faces, if they are on disk. They are only used to score submissions.

Only src/send.py and src/report.py may import this module; a test checks it.
"""

from pathlib import Path

import numpy as np

from keypoints.competition.base import SubmissionSpec
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.tables import TableError, parse_integer, parse_number, read_rows, to_float
from keypoints.core.types import Array
from keypoints.faces.dataset import find_dataset
from keypoints.faces.dlib_xml import iter_images, photo_name, used_boxes
from keypoints.faces.face import FormatError
from keypoints.faces.files import find_files

_SOLUTION = "RowId", "Location"  # columns
_REMEDY = "run `dvc repro` to restore it, or replace it in the archive and fetch that again"


def find_test_labels(spec: SubmissionSpec, root: Path) -> Path | None:
    """File with the landmarks of a competition's test faces; None if the data set has none."""
    name = find_dataset(spec.competition.dataset).test_labels
    return next(iter(find_files(root, name)), None) if name else None


def read_test_labels(spec: SubmissionSpec, root: Path) -> Array:
    """Read landmarks_photo of a competition's test faces from the folder of the data set.

    The description of the data set names their file: a list in dlib's XML format, or a CSV with the
    solution of the competition. Coordinates that a submission leaves out are NaN.

    Raises:
        PipelineError: If the file is missing or damaged, or lacks a landmark of the submission.
    """
    path = find_test_labels(spec, root)
    if path is None:
        name = find_dataset(spec.competition.dataset).test_labels
        raise PipelineError(
            f"{root}: contains no {name or 'test labels'}, so submissions cannot be scored here. "
            "Rendered data sets and the public archive of iBUG contain them, Kaggle's files do not"
        )
    is_list = path.suffix.lower() == ".xml"
    try:
        target = _read_xml(path, spec) if is_list else _read_solution(path, spec)
    except (FormatError, TableError) as error:
        raise PipelineError(f"{error}; {_REMEDY}") from error
    except (ValueError, IndexError) as error:
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
        boxes = [] if row is None else used_boxes(image)
        for part in (part for box in boxes for part in box.findall("part")):
            point = to_float(part.get("x", "")), to_float(part.get("y", ""))
            if not (number := part.get("name", "")).isdecimal():
                raise ValueError(f"the name of a point should be its number; got {number!r}")
            target[row, int(number)] = point
    return target


def _read_solution(path: Path, spec: SubmissionSpec) -> Array:
    """Read a CSV with a row for each row of a submission: RowId and Location."""
    target, first = np.full(spec.shape, np.nan), spec.competition.first_id
    values = []
    for number, (place, (row_id, location)) in enumerate(read_rows(path, _SOLUTION), first):
        if parse_integer(place, "RowId", row_id) != number:
            raise TableError(f"{place}: RowId should be {number}; got {row_id!r}")
        values.append(parse_number(place, "Location", location))
    if len(values) != len(spec.row_indices):
        wanted = f"{len(spec.row_indices):,} rows of {','.join(_SOLUTION)}"
        raise TableError(f"{path}: should have {wanted}; got {len(values):,}")
    target.ravel()[spec.row_indices] = values
    return target
