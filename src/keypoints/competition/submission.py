"""The Kaggle CSV: written, and read back with a check of every row."""

import codecs
import math
import re
import sys
from pathlib import Path

import numpy as np

from keypoints.competition.base import SubmissionSpec
from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.types import Array

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")

# Among 2,481 annotated faces in the wild, the point furthest outside its box is 0.54 sides away.
MAX_OUTSIDE_BOX = 1.0  # sides of the box


class SubmissionError(PipelineError):
    """A submission that the competition would reject or misread."""


def write_submission(
    path: Path, landmarks_photo: Array, spec: SubmissionSpec, *, shown_as: Path | None = None
) -> None:
    """Write landmarks of the test faces, (n_faces, n_points, 2), with three decimals.

    If the competition limits its values, values outside are set to the limit. Messages show the
    path `shown_as`, if given, because the file will be moved there.

    Raises:
        SubmissionError: If a value is not finite or the shape is wrong; nothing is written.
    """
    shown = shown_as or path
    if landmarks_photo.shape != spec.shape:
        raise SubmissionError(
            f"{shown}: landmarks of shape {landmarks_photo.shape}; {spec.competition.slug} needs "
            f"{spec.shape}"
        )
    is_finite = np.isfinite(landmarks_photo).all(axis=(1, 2))
    if not is_finite.all():
        face = is_finite.argmin()
        raise SubmissionError(f"{shown}: face {face}, {spec.names[face]}: a point is not finite")
    values = landmarks_photo.ravel()[spec.row_indices]
    if spec.competition.value_range is not None:
        values = values.clip(*spec.competition.value_range)
    first_id = spec.competition.first_id
    rows = (f"{number},{value:.3f}" for number, value in enumerate(values, first_id))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([spec.competition.header, *rows]) + "\n"
    path.write_text(text, encoding="ascii", newline="\n")


def read_submission(path: Path, spec: SubmissionSpec) -> Array:
    """Read a CSV and check every row.

    Returns:
        landmarks_photo, (n_faces, n_points, 2); NaN for coordinates that the CSV leaves out.

    Raises:
        SubmissionError: With the number of the first wrong row and the reason.
    """
    header, *rows = _read_lines(path)
    expected = spec.competition.header
    if header != expected:
        raise SubmissionError(f"{path}: the first line should be {expected}; got {header!r}")
    problem = next(filter(None, (_problem(spec, n, row) for n, row in enumerate(rows))), "")
    if len(rows) != len(spec.row_indices):
        raise SubmissionError(
            f"{path}: {len(rows):,} rows; the test set needs {len(spec.row_indices):,} "
            f"({_count(spec)})" + (f"; first problem: {problem}" if problem else "")
        )
    if problem:
        raise SubmissionError(f"{path}: {problem}")
    landmarks_photo = np.full(spec.shape, np.nan)
    landmarks_photo.ravel()[spec.row_indices] = [float(row.partition(",")[2]) for row in rows]
    return landmarks_photo


def implausible_points(landmarks_photo: Array, spec: SubmissionSpec) -> list[str]:
    """A warning for each face with a point too far outside its box."""
    boxes = spec.boxes_photo[:, None]
    outside = np.maximum(boxes[..., :2] - landmarks_photo, landmarks_photo - boxes[..., 2:])
    sides = (boxes[..., 2:] - boxes[..., :2]).max(axis=-1)
    distances = np.nan_to_num(outside.max(axis=-1) / sides, nan=0.0)  # NaN: no box or not in CSV
    return [
        f"face {face}, {spec.names[face]}: point {distances[face].argmax()} is "
        f"{distances[face].max():.1f} box sides outside the box; annotated points never are"
        for face in np.flatnonzero(distances.max(axis=1) > MAX_OUTSIDE_BOX)
    ]


def check_submission(path: Path, spec: SubmissionSpec, *, shown_as: Path | None = None) -> None:
    """Check every row, warn of implausible faces, and print the number of rows.

    Messages show the path `shown_as`, if given, because the file will be moved there.

    Raises:
        SubmissionError: With the number of the first wrong row and the reason.
    """
    shown = shown_as or path
    for warning in implausible_points(read_submission(path, spec), spec):
        print(f"warning: {shown}: {warning}", file=sys.stderr)
    counts = f"{len(spec.row_indices):,} valid rows for {len(spec.names)} faces"
    print(f"{shown}: {counts} of {spec.competition.slug}")


def write_validated(path: Path, landmarks_photo: Array, spec: SubmissionSpec) -> None:
    """Write a CSV of landmarks (n_faces, n_points, 2), and check it; replace `path` if it is valid.

    Raises:
        SubmissionError: If the landmarks cannot be written or the CSV is invalid.
    """
    with paths.atomic_file(path) as unchecked:
        write_submission(unchecked, landmarks_photo, spec, shown_as=path)
        check_submission(unchecked, spec, shown_as=path)


def _count(spec: SubmissionSpec) -> str:
    n_faces, n_values = len(spec.names), 2 * spec.scheme.n_points
    is_complete = len(spec.row_indices) == n_faces * n_values
    return f"{n_faces} faces x {n_values}" if is_complete else f"of {n_faces} faces"


def _read_lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path}: {error.strerror}") from error
    if content.startswith(codecs.BOM_UTF8):
        raise SubmissionError(f"{path}: begins with a byte order mark; save it without one")
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SubmissionError(
            f"{path}: line {line} has the byte 0x{content[error.start]:02x}; only ASCII is allowed"
        ) from error
    if not text.endswith("\n"):
        problem = "the last line has no line end; the file may be truncated" if text else "is empty"
        raise SubmissionError(f"{path}: {problem}")
    lines = text.removesuffix("\n").split("\n")
    is_windows = [line.endswith("\r") for line in lines]
    if is_windows[0] and all(is_windows):
        return [line.removesuffix("\r") for line in lines]
    if any(is_windows):
        other = is_windows.index(not is_windows[0]) + 1
        raise SubmissionError(
            f"{path}: line endings of lines 1 and {other} differ (\\n and \\r\\n)"
        )
    return lines


def _problem(spec: SubmissionSpec, number: int, row: str) -> str | None:
    """Why a row, counted from 0, is wrong; None if it is valid."""
    expected = str(spec.competition.first_id + number)
    identifier, comma, text = row.partition(",")
    if identifier == expected and _NUMBER.fullmatch(text):
        value, limits = float(text), spec.competition.value_range
        if not math.isfinite(value):
            reason = "the number is too large"
        elif limits is not None and not limits[0] <= value <= limits[1]:
            reason = f"should be from {limits[0]:g} to {limits[1]:g}"
        else:
            return None
    elif identifier == expected:
        has_decimal_comma = re.fullmatch(r"-?\d+,\d+", text)
        reason = "a decimal comma" if has_decimal_comma else "not a finite number"
        reason = reason if comma else "no comma"
    elif not row.strip():
        reason = "a blank line"
    elif re.fullmatch(r"0|[1-9]\d{0,17}", identifier):
        is_gap = int(identifier) > int(expected)
        reason = f"Id {expected} is missing" if is_gap else f"Id {identifier} is out of order"
    else:
        reason = "not the next Id"
    return f"row {number} should be '{expected},NUMBER'; got {row!r}: {reason} (line {number + 2})"
