"""Boxes of faces in any orientation, and upright crops around them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import apply_map, compose, resize_map, rotation
from keypoints.core.types import Array
from keypoints.crops.cropping import Region, crop_and_resize, warp_and_resize
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
    return warp_and_resize(photo, to_crop, size), to_crop
