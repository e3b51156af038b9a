"""Reader of Kaggle's facial-keypoints-detection: grey pictures of 96 x 96 px as text in CSVs.

training.csv has a column for x and y of each of the 15 points, empty where unknown, and the pixels
in a text column; test.csv has the pixels only; IdLookupTable.csv says which numbers to predict.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.landmarks import KAGGLE_15_POINTS
from keypoints.download.unpack import MAX_BYTES, unpack
from keypoints.faces.face import Face, FormatError, SplitFunction, split_by_photo
from keypoints.faces.face_list import DiskBackedFaces

PUBLIC_COUNTS = {"train": 7049, "test": 1783}  # faces of the competition
IMAGE_SIZE = 96  # px, height and width
LOOKUP_TABLE = "IdLookupTable.csv"
COLUMNS = tuple(f"{point}_{axis}" for point in KAGGLE_15_POINTS for axis in "xy")
TRAIN_HEADER, TEST_HEADER = (*COLUMNS, "Image"), ("ImageId", "Image")
_PHOTOS = "photos"
_BRIGHTEST = 255


def read_kaggle15(root: Path) -> DiskBackedFaces:
    """Read the whole set, wherever below `root` its files lie; `write_photos` must have run.

    Landmarks are pixels of the picture, the whole frame is the face's box, and faces with the very
    same pixels are one group.

    Returns:
        The training faces in the order of their rows, NaN where a point is unknown; then the test
        faces.

    Raises:
        FormatError: If a file is missing or breaks the format; the message names the row.
    """
    faces = DiskBackedFaces()
    faces.extend(_faces(root, "training", TRAIN_HEADER), root / "training.csv")
    if not len(faces):
        raise FormatError(f"{root}: no face in training.csv; fetch the data set again")
    faces.extend(_faces(root, "test", TEST_HEADER), root / "test.csv")
    return faces


def write_photos(root: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Write the pictures of both CSVs as PNG files, which all that follows can read.

    Archives within the archive are unpacked first.

    Args:
        root: Of the files.
        max_bytes: The most that may come out of each of those archives.

    Raises:
        FormatError: If a picture is not one of 96 x 96 grey pixels; the message names the row.
        UnpackError: If an archive is damaged or too big unpacked.
    """
    for archive in sorted(root.rglob("*.zip")):
        unpack(archive, archive.with_suffix(""), max_bytes=max_bytes)
        archive.unlink()
    for name, header in (("training", TRAIN_HEADER), ("test", TEST_HEADER)):
        folder = root / _PHOTOS / name
        folder.mkdir(parents=True)
        for number, (place, row) in enumerate(_rows(root, f"{name}.csv", header), 1):
            if name == "test" and row[0] != str(number):
                raise FormatError(f"{place}: ImageId should be {number}; got {row[0]!r}")
            cv2.imwrite(str(folder / f"{number:05d}.png"), _image(place, row[-1]))


def lookup_table(root: Path) -> Path:
    """The table of the numbers to predict, wherever below `root` it lies."""
    return _find(root, LOOKUP_TABLE)


def split_kaggle15(faces: Iterable[Face], share: float) -> SplitFunction:
    """Hold out a share of the faces that have all points, and no twin of one that lacks some.

    So every validation error is over the same 15 points.
    """
    incomplete = {
        face.group
        for face in faces
        if face.landmarks_photo is not None and np.isnan(face.landmarks_photo).any()
    }
    by_photo = split_by_photo(share)

    def side_of(face: Face) -> str:
        side = by_photo(face)
        return "train" if side == "validation" and face.group in incomplete else side

    return side_of


def _faces(root: Path, name: str, header: Sequence[str]) -> Iterator[Face]:
    """The faces of one CSV; those of the test set have no points."""
    is_test = name == "test"
    for number, (place, row) in enumerate(_rows(root, f"{name}.csv", header), 1):
        yield Face(
            name=f"{name}/{number:05d}",
            photo=f"{_PHOTOS}/{name}/{number:05d}.png",
            group=_digest(row[-1]),
            box=None,
            landmarks_photo=None if is_test else _landmarks(place, row[:-1]),
            is_test=is_test,
        )


def _rows(root: Path, name: str, header: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The rows of a CSV, each with its place for messages."""
    path = _find(root, name)
    lines = _lines(path)
    if next(lines, (0, []))[1] != list(header):
        raise FormatError(f"{path}: the first line should be {','.join(header)}")
    for number, row in lines:
        place = f"{path}: line {number}"
        if len(row) != len(header):
            raise FormatError(f"{place}: {len(row)} columns where {len(header)} are due")
        yield place, row


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise FormatError(f"{path}: after line {reader.line_num}: {error}") from error


def _find(root: Path, name: str) -> Path:
    found = sorted(path for path in root.rglob(name) if path.is_file())
    if not found:
        raise FormatError(f"{root}: no {name} below it; fetch the data set again")
    return found[0]


def _landmarks(place: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """(15, 2); a point of which one number is missing is unknown."""
    try:
        points = np.array([float(text or "nan") for text in texts]).reshape(-1, 2)
    except ValueError as error:
        raise FormatError(f"{place}: {error}") from error
    if np.isinf(points).any():
        raise FormatError(f"{place}: a number is not finite")
    points[np.isnan(points).any(axis=1)] = np.nan
    return points


def _image(place: str, text: str) -> NDArray[np.uint8]:
    try:
        pixels = np.array(text.split(), dtype=int)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{place}: {error}") from error
    if pixels.size != IMAGE_SIZE * IMAGE_SIZE or pixels.min() < 0 or pixels.max() > _BRIGHTEST:
        raise FormatError(
            f"{place}: a picture should have {IMAGE_SIZE * IMAGE_SIZE} numbers from 0 to {_BRIGHTEST}; this "
            f"one has {pixels.size}"
        )
    return pixels.reshape(IMAGE_SIZE, IMAGE_SIZE).astype(np.uint8)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
