"""Upright portraits that are aligned by the eyes and the mouth."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.face_crops import FaceBox, crop_upright
from keypoints.annotation.predictor import PredictedFace
from keypoints.core.geometry import apply_map
from keypoints.core.landmarks import SCHEMES
from keypoints.core.types import Array
from keypoints.models.checkpoint import ModelInfo

_MAX_SIDE = 1024  # px of a portrait
_BY_EYES, _BY_MOUTH = (
    4.0,
    3.6,
)  # sides of a portrait in distances between the eyes, and to the mouth
_BELOW_EYES = 0.1  # centre of a portrait, as a fraction of the way from the eyes to the mouth
_BOX_SIDES, _BOX_RISE = 2.0, 0.1  # of a face whose points are unknown, in sides of its box

_BLUR = 0.15  # sides; beyond the photo


@dataclass(frozen=True)
class PortraitPoints:
    """Positions of the left eye, the right eye and the mouth in the points of a model."""

    left_eye: list[int]
    right_eye: list[int]
    mouth: list[int]


def portrait_points(info: ModelInfo) -> PortraitPoints | None:
    """The points that align portraits; None if the model does not predict them."""
    scheme = SCHEMES[info.scheme]
    eyes = [
        next(line.points for line in scheme.contours if corner in line.points)
        for corner in scheme.eye_corners
    ]
    parts = *eyes, scheme.parts["mouth"]
    if not {point for part in parts for point in part} <= set(info.points):
        return None
    return PortraitPoints(*([info.points.index(point) for point in part] for part in parts))


def crop_portrait(
    photo: NDArray[np.uint8], face: PredictedFace, points: PortraitPoints | None
) -> NDArray[np.uint8]:
    """Cut out a face with the head around it, upright, as a square of at most 1,024 px.

    The eyes are level and have the same place in all portraits; small faces are not enlarged. The
    portrait of an uncertain face, or of a face without the points, is placed by its box.

    Source of the alignment: Karras et al., A style-based generator architecture for generative
    adversarial networks (the data set FFHQ), 2019.
    """
    if points is not None and face.is_certain:
        framed = _align(face.landmarks_photo, points)
    else:
        framed = _enlarge(face.face_box)
    x0, y0, x1, _ = (round(value) for value in framed.box)
    side = max(1, x1 - x0)
    size = min(side, _MAX_SIDE)
    region = x0, y0, x0 + side, y0 + side
    portrait, photo_to_portrait = crop_upright(photo, framed, region, (size, size))
    return _blur_outside(portrait, photo.shape[:2], photo_to_portrait)


def _blur_outside(
    portrait: NDArray[np.uint8], photo_size: tuple[int, ...], photo_to_portrait: Array
) -> NDArray[np.uint8]:
    """Blur what lies beyond the photo, where pixels of its edge are repeated."""
    height, width = photo_size[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    inside = np.zeros(portrait.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, apply_map(photo_to_portrait, corners).round().astype(np.int32), 1)
    if not inside.all():
        n_pixels = max(1, round(_BLUR * len(portrait)))
        blurred = cv2.blur(portrait, (n_pixels, n_pixels))
        return np.where(inside[..., None] > 0, portrait, blurred).astype(np.uint8, copy=False)
    return portrait


def _align(landmarks: Array, points: PortraitPoints) -> FaceBox:
    left, right, mouth = (
        landmarks[part].mean(axis=0) for part in (points.left_eye, points.right_eye, points.mouth)
    )
    eyes = (left + right) / 2
    across, down = right - left, mouth - eyes
    # The eyes come close to each other if the head turns, the mouth to the eyes if it nods.
    right_of_face = across + (down[1], -down[0])
    side = max(_BY_EYES * np.hypot(*across), _BY_MOUTH * np.hypot(*down))
    angle = float(np.rad2deg(np.arctan2(right_of_face[1], right_of_face[0])))
    return _square(eyes + _BELOW_EYES * down, float(side), angle)


def _enlarge(face: FaceBox) -> FaceBox:
    side = max(face.box[2] - face.box[0], face.box[3] - face.box[1])
    angle = np.deg2rad(face.rotation)
    up = np.array([np.sin(angle), -np.cos(angle)])
    return _square(face.centre + _BOX_RISE * side * up, _BOX_SIDES * side, face.rotation)


def _square(centre: Array, side: float, rotation: float) -> FaceBox:
    x, y = centre.tolist()
    half = side / 2
    return FaceBox((x - half, y - half, x + half, y + half), rotation)
