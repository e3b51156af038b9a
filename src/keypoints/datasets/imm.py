"""The IMM Face Database: 40 persons in six views each, .asf shape files beside the photos.

Source: M. B. Stegmann, Analysis and segmentation of face images using point annotations and linear
subspace techniques, 2002; the .asf format is that of its AAM-API.
"""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.core.landmarks import IMM_58
from keypoints.core.tables import DOS_END, text_encoding, to_float
from keypoints.faces.dataset import Dataset, PublicDatasetSettings, RenderedSettings
from keypoints.faces.face import Face, FormatError, SplitFunction, split_by_group
from keypoints.faces.face_list import DiskBackedFaces, FaceEntry, FaceList, read_faces
from keypoints.faces.files import DATASET_PHOTO_SUFFIXES, PhotoFinder, find_files
from keypoints.faces.images import photo_size

_FILE_NAME = re.compile(r"(?P<person>\d{2})-(?P<view>[1-6])[mf]")
_DECIMAL_COMMA = re.compile(r"\d,\d")
_MAX_BYTES = 1 << 20  # of a shape file; the public ones have 4,000
# First point of each eye: sign of the eye's area if its points are in the scheme's order, y down.
_EYES = {13: -1, 21: 1}
_MIN_DOUBLE_AREA = 1.0  # px x px, of an eye; the sign of a smaller one is rounding noise
_REVERSED_EYE = [4, 3, 2, 1, 0, 7, 6, 5]  # from the other corner over the upper lid


class RenderedImm(RenderedSettings):
    """Settings of the rendered faces, six views of each person."""

    people: Annotated[int, Field(ge=5, le=99)]


class ImmSettings(PublicDatasetSettings):
    """Settings of the data set."""

    rendered: RenderedImm


def read_imm(root: Path) -> DiskBackedFaces:
    """Read all faces, wherever below `root` their files are, in the order of their names."""
    files = sorted(find_files(root, "*.asf"), key=lambda path: path.name.lower())
    if not files:
        raise FormatError(f"{root}: no .asf file below it")
    entries = [FaceEntry(path.stem.lower(), partial(_read_face, path, root)) for path in files]
    named = {entry.name for entry in entries}
    entries += [
        FaceEntry(path.stem.lower(), partial(_refuse_photo, path))
        for path in find_files(root, "*")
        if path.suffix.lower() in DATASET_PHOTO_SUFFIXES
        and _FILE_NAME.fullmatch(path.stem.lower())
        and path.stem.lower() not in named
    ]
    return read_faces(root, FaceList(entries, root))


def split_by_person(faces: Iterable[Face], val_fraction: float) -> SplitFunction:
    """Hold out the persons with the highest numbers: 33-40 of 40 if `val_fraction` is 0.2."""
    persons = sorted({face.group for face in faces if not face.is_test})
    held_out = set(persons[len(persons) - round(val_fraction * len(persons)) :])
    return split_by_group(held_out.__contains__)


def read_asf(path: Path) -> tuple[NDArray[np.float64], str]:
    """Read the points, (58, 2), relative to the photo's width and height, and the photo's name."""
    lines = _content_lines(path)
    if not lines or not re.fullmatch(r"\d{1,9}", lines[0], re.ASCII):
        raise FormatError(f"{path}: no line with the number of points before the first point")
    points, photo = lines[1:-1], lines[-1]
    for count in (int(lines[0]), len(points)):
        if count != IMM_58.n_points:
            raise FormatError(f"{path}: {count} points where the IMM scheme has {IMM_58.n_points}")
    if PureWindowsPath(photo).name != photo or "\0" in photo:  # both slashes, and drives
        raise FormatError(f"{path}: the last line should name a photo beside it; got {photo!r}")
    return np.array([_read_point(path, line) for line in points]), photo


def _read_face(path: Path, root: Path) -> Face:
    name = path.stem.lower()
    match = _FILE_NAME.fullmatch(name)
    if match is None:
        raise FormatError(f"{path}: the name should be PERSON-VIEW and m or f, such as 07-3m.asf")
    points_relative, photo_name = read_asf(path)
    photo = path.parent / PhotoFinder(path.parent).find(photo_name)
    height, width = photo_size(photo)
    return Face(
        name=name,
        photo=str(photo.relative_to(root)),
        group=match["person"],
        box=None,
        landmarks_photo=_fix_eye_order(points_relative * (width, height)),
        view=int(match["view"]),
    )


def _refuse_photo(path: Path) -> Face:
    raise FormatError(f"{path}: no shape file {path.stem}.asf for this photo")


def _fix_eye_order(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Renumber eyes that were annotated from the inner corner, (58, 2).

    In nine public faces (06-5m, 10-4m, 18-4m, 33-3m, 36-4m, 36-5m, 36-6m, 39-3m, 40-5m) the points
    of one eye start at the inner corner instead of the outer one. The positions are right, but the
    numbers are not, and every error is divided by the distance between the outer corners.
    """
    ordered = landmarks.copy()
    for first, sign in _EYES.items():
        eye = landmarks[first : first + len(_REVERSED_EYE)]
        x, y = eye.T
        double_area = x @ np.roll(y, -1) - y @ np.roll(x, -1)  # positive if clockwise on the screen
        if sign * double_area < -_MIN_DOUBLE_AREA:
            ordered[first : first + len(eye)] = eye[_REVERSED_EYE]
    return ordered


def _content_lines(path: Path) -> list[str]:
    """Lines that are neither blank nor comments."""
    try:
        with path.open(encoding=text_encoding(path, "latin-1")) as file:  # decodes any byte
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise FormatError(f"{path}: {error}") from error
    if len(text) > _MAX_BYTES:
        raise FormatError(f"{path}: more than {_MAX_BYTES:,} bytes, too many for a shape file")
    lines = (line.strip().strip(DOS_END) for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _read_point(path: Path, line: str) -> tuple[float, float]:
    columns = line.split()
    if len(columns) not in (7, 10):  # 41 of the public files have three more
        raise FormatError(f"{path}: a point should have 7 or 10 columns; got {line!r}")
    try:
        x, y = to_float(columns[2]), to_float(columns[3])
    except ValueError as error:
        hint = ", which has decimal commas" if _DECIMAL_COMMA.search(line) else ""
        raise FormatError(
            f"{path}: a point's x and y should be numbers; got {line!r}{hint}"
        ) from error
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise FormatError(f"{path}: a point's x and y should be in 0..1; got {line!r}")
    return x, y


DATASET = Dataset(
    title="IMM Face Database",
    scheme=IMM_58,
    settings=ImmSettings,
    public_counts={"train": 240},
    read=read_imm,
    split=split_by_person,
)
