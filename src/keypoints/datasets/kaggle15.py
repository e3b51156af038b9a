"""The files of Kaggle's facial-keypoints-detection: images of 96 x 96 px as text in CSVs.

training.csv has a column for x and y of each of the 15 points, empty if unknown, and the pixels in
a text column; test.csv has the pixels only; IdLookupTable.csv lists the numbers to predict.

There are two kinds of faces. Those with all 15 points, or nearly all, follow one convention of
labels; those with four points another one, so these four are points of their own (`KAGGLE_15`).
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.core.landmarks import FOUR_POINTS, KAGGLE_15, KAGGLE_15_COLUMNS
from keypoints.core.lookup_table import LOOKUP_TABLE, read_lookup_table
from keypoints.core.records import read_record, write_record
from keypoints.core.tables import TableError, parse_integer, parse_number, read_rows
from keypoints.faces.dataset import Archive, Dataset, DatasetSettings, RenderedSettings
from keypoints.faces.duplicates import find_duplicate_groups
from keypoints.faces.face import Box, Face, FormatError
from keypoints.faces.face_list import (
    DiskBackedFaces,
    FaceEntry,
    FaceList,
    match_names,
    read_excluded,
    read_faces,
)
from keypoints.faces.faults import Fault, FaultyFacesError
from keypoints.faces.files import find_file

IMAGE_SIZE = 96  # px, height and width
HEADERS = {"training": (*KAGGLE_15_COLUMNS, "Image"), "test": ("ImageId", "Image")}
DUPLICATES = "duplicates.json"  # below data/raw/kaggle15: the groups to merge
_PHOTOS = "photos"
# Box of a face relative to the distance of its eye centres: its side, the distance of its centre
# below the eyes, and the smallest distance, px, for profiles.
_BOX_SIDE, _BOX_BELOW, _MIN_EYE_DISTANCE = 1.6, 0.5, 18
_UNKNOWN = ("", "nan", "na")  # lower case
_MAX_DIGITS = 9  # of a number that fits into 64 bits
_INTEGERS = re.compile(r"[0-9\s]*", re.ASCII)


class RenderedKaggle15(RenderedSettings):
    """Settings of the rendered images, a third of which have 15 points."""

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
        names = (*(f"{name}.csv" for name in HEADERS), LOOKUP_TABLE)
        return [Archive(self.max_bytes, self.sha256, competition=self.competition, files=names)]


def read_kaggle15(root: Path) -> DiskBackedFaces:
    """Read training, then test faces from anywhere below `root`; call `convert_files` first.

    Unknown points are NaN. Faces with identical pixels are one group, which has the name of the
    first of them. So the split of rendered faces does not depend on the last bits of their pixels.
    Groups with similar faces, which `convert_files` finds, are one group as well.
    """
    groups = _Groups(root)
    return read_faces(
        root,
        *(FaceList(_iter_entries(root, name, groups), root / f"{name}.csv") for name in HEADERS),
    )


def convert_files(root: Path) -> None:
    """Write the images as PNG files, and the groups of training faces that belong together.

    Raises:
        FaultyFacesError: If an image or the lookup table is faulty.
        OSError: If a file cannot be written.
    """
    write_photos(root)
    write_duplicates(root)


def write_duplicates(root: Path) -> None:
    """Find training images of one photo or its mirror image, for `read_kaggle15` to group them.

    Crops of one photo differ, so faces are aligned by their eyes. If a face has a fault, nothing is
    written: the check of all faces, which follows, names all faults.
    """
    with suppress(FormatError):
        faces = [face for face in read_kaggle15(root) if not face.is_test]
        aligned = [replace(face, box=_box_by_eyes(face)) for face in faces]
        groups = find_duplicate_groups(aligned, root, with_flips=True)
        write_record(root / DUPLICATES, groups)


def write_photos(root: Path) -> None:
    """Write the images of both CSVs as PNG files, except those of excluded faces.

    Raises:
        FaultyFacesError: If an image or the lookup table is faulty.
        OSError: If a file cannot be written.
    """
    faults: list[Fault] = []
    is_excluded = match_names(read_excluded(root))
    n_images = 0
    for name in HEADERS:
        (root / _PHOTOS / name).mkdir(parents=True)
        n_images = 0
        for entry, place, row in _iter_rows(root, name):
            n_images += 1
            if is_excluded(entry):
                continue
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


class _Groups:
    """Groups of faces: by their pixels, and by similarity if duplicates were searched for."""

    def __init__(self, root: Path) -> None:
        file = root / DUPLICATES
        self._merged: dict[str, str] = read_record(file) if file.is_file() else {}
        self._first: dict[bytes, str] = {}  # face with these pixels

    def find(self, name: str, digest: bytes) -> str:
        group = self._first.setdefault(digest, name)
        return self._merged.get(group, group)


def _box_by_eyes(face: Face) -> Box | None:
    """Box in the middle of a face, by its eye centres of either convention; None if unknown."""
    assert face.landmarks_photo is not None
    for kind in KAGGLE_15.kinds.values():
        first, second = face.landmarks_photo[list(kind.eyes)]
        distance = max(float(np.linalg.norm(second - first)), _MIN_EYE_DISTANCE)
        if np.isfinite(distance):
            x, y = (first + second) / 2 + (0, _BOX_BELOW * distance)
            half = _BOX_SIDE * distance / 2
            return x - half, y - half, x + half, y + half
    return None


def _iter_entries(root: Path, name: str, groups: _Groups) -> Iterator[FaceEntry]:
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


def _read_face(entry: str, place: str, row: Sequence[str], groups: _Groups) -> Face:
    is_test = entry.startswith("test/")
    try:
        landmarks_photo = None if is_test else _parse_landmarks(place, row[:-1])
        digest = _digest(place, row[-1])
    except TableError as error:
        raise FormatError(str(error)) from error
    return Face(
        name=entry,
        photo=f"{_PHOTOS}/{entry}.png",
        group=groups.find(entry, digest),
        box=None,
        landmarks_photo=landmarks_photo,
        is_test=is_test,
    )


def _parse_landmarks(place: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """Points of a row, (19, 2), of the convention of its kind.

    A point is unknown if one of its coordinates is missing.
    """
    numbers = [
        np.nan if text.lower() in _UNKNOWN else parse_number(place, column, text)
        for column, text in zip(KAGGLE_15_COLUMNS, texts, strict=True)
    ]
    points = np.array(numbers).reshape(-1, 2)
    points[np.isnan(points).any(axis=1)] = np.nan
    if np.isnan(points).all():
        raise TableError(f"{place}: no point is known; a training face needs at least one")
    landmarks = np.full((KAGGLE_15.n_points, 2), np.nan)
    four = list(FOUR_POINTS)
    if np.isfinite(np.delete(points, four, axis=0)).any():
        landmarks[: len(points)] = points
    else:
        landmarks[list(KAGGLE_15.kinds["4 points"].points)] = points[four]
    return landmarks


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
    convert=convert_files,
    own_files=(_PHOTOS, DUPLICATES),
    store_files=(LOOKUP_TABLE,),
    test_labels="solution.csv",
)
