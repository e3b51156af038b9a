"""The files of Kaggle's facial-keypoints-detection: images of 96 x 96 px as text in CSVs.

training.csv has a column for x and y of each of the 15 points, empty if unknown, and the pixels in
a text column; test.csv has the pixels only; IdLookupTable.csv lists the numbers to predict.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.core.landmarks import KAGGLE_15, KAGGLE_15_COLUMNS
from keypoints.core.splits import in_hash_fraction
from keypoints.faces.dataset import Archive, Dataset, DatasetSettings, RenderedSettings, find_file
from keypoints.faces.face import Face, FormatError, SplitFunction, split_by_group
from keypoints.faces.face_list import DiskBackedFaces

IMAGE_SIZE = 96  # px, height and width
LOOKUP_TABLE = "IdLookupTable.csv"
HEADERS = {"training": (*KAGGLE_15_COLUMNS, "Image"), "test": ("ImageId", "Image")}
_PHOTOS = "photos"


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

    Unknown points are NaN. Faces with identical pixels are one group.
    """
    faces = DiskBackedFaces()
    faces.extend(_read_faces(root, "training"), root / "training.csv")
    if not len(faces):
        raise FormatError(f"{root}: no face in training.csv; fetch the data set again")
    faces.extend(_read_faces(root, "test"), root / "test.csv")
    return faces


def write_photos(root: Path) -> None:
    """Write the images of both CSVs as PNG files, which `read_kaggle15` refers to."""
    for name in HEADERS:
        folder = root / _PHOTOS / name
        folder.mkdir(parents=True)
        for number, (place, row) in enumerate(_read_rows(root, name), 1):
            if name == "test" and row[0] != str(number):
                raise FormatError(f"{place}: ImageId should be {number}; got {row[0]!r}")
            cv2.imwrite(str(folder / f"{number:05d}.png"), _parse_image(place, row[-1]))


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


def _read_faces(root: Path, name: str) -> Iterator[Face]:
    is_test = name == "test"
    for number, (place, row) in enumerate(_read_rows(root, name), 1):
        yield Face(
            name=f"{name}/{number:05d}",
            photo=f"{_PHOTOS}/{name}/{number:05d}.png",
            group=hashlib.sha256(row[-1].encode()).hexdigest()[:16],
            box=None,
            landmarks_photo=None if is_test else _parse_landmarks(place, row[:-1]),
            is_test=is_test,
        )


def _read_rows(root: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """Rows of training.csv or test.csv, each with its place for error messages."""
    path, header = find_file(root, f"{name}.csv"), HEADERS[name]
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        try:
            if next(reader, []) != list(header):
                raise FormatError(f"{path}: the first line should be {','.join(header)}")
            for row in reader:
                place = f"{path}: line {reader.line_num}"
                if len(row) != len(header):
                    raise FormatError(f"{place}: {len(row)} columns; there should be {len(header)}")
                yield place, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise FormatError(f"{path}: after line {reader.line_num}: {error}") from error


def _parse_landmarks(place: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """Points of a row, (15, 2); a point is unknown if one of its coordinates is missing."""
    try:
        points = np.array([float(text or "nan") for text in texts]).reshape(-1, 2)
    except ValueError as error:
        raise FormatError(f"{place}: {error}") from error
    if np.isinf(points).any():
        raise FormatError(f"{place}: a number is not finite")
    points[np.isnan(points).any(axis=1)] = np.nan
    return points


def _parse_image(place: str, text: str) -> NDArray[np.uint8]:
    try:
        pixels = np.array(text.split(), dtype=int)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{place}: {error}") from error
    n_pixels = IMAGE_SIZE * IMAGE_SIZE
    if pixels.size != n_pixels or pixels.min() < 0 or pixels.max() > 255:
        raise FormatError(
            f"{place}: an image should have {n_pixels} numbers from 0 to 255; got {pixels.size}"
        )
    return pixels.reshape(IMAGE_SIZE, IMAGE_SIZE).astype(np.uint8)


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
