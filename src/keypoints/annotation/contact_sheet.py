"""Sheets of all faces of a run, a hundred on each, so that memory stays flat."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from keypoints.annotation.drawing import draw_points
from keypoints.annotation.predictor import PredictedFace
from keypoints.core.geometry import apply_map, enlarge_box, resize_map
from keypoints.core.landmarks import Scheme
from keypoints.crops.cropping import crop_and_resize

Array = NDArray[np.floating]

_SIDE, _GAP = 192, 8  # px of a face and between two
_COLUMNS, _ROWS = 10, 10
_SHOWN = 1.5  # boxes across a face


class ContactSheet:
    """Collects faces, and writes a sheet whenever one is full.

    Args:
        folder: Where the sheets go: faces.jpg, faces-2.jpg, ...
        scheme: Of the landmarks.
        points: Which points of the scheme the faces have.
    """

    def __init__(self, folder: Path, scheme: Scheme, points: tuple[int, ...]) -> None:
        self._folder, self._scheme, self._points = folder, scheme, points
        self._tiles: list[NDArray[np.uint8]] = []
        self.written: list[Path] = []

    def add(self, photo: NDArray[np.uint8], face: PredictedFace) -> None:
        """Put a face of a photo, (height, width, 3), on the sheet."""
        tile, landmarks = _tile(photo, face)
        draw_points(tile, landmarks, self._scheme, self._points, 1, 3.0)
        self._tiles.append(tile)
        if len(self._tiles) == _COLUMNS * _ROWS:
            self.finish()

    def finish(self) -> None:
        """Write what is not yet on a sheet."""
        if not self._tiles:
            return
        columns = min(_COLUMNS, len(self._tiles))
        rows = -(-len(self._tiles) // columns)
        step = _SIDE + _GAP
        sheet = np.full((rows * step + _GAP, columns * step + _GAP, 3), 255, np.uint8)
        for number, tile in enumerate(self._tiles):
            top, left = number // columns * step + _GAP, number % columns * step + _GAP
            sheet[top : top + _SIDE, left : left + _SIDE] = tile
        name = f"faces-{len(self.written) + 1}.jpg" if self.written else "faces.jpg"
        Image.fromarray(sheet).save(self._folder / name, quality=88)
        self.written.append(self._folder / name)
        self._tiles.clear()


def _tile(photo: NDArray[np.uint8], face: PredictedFace) -> tuple[NDArray[np.uint8], Array]:
    """The surroundings of a face as a square, and its points there."""
    x0, y0, x1, y1 = (round(side) for side in enlarge_box(face.box, _SHOWN, _SHOWN))
    region, size = (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)), (_SIDE, _SIDE)
    return crop_and_resize(photo, region, size), apply_map(
        resize_map(region, size), face.landmarks_photo
    )
