"""The Kaggle CSV: written, and read back with every row checked."""

import codecs
import math
import re
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import SubmissionSpec
from keypoints.core import paths
from keypoints.core.errors import PipelineError

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")

# Of 2,481 annotated faces in the wild, none has a point further outside its box than 0.54 sides.
MAX_OUTSIDE_BOX = 1.0  # sides of the box


class SubmissionError(PipelineError):
    """A submission that the competition would refuse or misread."""


def write_submission(
    path: Path, landmarks_photo: NDArray[np.floating], asked: SubmissionSpec
) -> None:
    """Validate predictions and write those that are asked for, to a thousandth of a pixel.

    Where the competition limits its numbers, points beyond are put onto the limit.

    Args:
        path: Of the CSV.
        landmarks_photo: (n_faces, n_points, 2), the faces in the order of the test list.
        asked: What the competition asks for.

    Raises:
        SubmissionError: If a number is not finite or the shape another; nothing is written.
    """
    if landmarks_photo.shape != asked.shape:
        raise SubmissionError(
            f"{path}: landmarks of shape {landmarks_photo.shape} where {asked.competition.slug} "
            f"asks for {asked.shape}"
        )
    faces = np.argwhere(~np.isfinite(landmarks_photo).all(axis=(1, 2))).ravel()
    if len(faces):
        raise SubmissionError(
            f"{path}: face {faces[0]} has a point that is not a finite number: "
            f"{asked.names[faces[0]]}"
        )
    values = landmarks_photo.ravel()[asked.values]
    if asked.competition.value_range is not None:
        values = values.clip(*asked.competition.value_range)
    rows = (f"{number},{value:.3f}" for number, value in enumerate(values, _first(asked)))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([asked.competition.header, *rows]) + "\n"
    path.write_text(text, encoding="ascii", newline="\n")


def read_submission(path: Path, asked: SubmissionSpec) -> NDArray[np.float64]:
    """Read a CSV, checking every row.

    Returns:
        landmarks_photo, (n_faces, n_points, 2), NaN where the competition asks for nothing.

    Raises:
        SubmissionError: Naming the first row that is wrong, and why.
    """
    header, *rows = _lines(path)
    expected = asked.competition.header
    if header != expected:
        raise SubmissionError(f"{path}: the first line should be {expected}; got {header!r}")
    problem = next(filter(None, (_problem(asked, n, row) for n, row in enumerate(rows))), "")
    if len(rows) != len(asked.values):
        raise SubmissionError(
            f"{path}: {len(rows):,} rows where the test set asks for {len(asked.values):,} "
            f"({_count(asked)})" + (f"; first, {problem}" if problem else "")
        )
    if problem:
        raise SubmissionError(f"{path}: {problem}")
    landmarks_photo = np.full(asked.shape, np.nan)
    landmarks_photo.ravel()[asked.values] = [float(row.partition(",")[2]) for row in rows]
    return landmarks_photo


def implausible_points(landmarks_photo: NDArray[np.floating], asked: SubmissionSpec) -> list[str]:
    """A warning for each face with a point further outside its box than any real one could be.

    Args:
        landmarks_photo: From `read_submission`.
        asked: What it was read for.
    """
    boxes = asked.boxes_photo[:, None]
    beyond = np.maximum(boxes[..., :2] - landmarks_photo, landmarks_photo - boxes[..., 2:])
    sides = (boxes[..., 2:] - boxes[..., :2]).max(axis=-1)
    distances = np.nan_to_num(beyond.max(axis=-1) / sides, nan=0.0)  # no box, or not asked for
    return [
        f"face {face}, {asked.names[face]}: point {distances[face].argmax()} lies "
        f"{distances[face].max():.1f} sides of its box outside of it; no real one does"
        for face in np.flatnonzero(distances.max(axis=1) > MAX_OUTSIDE_BOX)
    ]


def check_submission(path: Path, asked: SubmissionSpec, *, shown_as: Path | None = None) -> None:
    """Read every row, warn of faces that cannot be right, and say what is there.

    Args:
        path: Of the CSV.
        asked: What the competition asks for.
        shown_as: The path that is printed, where the file is still to be moved there.

    Raises:
        SubmissionError: Naming the first row that is wrong, and why.
    """
    for warning in implausible_points(read_submission(path, asked), asked):
        print(f"warning: {shown_as or path}: {warning}", file=sys.stderr)
    faces = f"{len(asked.values):,} rows for {len(asked.names)} faces"
    print(f"{shown_as or path}: {faces}, as {asked.competition.slug} asks")


def write_validated(
    path: Path, landmarks_photo: NDArray[np.floating], asked: SubmissionSpec
) -> None:
    """Write a CSV and read it back as the competition will; only a right one takes its place.

    Args:
        path: Of the CSV.
        landmarks_photo: (n_faces, n_points, 2), the faces in the order of the test list.
        asked: What the competition asks for.

    Raises:
        SubmissionError: If it cannot be written or is wrong.
    """
    unchecked = paths.replace_output(path.with_suffix(".unchecked"))
    try:
        write_submission(unchecked, landmarks_photo, asked)
        check_submission(unchecked, asked, shown_as=path)
        unchecked.replace(path)
    finally:
        unchecked.unlink(missing_ok=True)


def _first(asked: SubmissionSpec) -> int:
    return asked.competition.first_id


def _count(asked: SubmissionSpec) -> str:
    n_faces, per_face = asked.shape[0], 2 * asked.shape[1]
    is_whole = len(asked.values) == n_faces * per_face
    return f"{n_faces} faces x {per_face}" if is_whole else f"of {n_faces} faces"


def _lines(path: Path) -> list[str]:
    """The lines of a text in ASCII whose lines all end alike."""
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
        problem = "the last line has no end; it may be cut short" if text else "is empty"
        raise SubmissionError(f"{path}: {problem}")
    lines = text.removesuffix("\n").split("\n")
    is_windows = [line.endswith("\r") for line in lines]
    if is_windows[0] and all(is_windows):
        return [line.removesuffix("\r") for line in lines]
    if any(is_windows):
        other = is_windows.index(not is_windows[0]) + 1
        raise SubmissionError(f"{path}: line {other} ends otherwise than line 1 (\\n and \\r\\n)")
    return lines


def _problem(asked: SubmissionSpec, number: int, row: str) -> str | None:
    """What is wrong with a row, counted from 0; None if nothing is."""
    wanted = str(_first(asked) + number)
    identifier, comma, text = row.partition(",")
    if identifier == wanted and _NUMBER.fullmatch(text):
        value, limits = float(text), asked.competition.value_range
        if not math.isfinite(value):
            reason = "too large a number"
        elif limits is not None and not limits[0] <= value <= limits[1]:
            reason = f"should be within {limits[0]:g} and {limits[1]:g}"
        else:
            return None
    elif identifier == wanted:
        reason = "not a finite number" if comma else "no comma"
    elif re.fullmatch(r"0|[1-9]\d{0,17}", identifier):
        is_gap = int(identifier) > int(wanted)
        reason = f"Id {wanted} is missing" if is_gap else f"Id {identifier} comes out of turn"
    else:
        reason = "not the Id that comes next"
    return f"row {number} should be '{wanted},NUMBER'; got {row!r}: {reason} (line {number + 2})"
