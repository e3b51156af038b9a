"""Writes a crop store: cuts every face out of its photo and resizes it."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from keypoints.core.geometry import compose, enlarge_box, resize_map, translation
from keypoints.core.parallel import parallel_map
from keypoints.core.records import write_record
from keypoints.core.types import Array
from keypoints.crops.format import CropFormat
from keypoints.crops.row_file import RowFile
from keypoints.crops.store import FACE_COLUMNS
from keypoints.faces.dataset import LabelOffset
from keypoints.faces.face import Box, Face, FormatError, SplitFunction
from keypoints.faces.images import read_photo

Region = tuple[int, int, int, int]  # x0, y0, x1, y1 in photo pixels, the ends exclusive
Chunk = list[tuple[int, Face]]  # rows and their faces

_MAX_REGION = 60_000_000  # photo pixels around a face: 3 bytes each in memory, with padding
_CHUNK = 32  # faces per piece of work


def crop_region(box: Box | None, photo_size: tuple[int, int], format_: CropFormat) -> Region:
    """Region of a photo, in whole pixels, that becomes the crop; it may exceed the photo.

    The shorter side of the network's input shows `box_scale` times the longer side of the box. If
    the box or the scale is None, the region is the whole frame.

    Rounding loses no accuracy, since the map from photo to crop is computed from the rounded
    region. A side that shrinks at least twofold is rounded up to a multiple of the integer part of
    its factor.
    """
    height, width = photo_size
    if box is None or format_.box_scale is None:
        return 0, 0, width, height
    scale = format_.box_scale / min(format_.height, format_.width)  # boxes per px of the input
    crop_height, crop_width = format_.crop_size
    x0, y0, x1, y1 = enlarge_box(box, scale * crop_width, scale * crop_height)
    left, top = math.floor(x0), math.floor(y0)
    return left, top, left + _round_up(x1 - x0, crop_width), top + _round_up(y1 - y0, crop_height)


def _round_up(length: float, crop_length: int) -> int:
    side = max(1, math.ceil(length))
    return side + -side % _integer_factor(side, crop_length)


def _integer_factor(length: int, crop_length: int) -> int:
    """Integer part of the photo pixels per crop pixel, at least 1."""
    return max(1, length // crop_length)


def crop_and_resize(
    photo: NDArray[np.uint8], region: Region, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Cut a region, which overlaps the photo, out of it and resize it to `size` (height, width).

    Pixels of the edge are repeated beyond the photo. To shrink, pixels are averaged by the integer
    part of the factor, then interpolated by the remaining factor below 2: OpenCV's area filter is
    fast for integer factors only.

    Returns:
        The crop, (height, width, channels), even if the photo is grayscale (height, width).
    """
    x0, y0, x1, y1 = region
    height, width = photo.shape[:2]
    crop: cv2.typing.MatLike = photo[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    padding = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    if any(padding):
        crop = cv2.copyMakeBorder(crop, *padding, borderType=cv2.BORDER_REPLICATE)
    factor_x, factor_y = _integer_factor(x1 - x0, size[1]), _integer_factor(y1 - y0, size[0])
    if factor_x > 1 or factor_y > 1:
        smaller = ((x1 - x0) // factor_x, (y1 - y0) // factor_y)
        crop = cv2.resize(crop, smaller, interpolation=cv2.INTER_AREA)
    crop = cv2.resize(crop, size[::-1], interpolation=cv2.INTER_LINEAR)
    return crop.reshape(*size, -1).astype(np.uint8, copy=False)


def write_crops(
    folder: Path,
    root: Path,
    faces: Sequence[Face],
    split: SplitFunction,
    format_: CropFormat,
    *,
    label_offset: LabelOffset | None = None,
) -> None:
    """Write the crop store of a task, on all cores, with only a few faces in memory.

    Args:
        folder: Folder of the store, which must not contain one yet.
        root: Folder of the data set; the paths of photos are relative to it.
        faces: Faces in the order of the store's rows.
        split: Function that returns the split of a face.
        format_: Format of the crops.
        label_offset: Offset of the labels, which the maps from photo to crop remove.

    Raises:
        FormatError: If a photo cannot be read; the store is then incomplete, without store.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_points = next(len(f.landmarks_photo) for f in faces if f.landmarks_photo is not None)
    shape = (len(faces), *format_.crop_size, format_.channels)
    with (
        RowFile.create(folder / "crops.npy", shape, np.uint8) as crops,
        RowFile.create(folder / "landmarks.npy", (len(faces), n_points, 2), float) as landmarks,
        RowFile.create(folder / "maps.npy", (len(faces), 2, 3), float) as maps,
        (folder / "faces.csv").open("w", encoding="utf-8", newline="") as file,
        tqdm(total=len(faces), desc="crop", unit="face", disable=None) as progress,
    ):

        def write_chunk(chunk: Chunk) -> Chunk:
            for row, face in chunk:
                crops[row], photo_to_crop = _crop_face(root, face, format_)
                if label_offset:
                    photo_to_crop = compose(photo_to_crop, translation(-label_offset.of(face), 0))
                maps[row] = photo_to_crop
                landmarks[row] = np.nan if face.landmarks_photo is None else face.landmarks_photo
            return chunk

        cv2.setNumThreads(1)  # each core already processes a chunk
        table = csv.writer(file, lineterminator="\n")
        table.writerow(FACE_COLUMNS)
        for chunk in parallel_map(write_chunk, _chunks(faces)):
            table.writerows(_table_row(face, split(face)) for _, face in chunk)
            progress.update(len(chunk))
    write_record(folder / "store.json", asdict(format_))


def _chunks(faces: Sequence[Face]) -> Iterator[Chunk]:
    for first in range(0, len(faces), _CHUNK):
        yield list(enumerate(faces[first : first + _CHUNK], first))


def _crop_face(root: Path, face: Face, format_: CropFormat) -> tuple[NDArray[np.uint8], Array]:
    photo = read_photo(root / face.photo, colour=format_.colour)
    height, width = photo.shape[:2]
    x0, y0, x1, y1 = region = crop_region(face.box, (height, width), format_)
    place = f"{root / face.photo}: the face's box {face.box}"
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise FormatError(f"{place} lies outside the photo; correct it")
    if (x1 - x0) * (y1 - y0) > _MAX_REGION:
        raise FormatError(
            f"{place} needs a crop of more than {_MAX_REGION:,} px of the photo; correct it"
        )
    return crop_and_resize(photo, region, format_.crop_size), resize_map(region, format_.crop_size)


def _table_row(face: Face, split: str) -> tuple[str | int | float, ...]:
    box = ("",) * 4 if face.box is None else map(float, face.box)
    mirrored = "" if face.is_mirrored is None else int(face.is_mirrored)
    return face.name, face.photo, face.group, split, face.view, mirrored, *box
