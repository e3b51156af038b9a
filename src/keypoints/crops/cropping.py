"""Cutting faces out of their photos into a store: the first of two times pixels are resampled."""

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
from keypoints.crops.row_file import RowFile
from keypoints.crops.store import FACE_COLUMNS, CropFormat
from keypoints.faces.face import Box, Face, FormatError, SplitFunction
from keypoints.faces.images import read_photo

Region = tuple[int, int, int, int]
Chunk = list[tuple[int, Face]]  # rows and their faces

MAX_REGION = 60_000_000  # px of a photo around a face; at 3 bytes each, and it is padded in memory
_CHUNK = 32  # faces per piece of work


def crop_region(box: Box | None, photo_size: tuple[int, int], format_: CropFormat) -> Region:
    """The whole photo pixels that become the crop.

    Rounding to whole pixels costs nothing, since the map from photo to crop is that of the rounded
    region. A side that shrinks twofold or more is rounded to a multiple of the whole factor.

    Args:
        box: Of the face, in photo pixels; None: the whole frame.
        photo_size: Height and width of the photo, px.
        format_: Of the crop; the shorter side of the network's input shows `box_scale` times the
            longer side of the box.

    Returns:
        x0, y0, x1, y1, the ends exclusive; it may leave the photo.
    """
    height, width = photo_size
    if box is None or format_.box_scale is None:
        return 0, 0, width, height
    scale = format_.box_scale / min(format_.height, format_.width)  # boxes per px of the input
    crop_height, crop_width = format_.crop_size
    x0, y0, x1, y1 = enlarge_box(box, scale * crop_width, scale * crop_height)
    left, top = math.floor(x0), math.floor(y0)
    across, down = _whole_side(x1 - x0, crop_width), _whole_side(y1 - y0, crop_height)
    return left, top, left + across, top + down


def _whole_side(length: float, crop_length: int) -> int:
    side = max(1, math.ceil(length))
    return side + -side % _whole_factor(side, crop_length)


def _whole_factor(side: int, crop_side: int) -> int:
    """The largest whole number of photo pixels that a crop's pixel covers, at least 1."""
    return max(1, side // crop_side)


def _overlaps(region: Region, photo_size: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = region
    height, width = photo_size
    return x0 < width and y0 < height and x1 > 0 and y1 > 0


def crop_and_resize(
    photo: NDArray[np.uint8], region: Region, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Cut a region out and resize it; edges repeat beyond the photo.

    Where it shrinks, pixels are averaged by the whole part of the factor, and what is left, less
    than twofold, is interpolated: OpenCV's area filter is quick for whole factors only.

    Args:
        photo: (height, width) grey or (height, width, 3).
        region: From `crop_region`; it must meet the photo.
        size: Height and width of the crop, px.

    Returns:
        (height, width, channels).
    """
    x0, y0, x1, y1 = region
    height, width = photo.shape[:2]
    inside = photo[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    beyond = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
    crop: cv2.typing.MatLike = inside
    if any(beyond):
        crop = cv2.copyMakeBorder(crop, *beyond, borderType=cv2.BORDER_REPLICATE)
    across, down = _whole_factor(x1 - x0, size[1]), _whole_factor(y1 - y0, size[0])
    if across > 1 or down > 1:
        smaller = ((x1 - x0) // across, (y1 - y0) // down)
        crop = cv2.resize(crop, smaller, interpolation=cv2.INTER_AREA)
    crop = cv2.resize(crop, size[::-1], interpolation=cv2.INTER_LINEAR)
    return crop.reshape(*size, -1).astype(np.uint8, copy=False)


def write_crops(
    folder: Path, root: Path, faces: Sequence[Face], split: SplitFunction, format_: CropFormat
) -> None:
    """Cut all faces, on all cores, into a store; in memory are only those under way.

    Args:
        folder: Of the store; it must not hold one yet.
        root: Folder of the data set; photos are relative to it.
        faces: In the order of the store's rows.
        split: The side of a face.
        format_: Of the crops.

    Raises:
        FormatError: If a photo cannot be read; the store is then incomplete and has no store.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_faces, n_points = len(faces), _n_points(faces)
    crop_shape = (*format_.crop_size, format_.channels)
    with (
        RowFile.create(folder / "crops.npy", (n_faces, *crop_shape), np.uint8) as crops,
        RowFile.create(folder / "landmarks.npy", (n_faces, n_points, 2), float) as landmarks,
        RowFile.create(folder / "maps.npy", (n_faces, 2, 3), float) as maps,
        (folder / "faces.csv").open("w", encoding="utf-8", newline="") as file,
        tqdm(total=n_faces, desc="cut", unit="face", disable=None) as bar,
    ):

        def cut(chunk: Chunk) -> Chunk:
            for row, face in chunk:
                crops[row], maps[row] = _cut_face(root, face, format_)
                landmarks[row] = np.nan if face.landmarks_photo is None else face.landmarks_photo
            return chunk

        cv2.setNumThreads(1)  # the cores are busy with one face each
        table = csv.writer(file, lineterminator="\n")
        table.writerow(FACE_COLUMNS)
        for chunk in parallel_map(cut, _chunks(faces)):
            table.writerows(_table_row(face, split(face)) for _, face in chunk)
            bar.update(len(chunk))
    (folder / "store.json").write_text(json.dumps(asdict(format_), indent=2) + "\n")


def _n_points(faces: Iterable[Face]) -> int:
    return next(len(f.landmarks_photo) for f in faces if f.landmarks_photo is not None)


def _chunks(faces: Sequence[Face]) -> Iterator[Chunk]:
    """Faces with their rows, a piece of work at a time."""
    for first in range(0, len(faces), _CHUNK):
        yield list(enumerate(faces[first : first + _CHUNK], first))


def _cut_face(
    root: Path, face: Face, format_: CropFormat
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    photo = read_photo(root / face.photo, colour=format_.colour)
    region = crop_region(face.box, photo.shape[:2], format_)
    if not _overlaps(region, photo.shape[:2]):
        raise FormatError(f"{root / face.photo}: its face's box {face.box} lies outside of it")
    if (region[2] - region[0]) * (region[3] - region[1]) > MAX_REGION:
        raise FormatError(
            f"{root / face.photo}: its face's box {face.box} is cut with more than "
            f"{MAX_REGION:,} px around it"
        )
    return crop_and_resize(photo, region, format_.crop_size), resize_map(region, format_.crop_size)


def _table_row(face: Face, side: str) -> tuple[str | int | float, ...]:
    """What faces.csv says of a face, as FACE_COLUMNS names it."""
    box = ("",) * 4 if face.box is None else map(float, face.box)
    return face.name, face.photo, face.group, side, face.view, *box
