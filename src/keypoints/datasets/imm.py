"""Reader of the IMM Face Database: .asf files, each with the photo that it names.

Source: M. B. Stegmann, Analysis and segmentation of face images using point annotations and linear
subspace techniques, 2002; the .asf format is that of its AAM-API.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keypoints.core.landmarks import IMM_58
from keypoints.faces.face import Face, FormatError
from keypoints.faces.face_list import DiskBackedFaces
from keypoints.faces.images import photo_size

PUBLIC_COUNT = 240  # faces of the public set
_FILE_NAME = re.compile(r"(?P<person>\d{2})-(?P<view>[1-6])[mf]")
_MAX_BYTES = 1 << 20  # of a shape file; the public ones have 4,000
_MAX_DIGITS = 9
_COLUMNS = (7, 10)  # 41 of the public files have three more
_EYES = {13: -1, 21: 1}  # by their first point: the sign of their area as the scheme runs, y down
_LEAST_AREA = 1.0  # px x px, twice that of an eye: of less, the direction is rounding
_REVERSED_EYE = [4, 3, 2, 1, 0, 7, 6, 5]  # from the outer corner over the upper lid again


def read_imm(root: Path) -> DiskBackedFaces:
    """Read the whole set, wherever below `root` its files lie.

    Returns:
        The faces in the order of their names, each with the whole frame as its box.

    Raises:
        FormatError: If there is no .asf file, one that breaks the format, or two of one name.
    """
    files = sorted(root.rglob("*.asf"), key=lambda path: path.name)
    if not files:
        raise FormatError(f"{root}: no .asf file below it; fetch the data set again")
    faces = DiskBackedFaces()
    faces.extend((_read_face(path, root) for path in files), root)
    return faces


def _read_face(path: Path, root: Path) -> Face:
    match = _FILE_NAME.fullmatch(path.stem)
    if match is None:
        raise FormatError(f"{path}: its name is not PERSON-VIEW and m or f, such as 07-3m.asf")
    points_relative, host_image = read_asf(path)
    photo = path.with_name(host_image)
    height, width = photo_size(photo)
    return Face(
        name=path.stem,
        photo=str(photo.relative_to(root)),
        group=match["person"],
        box=None,
        landmarks_photo=_fix_eye_order(points_relative * (width, height)),
        view=int(match["view"]),
    )


def _fix_eye_order(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The face with both eyes from their outer corner over the upper lid, (58, 2).

    In nine public faces (06-5m, 10-4m, 18-4m, 33-3m, 36-4m, 36-5m, 36-6m, 39-3m, 40-5m) one eye
    runs the other way round, from its inner corner. Its points are right, and stand under others'
    numbers: as if the two corners had changed places, from which the size of a face is taken.
    """
    ordered = landmarks.copy()
    for first, sign in _EYES.items():
        eye = landmarks[first : first + len(_REVERSED_EYE)]
        if sign * _area(eye) < -_LEAST_AREA:
            ordered[first : first + len(eye)] = eye[_REVERSED_EYE]
    return ordered


def _area(polygon: NDArray[np.float64]) -> float:
    """Twice the signed area; positive where the corners run clockwise in the picture."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def read_asf(path: Path) -> tuple[NDArray[np.float64], str]:
    """Read one shape file.

    Returns:
        Points relative to the photo's width and height, (58, 2), and the name of the photo.

    Raises:
        FormatError: If the file breaks the format; the message names the rule.
    """
    lines = _content(path)
    if not lines or not lines[0].isdecimal() or len(lines[0]) > _MAX_DIGITS:
        raise FormatError(f"{path}: no line with the number of points before the first point")
    count, points, rest = int(lines[0]), lines[1:-1], lines[-1]
    if count != IMM_58.n_points or len(points) != count:
        found = count if count != IMM_58.n_points else len(points)
        raise FormatError(f"{path}: {found} points where the IMM scheme has {IMM_58.n_points}")
    if Path(rest).name != rest or "\0" in rest:
        raise FormatError(f"{path}: its last line should name a photo beside it; got {rest!r}")
    return np.array([_read_point(path, line) for line in points]), rest


def _content(path: Path) -> list[str]:
    """The lines that are neither blank nor a comment."""
    try:
        with path.open(encoding="latin-1") as file:  # in which every byte is a character
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    if len(text) > _MAX_BYTES:
        raise FormatError(f"{path}: more than {_MAX_BYTES:,} bytes, as no shape file has")
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _read_point(path: Path, line: str) -> tuple[float, float]:
    columns = line.split()
    if len(columns) not in _COLUMNS:
        raise FormatError(f"{path}: a point should have 7 or 10 columns; got {line!r}")
    try:
        x, y = float(columns[2]), float(columns[3])
    except ValueError as error:
        raise FormatError(f"{path}: a point's x and y should be numbers; got {line!r}") from error
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise FormatError(f"{path}: a point's x and y should be in 0..1; got {line!r}")
    return x, y
