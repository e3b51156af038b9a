"""The files of Kaggle's facial-keypoints-detection: images of 96 x 96 px as text in CSVs.

training.csv has a column for x and y of each of the 15 points, empty if unknown, and the pixels in
a text column; test.csv has the pixels only; IdLookupTable.csv lists the numbers to predict.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.core.landmarks import KAGGLE_15, KAGGLE_15_COLUMNS
from keypoints.core.lookup_table import LOOKUP_TABLE, read_lookup_table
from keypoints.core.splits import in_hash_fraction
from keypoints.core.tables import TableError, parse_integer, parse_number, read_rows
from keypoints.faces.dataset import Archive, Dataset, DatasetSettings, RenderedSettings
from keypoints.faces.face import Face, FormatError, SplitFunction, split_by_group
from keypoints.faces.face_list import DiskBackedFaces, FaceEntry, FaceList, read_faces
from keypoints.faces.faults import Fault, FaultyFacesError
from keypoints.faces.files import find_file

IMAGE_SIZE = 96  # px, height and width
HEADERS = {"training": (*KAGGLE_15_COLUMNS, "Image"), "test": ("ImageId", "Image")}
_PHOTOS = "photos"
_UNKNOWN = ("", "nan", "na")  # lower case
_MAX_DIGITS = 9  # of a number that fits into 64 bits
_INTEGERS = re.compile(r"[0-9\s]*", re.ASCII)


class RenderedKaggle15(RenderedSettings):
    """Settings of the rendered images; all 15 points are known in about half of them."""

    faces: Annotated[int, Field(ge=20)]
    test_faces: Annotated[int, Field(ge=1)]


class Kaggle15Settings(DatasetSettings):
    """Settings of the data set, whose source does not depend on the top-level setting."""

    competition: str
    source: Literal["rendered", "kaggle"]
    rendered: RenderedKaggle15

    def choose_source(self, default: str) -> str:
        return self.source

    def archives(self) -> list[Archive]:
        return [Archive(self.max_bytes, self.sha256, competition=self.competition)]


def read_kaggle15(root: Path) -> DiskBackedFaces:
    """Read training, then test faces from anywhere below `root`; call `write_photos` first.

    Unknown points are NaN. Faces with identical pixels are one group, which has the name of the
    first of them. So the split of rendered faces does not depend on the last bits of their pixels.
    """
    groups: dict[bytes, str] = {}
    return read_faces(
        root,
        *(FaceList(_iter_entries(root, name, groups), root / f"{name}.csv") for name in HEADERS),
    )


def write_photos(root: Path) -> None:
    """Write the images of both CSVs as PNG files, which `read_kaggle15` refers to.

    Raises:
        FaultyFacesError: If an image or the lookup table is faulty.
        OSError: If a file cannot be written.
    """
    faults: list[Fault] = []
    n_images = 0
    for name in HEADERS:
        (root / _PHOTOS / name).mkdir(parents=True)
        n_images = 0
        for entry, place, row in _iter_rows(root, name):
            n_images += 1
            try:
                pixels = _parse_image(place, row[-1])
                if name == "test" and parse_integer(place, "ImageId", row[0]) != n_images:
                    raise TableError(f"{place}: ImageId should be {n_images}; got {row[0]!r}")
            except TableError as error:
                faults.append(Fault(str(error), entry))
                continue
            png = cv2.imencode(".png", pixels)[1]
            (root / _PHOTOS / f"{entry}.png").write_bytes(png.tobytes())
    try:
        read_lookup_table(find_file(root, LOOKUP_TABLE), n_images)
    except (FormatError, TableError) as error:
        faults.append(Fault(str(error)))
    if faults:
        raise FaultyFacesError(faults)


def split_complete_faces(faces: Iterable[Face], val_fraction: float) -> SplitFunction:
    """Hold out a fraction of the groups whose faces all have 15 known points.

    So every validation error is a mean over the same points.
    """
    incomplete = {
        face.group
        for face in faces
        if face.landmarks_photo is not None and np.isnan(face.landmarks_photo).any()
    }
    return split_by_group(
        lambda group: group not in incomplete and in_hash_fraction(group, val_fraction)
    )


def _iter_entries(root: Path, name: str, groups: dict[bytes, str]) -> Iterator[FaceEntry]:
    for entry, place, row in _iter_rows(root, name):
        read = partial(_read_face, entry, place, row, groups)
        yield FaceEntry(entry, read, is_test=name == "test")


def _iter_rows(root: Path, name: str) -> Iterator[tuple[str, str, list[str]]]:
    """Rows of training.csv or test.csv, each with its face's name and its place for messages."""
    try:
        rows = read_rows(find_file(root, f"{name}.csv"), HEADERS[name])
        for number, (place, row) in enumerate(rows, 1):
            yield f"{name}/{number:05d}", place, row
    except TableError as error:
        raise FormatError(str(error)) from error


def _read_face(entry: str, place: str, row: Sequence[str], groups: dict[bytes, str]) -> Face:
    is_test = entry.startswith("test/")
    try:
        landmarks_photo = None if is_test else _parse_landmarks(place, row[:-1])
        digest = _digest(place, row[-1])
    except TableError as error:
        raise FormatError(str(error)) from error
    return Face(
        name=entry,
        photo=f"{_PHOTOS}/{entry}.png",
        group=groups.setdefault(digest, entry),
        box=None,
        landmarks_photo=landmarks_photo,
        is_test=is_test,
    )


def _parse_landmarks(place: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """Points of a row, (15, 2); a point is unknown if one of its coordinates is missing."""
    numbers = [
        np.nan if text.lower() in _UNKNOWN else parse_number(place, column, text)
        for column, text in zip(KAGGLE_15_COLUMNS, texts, strict=True)
    ]
    points = np.array(numbers).reshape(-1, 2)
    points[np.isnan(points).any(axis=1)] = np.nan
    return points


def _digest(place: str, text: str) -> bytes:
    """Digest of the pixels, whichever notation they are written in."""
    plain = text if _INTEGERS.fullmatch(text) else " ".join(map(str, _parse_pixels(place, text)))
    return hashlib.sha256(" ".join(plain.split()).encode()).digest()


def _parse_image(place: str, text: str) -> NDArray[np.uint8]:
    pixels = _parse_pixels(place, text)
    n_pixels = IMAGE_SIZE * IMAGE_SIZE
    if pixels.size != n_pixels or pixels.min() < 0 or pixels.max() > 255:
        raise TableError(
            f"{place}: an image should have {n_pixels} numbers from 0 to 255; got {pixels.size}"
            + (f" from {pixels.min()} to {pixels.max()}" if pixels.size else "")
        )
    return pixels.reshape(IMAGE_SIZE, IMAGE_SIZE).astype(np.uint8)


def _parse_pixels(place: str, text: str) -> NDArray[np.int64]:
    words = text.split()
    if _INTEGERS.fullmatch(text) and max(map(len, words), default=0) <= _MAX_DIGITS:
        return np.array(words, dtype=np.int64)
    return np.array([parse_integer(place, "a pixel", word) for word in words], dtype=np.int64)


DATASET = Dataset(
    title="Kaggle, 15 points",
    scheme=KAGGLE_15,
    settings=Kaggle15Settings,
    public_counts={"train": 7049, "test": 1783},
    read=read_kaggle15,
    split=split_complete_faces,
    convert=write_photos,
    store_files=(LOOKUP_TABLE,),
    test_labels="solution.csv",
)
