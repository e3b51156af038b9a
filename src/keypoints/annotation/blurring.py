"""Makes the faces of a photo unrecognisable."""

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.face_crops import FaceBox

_CELLS = 4  # across a face; no more detail remains
_HALF_AXES, _RISE = (0.68, 0.92), 0.12  # of the ellipse, and its centre above that of the box, in
# sides of the box, which ends at the brows: the ellipse contains the forehead and the chin


def blur_faces(photo: NDArray[np.uint8], faces: Iterable[FaceBox]) -> NDArray[np.uint8]:
    """Return a copy of an RGB photo, (height, width, 3), with an ellipse over each face.

    An ellipse shows the mean colours of four cells across the face, so that the detail is lost, and
    not only smoothed.
    """
    blurred = photo.copy()
    for face in faces:
        _blur(blurred, face)
    return blurred


def _blur(photo: NDArray[np.uint8], face: FaceBox) -> None:
    side = max(face.box[2] - face.box[0], face.box[3] - face.box[1])
    angle = math.radians(face.rotation)
    x = face.centre[0] + _RISE * side * math.sin(angle)
    y = face.centre[1] - _RISE * side * math.cos(angle)
    reach = max(_HALF_AXES) * side
    left, top = max(0, math.floor(x - reach)), max(0, math.floor(y - reach))
    piece = photo[top : math.ceil(y + reach) + 1, left : math.ceil(x + reach) + 1]
    if not piece.size:
        return
    height, width = piece.shape[:2]
    cell = side / _CELLS
    cells = max(1, round(width / cell)), max(1, round(height / cell))
    coarse = cv2.resize(piece, cells, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.zeros((height, width), np.uint8)
    axes = max(1, round(_HALF_AXES[0] * side)), max(1, round(_HALF_AXES[1] * side))
    cv2.ellipse(mask, (round(x - left), round(y - top)), axes, face.rotation, 0, 360, 1, -1)
    np.copyto(piece, smooth.astype(np.uint8, copy=False), where=mask[..., None] > 0)
