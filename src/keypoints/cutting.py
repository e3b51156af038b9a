"""Cutting faces out of their photos into a store: the first of two times pixels are resampled."""

import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from keypoints.crops import CropFormat
from keypoints.faces import Box, Face, FormatError
from keypoints.geometry import enlarge_box, resize_map
from keypoints.photos import read_photo

Region = tuple[int, int, int, int]

_CHUNK = 32  # faces per piece of work


def region_of(box: Box | None, photo_size: tuple[int, int], format_: CropFormat) -> Region:
    """The whole photo pixels that become the crop.

    Rounding to whole pixels costs nothing, since the map from photo to crop is that of the rounded
    region. A side that shrinks twofold or more is rounded to a multiple of the whole factor.

    Args:
        box: Of the face, in photo pixels; None: the whole frame.
        photo_size: Height and width of the photo, px.
        format_: Of the crop; the shorter side of the network's input shows `enlarge` times the
            longer side of the box.

    Returns:
        x0, y0, x1, y1, the ends exclusive; it may leave the photo.
    """
    height, width = photo_size
    if box is None or format_.enlarge is None:
        return 0, 0, width, height
    scale = format_.enlarge / min(format_.height, format_.width)  # boxes per px of the input
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


def _meets(region: Region, photo_size: tuple[int, int]) -> bool:
    x0, y0, x1, y1 = region
    height, width = photo_size
    return x0 < width and y0 < height and x1 > 0 and y1 > 0


def cut_crop(photo: NDArray[np.uint8], region: Region, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cut a region out and resize it; edges repeat beyond the photo.

    Where it shrinks, pixels are averaged by the whole part of the factor, and what is left, less
    than twofold, is interpolated: OpenCV's area filter is quick for whole factors only.

    Args:
        photo: (height, width) grey or (height, width, 3).
        region: From `region_of`; it must meet the photo.
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


def write_store(
    folder: Path, root: Path, faces: Sequence[Face], splits: Sequence[str], format_: CropFormat
) -> None:
    """Cut all faces, on all cores, into a store.

    Args:
        folder: Of the store; it must not hold one yet.
        root: Folder of the data set; photos are relative to it.
        faces: In the order of the store's rows.
        splits: `train`, `validation` or `test` for each face.
        format_: Of the crops.

    Raises:
        FormatError: If a photo cannot be read; the store is then incomplete and has no store.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(faces), *format_.crop_size, format_.channels)
    maps = np.empty((len(faces), 2, 3))
    with (folder / "crops.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        start, size = file.tell(), int(np.prod(shape[1:]))
        file.truncate(start + len(faces) * size)

        def cut(row: int) -> None:
            crop, maps[row] = _cut_face(root, faces[row], format_)
            os.pwrite(file.fileno(), np.ascontiguousarray(crop).data, start + row * size)

        _for_each_row(cut, len(faces))
    np.save(folder / "maps.npy", maps)
    np.save(folder / "landmarks.npy", _landmarks(faces))
    _table(faces, splits).to_csv(folder / "faces.csv", index=False)
    (folder / "store.json").write_text(json.dumps(asdict(format_), indent=2) + "\n")


def _cut_face(
    root: Path, face: Face, format_: CropFormat
) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    photo = read_photo(root / face.photo, colour=format_.colour)
    region = region_of(face.box, photo.shape[:2], format_)
    if not _meets(region, photo.shape[:2]):
        raise FormatError(f"{root / face.photo}: its face's box {face.box} lies outside of it")
    return cut_crop(photo, region, format_.crop_size), resize_map(region, format_.crop_size)


def _for_each_row(work: Callable[[int], None], n_rows: int) -> None:
    """Call `work` for every row, in chunks, on all cores; OpenCV works outside of Python's lock."""

    def work_on_chunk(first: int) -> int:
        rows = range(first, min(first + _CHUNK, n_rows))
        for row in rows:
            work(row)
        return len(rows)

    cv2.setNumThreads(1)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=n_rows, desc="cut", unit="face", disable=None) as bar,
    ):
        for done in pool.map(work_on_chunk, range(0, n_rows, _CHUNK)):
            bar.update(done)


def _landmarks(faces: Sequence[Face]) -> NDArray[np.float64]:
    n_points = next(len(f.landmarks_photo) for f in faces if f.landmarks_photo is not None)
    unknown = np.full((n_points, 2), np.nan)
    return np.stack(
        [unknown if face.landmarks_photo is None else face.landmarks_photo for face in faces]
    )


def _table(faces: Sequence[Face], splits: Sequence[str]) -> pd.DataFrame:
    nowhere = (np.nan,) * 4
    boxes = np.array([face.box or nowhere for face in faces])
    return pd.DataFrame(
        {
            "face": [face.name for face in faces],
            "photo": [face.photo for face in faces],
            "group": [face.group for face in faces],
            "split": list(splits),
            "view": [face.view for face in faces],
            **{name: boxes[:, column] for column, name in enumerate(("x0", "y0", "x1", "y1"))},
        }
    )
