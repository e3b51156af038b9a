"""Writes a crop store: cuts every face out of its photo and resizes it."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from keypoints.core.geometry import enlarge_box, resize_map
from keypoints.core.parallel import parallel_map
from keypoints.core.types import Array
from keypoints.crops.format import CropFormat
from keypoints.crops.row_file import RowFile
from keypoints.crops.store import FACE_COLUMNS
from keypoints.faces.face import Box, Face, FormatError, SplitFunction
from keypoints.faces.images import read_photo

Region = tuple[int, int, int, int]
Chunk = list[tuple[int, Face]]  # rows and their faces

MAX_REGION = 60_000_000  # photo pixels around a face: 3 bytes each in memory, with padding
_CHUNK = 32  # faces per piece of work


def crop_region(box: Box | None, photo_size: tuple[int, int], format_: CropFormat) -> Region:
    """Region of a photo, in whole pixels, that becomes the crop.

    Rounding loses no accuracy, since the map from photo to crop is computed from the rounded
    region. A side that shrinks at least twofold is rounded up to a multiple of the integer part of
    its factor.

    Args:
        box: Box of the face in photo pixels; None: the whole frame.
        photo_size: Height and width of the photo, px.
        format_: Format of the crop. The shorter side of the network's input shows `box_scale` times
            the longer side of the box.

    Returns:
        x0, y0, x1, y1, the ends exclusive; the region may exceed the photo.
    """
    height, width = photo_size
    if box is None or format_.box_scale is None:
        return 0, 0, width, height
    scale = format_.box_scale / min(format_.height, format_.width)  # boxes per px of the input
    crop_height, crop_width = format_.crop_size
    x0, y0, x1, y1 = enlarge_box(box, scale * crop_width, scale * crop_height)
    left, top = math.floor(x0), math.floor(y0)
    region_width = _round_up(x1 - x0, crop_width)
    region_height = _round_up(y1 - y0, crop_height)
    return left, top, left + region_width, top + region_height


def _round_up(length: float, crop_length: int) -> int:
    side = max(1, math.ceil(length))
    return side + -side % _integer_factor(side, crop_length)


def _integer_factor(length: int, crop_length: int) -> int:
    """Integer part of the photo pixels per crop pixel, at least 1."""
    return max(1, length // crop_length)


def _overlaps(region: Region, photo_size: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = region
    height, width = photo_size
    return x0 < width and y0 < height and x1 > 0 and y1 > 0


def crop_and_resize(
    photo: NDArray[np.uint8], region: Region, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Cut out a region and resize it; pixels of the edge are repeated beyond the photo.

    To shrink, pixels are averaged by the integer part of the factor, then interpolated by the rest,
    which is less than 2: OpenCV's area filter is fast for integer factors only.

    Args:
        photo: Photo, (height, width) grayscale or (height, width, 3).
        region: Region from `crop_region`, overlapping the photo.
        size: Height and width of the crop, px.

    Returns:
        The crop, (height, width, channels).
    """
    x0, y0, x1, y1 = region
    height, width = photo.shape[:2]
    inside = photo[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    padding = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    crop: cv2.typing.MatLike = inside
    if any(padding):
        crop = cv2.copyMakeBorder(crop, *padding, borderType=cv2.BORDER_REPLICATE)
    factor_x, factor_y = _integer_factor(x1 - x0, size[1]), _integer_factor(y1 - y0, size[0])
    if factor_x > 1 or factor_y > 1:
        smaller = ((x1 - x0) // factor_x, (y1 - y0) // factor_y)
        crop = cv2.resize(crop, smaller, interpolation=cv2.INTER_AREA)
    crop = cv2.resize(crop, size[::-1], interpolation=cv2.INTER_LINEAR)
    return crop.reshape(*size, -1).astype(np.uint8, copy=False)


def write_crops(
    folder: Path, root: Path, faces: Sequence[Face], split: SplitFunction, format_: CropFormat
) -> None:
    """Write the crop store of a task, on all cores, with only a few faces in memory.

    Args:
        folder: Folder of the store, without a store in it.
        root: Folder of the data set; the paths of photos are relative to it.
        faces: Faces in the order of the store's rows.
        split: Function that returns the split of a face.
        format_: Format of the crops.

    Raises:
        FormatError: If a photo cannot be read; the store is then incomplete, without store.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_faces, n_points = len(faces), _n_points(faces)
    crop_shape = (*format_.crop_size, format_.channels)
    with (
        RowFile.create(folder / "crops.npy", (n_faces, *crop_shape), np.uint8) as crops,
        RowFile.create(folder / "landmarks.npy", (n_faces, n_points, 2), float) as landmarks,
        RowFile.create(folder / "maps.npy", (n_faces, 2, 3), float) as maps,
        (folder / "faces.csv").open("w", encoding="utf-8", newline="") as file,
        tqdm(total=n_faces, desc="crop", unit="face", disable=None) as progress,
    ):

        def write_chunk(chunk: Chunk) -> Chunk:
            for row, face in chunk:
                crops[row], maps[row] = _crop_face(root, face, format_)
                landmarks[row] = np.nan if face.landmarks_photo is None else face.landmarks_photo
            return chunk

        cv2.setNumThreads(1)  # each core has a chunk of its own
        table = csv.writer(file, lineterminator="\n")
        table.writerow(FACE_COLUMNS)
        for chunk in parallel_map(write_chunk, _chunks(faces)):
            table.writerows(_table_row(face, split(face)) for _, face in chunk)
            progress.update(len(chunk))
    (folder / "store.json").write_text(json.dumps(asdict(format_), indent=2) + "\n")


def _n_points(faces: Iterable[Face]) -> int:
    return next(len(f.landmarks_photo) for f in faces if f.landmarks_photo is not None)


def _chunks(faces: Sequence[Face]) -> Iterator[Chunk]:
    for first in range(0, len(faces), _CHUNK):
        yield list(enumerate(faces[first : first + _CHUNK], first))


def _crop_face(root: Path, face: Face, format_: CropFormat) -> tuple[NDArray[np.uint8], Array]:
    """The crop of a face and the map from its photo, (2, 3)."""
    photo = read_photo(root / face.photo, colour=format_.colour)
    region = crop_region(face.box, photo.shape[:2], format_)
    if not _overlaps(region, photo.shape[:2]):
        raise FormatError(
            f"{root / face.photo}: the face's box {face.box} lies outside the photo; correct it"
        )
    if (region[2] - region[0]) * (region[3] - region[1]) > MAX_REGION:
        raise FormatError(
            f"{root / face.photo}: the face's box {face.box} needs a crop of more than "
            f"{MAX_REGION:,} px of the photo; correct it"
        )
    return crop_and_resize(photo, region, format_.crop_size), resize_map(region, format_.crop_size)


def _table_row(face: Face, split: str) -> tuple[str | int | float, ...]:
    """Values of a face in the order of FACE_COLUMNS."""
    box = ("",) * 4 if face.box is None else map(float, face.box)
    return face.name, face.photo, face.group, split, face.view, *box
