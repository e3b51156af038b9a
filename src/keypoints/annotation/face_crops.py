"""Boxes of faces in any orientation, and upright crops around them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import apply_map, compose, invert, resize_map, rotation
from keypoints.core.types import Array
from keypoints.crops.cropping import Region, crop_and_resize
from keypoints.faces.face import Box


@dataclass(frozen=True)
class FaceBox:
    """The box of a face, about whose centre the head is turned.

    Attributes:
        box: Box of the upright face, x0, y0, x1, y1 in photo pixels.
        rotation: Angle of the head in degrees, clockwise in the photo; 90: lying, its top to the
            right.
        score: Confidence of the detector, 0..1; 1 for boxes that were given.
        alternatives: Other orientations of the head that are hardly less likely.
    """

    box: Box
    rotation: float = 0.0
    score: float = 1.0
    alternatives: tuple["FaceBox", ...] = ()

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def corners_photo(self) -> Array:
        """Corners of the turned box, (4, 2), from the top left one clockwise."""
        x0, y0, x1, y1 = self.box
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)
        return apply_map(rotation(self.rotation, self.centre), corners)


def crop_upright(
    photo: NDArray[np.uint8], face: FaceBox, region: Region, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], Array]:
    """Crop a region around a face after the photo was rotated so that the face is upright.

    Args:
        photo: Pixels, (height, width) or (height, width, channels).
        face: Face whose centre and rotation are used.
        region: Region of the rotated photo.
        size: Height and width of the crop.

    Returns:
        The crop, (height, width, channels), and the map from the photo to the crop, (2, 3).
    """
    to_crop = resize_map(region, size)
    if face.rotation == 0:
        return crop_and_resize(photo, region, size), to_crop
    to_crop = compose(to_crop, rotation(-face.rotation, face.centre))
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    corners_photo = apply_map(invert(to_crop), corners)
    piece, photo_to_piece = _shrink_region(photo, corners_photo, _shrink_factor(to_crop))
    piece_to_crop = compose(to_crop, invert(photo_to_piece))
    crop = cv2.warpAffine(
        piece,
        piece_to_crop,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return crop.reshape(height, width, -1).astype(np.uint8, copy=False), to_crop


def _shrink_factor(photo_to_crop: Array) -> int:
    """Integer part of the photo pixels per crop pixel, at least 1."""
    return max(1, int(abs(np.linalg.det(photo_to_crop[:, :2])) ** -0.5))


def _shrink_region(
    photo: NDArray[np.uint8], corners_photo: Array, factor: int
) -> tuple[NDArray[np.uint8], Array]:
    """The part of a photo between some points, shrunk by an integer, and the map to it."""
    height, width = photo.shape[:2]
    x0, y0 = np.clip(np.floor(corners_photo.min(axis=0)) - factor, 0, (width - 1, height - 1))
    x1, y1 = np.clip(np.ceil(corners_photo.max(axis=0)) + 2 * factor, 1, (width, height))
    # Whole factors only: OpenCV's area filter is fast for them.
    n_columns, n_rows = max(1, int(x1 - x0) // factor), max(1, int(y1 - y0) // factor)
    right, bottom = min(int(x0) + n_columns * factor, width), min(int(y0) + n_rows * factor, height)
    piece = photo[int(y0) : bottom, int(x0) : right]
    if factor > 1:
        size = (n_columns, n_rows)
        piece = cv2.resize(piece, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return piece, resize_map((int(x0), int(y0), right, bottom), (n_rows, n_columns))
