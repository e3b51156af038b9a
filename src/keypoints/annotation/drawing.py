"""Draws predicted landmarks on photos and on contact sheets."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from keypoints.annotation.face_crops import crop_upright
from keypoints.annotation.predictor import PredictedFace
from keypoints.core.geometry import apply_map, enlarge_box
from keypoints.core.landmarks import Contour
from keypoints.core.paths import atomic_file
from keypoints.core.types import Array
from keypoints.evaluation.drawing import (
    DARK,
    LIGHT,
    PREDICTED_COLOUR,
    draw_landmarks,
    draw_line,
    tile_grid,
)

_BOX_COLOUR, _UNCERTAIN_COLOUR = (125, 184, 255), (255, 176, 0)

_LINE_WIDTH, _POINT_SIZE = 1 / 170, 1 / 75  # in sides of the face's box
_MIN_RADIUS = 0.8  # px
_TILE = 192  # px
_COLUMNS, _ROWS = 10, 10
_TILE_BOXES = 1.5  # boxes across a tile


def draw_faces(
    photo: NDArray[np.uint8], faces: Iterable[PredictedFace], contours: Sequence[Contour]
) -> NDArray[np.uint8]:
    """Draw boxes, teal contours and white dots on a copy of an RGB photo, scaled to each box.

    Uncertain points are orange. Uncertain faces have an orange box, and no contours.
    """
    drawn = photo.copy()
    for face in faces:
        side = face.box[2] - face.box[0]
        width = max(1, round(side * _LINE_WIDTH))
        radius = max(_MIN_RADIUS, side * _POINT_SIZE / 2)
        _draw_face(drawn, face, face.landmarks_photo, contours, width, radius)
        colour = _BOX_COLOUR if face.is_certain else _UNCERTAIN_COLOUR
        draw_line(drawn, face.face_box.corners_photo, colour, width, closed=True)
    return drawn


def write_picture(path: Path, picture: NDArray[np.uint8], *, quality: int = 95) -> None:
    """Write RGB pixels as a JPEG or PNG file, which has its name when it is complete.

    Pillow would not notice that the disk becomes full while it writes a JPEG.
    """
    format_ = "PNG" if path.suffix == ".png" else "JPEG"
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format_, quality=quality, compress_level=1)  # of a PNG
    with atomic_file(path) as temporary:
        temporary.write_bytes(file.getbuffer())


class ContactSheet:
    """Collects faces and writes a sheet for every hundred, so that memory use stays constant.

    Args:
        folder: Folder of the sheets faces.jpg, faces-2.jpg, ...
        contours: Contours as positions in the faces' landmarks.
    """

    def __init__(self, folder: Path, contours: Sequence[Contour]) -> None:
        self._folder, self._contours = folder, contours
        self._tiles: list[NDArray[np.uint8]] = []
        self._n_sheets = 0
        self.written: list[Path] = []

    def add(self, photo: NDArray[np.uint8], face: PredictedFace) -> None:
        """Add a face of a photo, RGB (height, width, 3), upright."""
        x0, y0, x1, y1 = (round(side) for side in enlarge_box(face.box, _TILE_BOXES, _TILE_BOXES))
        region = x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
        tile, photo_to_tile = crop_upright(photo, face.face_box, region, (_TILE, _TILE))
        landmarks = apply_map(photo_to_tile, face.landmarks_photo)
        _draw_face(tile, face, landmarks, self._contours, 1, 1.5)
        self._tiles.append(tile)
        if len(self._tiles) == _COLUMNS * _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the faces that are not on a sheet yet.

        Raises:
            OSError: If the sheet cannot be written; its faces are left out then.
        """
        if self._tiles:
            self._n_sheets += 1
            name = f"faces-{self._n_sheets}.jpg" if self._n_sheets > 1 else "faces.jpg"
            sheet = tile_grid(self._tiles, columns=_COLUMNS)
            self._tiles.clear()
            write_picture(self._folder / name, sheet, quality=88)
            self.written.append(self._folder / name)


def _draw_face(
    image: NDArray[np.uint8],
    face: PredictedFace,
    landmarks: Array,
    contours: Sequence[Contour],
    width: int,
    radius: float,
) -> None:
    """Draw contours and dots; wide ones get a rim that is visible on any skin.

    Landmarks are those of the face in pixels of the image.
    """
    rim = DARK if width > 1 else None
    draw_landmarks(
        image,
        landmarks,
        colour=LIGHT,
        radius=radius,
        rim=rim,
        contours=contours if face.is_certain else (),
        line_colour=PREDICTED_COLOUR,
        line_width=width,
        line_rim=rim,
    )
    uncertain = ~face.certain_points if face.is_certain else np.full(len(landmarks), True)
    draw_landmarks(
        image,
        landmarks[uncertain],
        colour=_UNCERTAIN_COLOUR,
        radius=radius,
        rim=rim,
        line_width=width,
    )
