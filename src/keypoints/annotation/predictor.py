"""Landmark prediction on crops of photos, independent of the library that runs the network.

This module does not import torch, because onnxruntime can run the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.face_crops import FaceBox, crop_upright
from keypoints.core.geometry import apply_map, compose, hflip_landmarks, invert, unit_map
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.types import Array
from keypoints.crops.cropping import crop_region
from keypoints.crops.format import CropFormat
from keypoints.faces.face import Box
from keypoints.models.checkpoint import ModelInfo

MAX_DISAGREEMENT = 0.035  # sides of the box; measured by benchmarks/detect.py
MAX_POINT_DISAGREEMENT = 0.035  # of one point: 2.6 % of those of validation faces exceed it, whose
# mean error is twice that of the others


@dataclass(frozen=True)
class Predictor:
    """A network, as a function from crops (n, height, width, channels) to landmarks_unit."""

    info: ModelInfo
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]

    @property
    def format(self) -> CropFormat:
        return self.info.crop_format


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """The upright crop of a face as a predictor takes it."""

    face_box: FaceBox
    crop: NDArray[np.uint8]  # (height, width, channels)
    photo_to_unit: Array  # map from the photo to 0..1 of the crop, (2, 3)
    alternatives: tuple["FaceCrop", ...] = ()  # of other orientations


@dataclass(frozen=True, eq=False)
class PredictedFace:
    """Means of the predictions for a crop and for its horizontal flip, and their distances, px."""

    face_box: FaceBox
    landmarks_photo: Array  # (n_points, 2)
    uncertainty_photo: Array  # (n_points,)
    track: int | None = None  # number of the face in a video, from 1

    @property
    def box(self) -> Box:
        return self.face_box.box

    @property
    def disagreement(self) -> float:
        """Mean distance between the two predictions, in sides of the box."""
        return float(self.uncertainty_photo.mean() / self._side)

    @property
    def is_certain(self) -> bool:
        """Whether the predictions agree as they do on upright faces, and rarely elsewhere."""
        return self.disagreement <= MAX_DISAGREEMENT

    @property
    def certain_points(self) -> NDArray[np.bool_]:
        """Whether the two predictions of each point agree, (n_points,)."""
        return self.uncertainty_photo <= MAX_POINT_DISAGREEMENT * self._side

    @property
    def _side(self) -> float:
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def crop_faces(
    photo: NDArray[np.uint8], faces: Sequence[FaceBox], format_: CropFormat
) -> list[FaceCrop]:
    """Crop faces of a photo, RGB (height, width, 3); each box must overlap the photo."""
    gray_or_rgb = photo if format_.colour else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    pixels = gray_or_rgb.astype(np.uint8, copy=False)
    return [_crop_face(pixels, face, format_) for face in faces]


def _crop_face(pixels: NDArray[np.uint8], face: FaceBox, format_: CropFormat) -> FaceCrop:
    region = crop_region(face.box, pixels.shape[:2], format_)
    crop, photo_to_crop = crop_upright(pixels, face, region, format_.crop_size)
    photo_to_unit = compose(unit_map(format_.crop_size), photo_to_crop)
    alternatives = tuple(_crop_face(pixels, each, format_) for each in face.alternatives)
    return FaceCrop(face, crop, photo_to_unit, alternatives)


def predict_faces(predictor: Predictor, faces: Sequence[FaceCrop]) -> list[PredictedFace]:
    """Predict faces of one or several photos, and their horizontal flips, in one batch.

    Of the orientations of a face, the one whose two predictions agree best is returned.
    """
    orientations = [(face, *face.alternatives) for face in faces]
    predicted = iter(_predict(predictor, [*chain.from_iterable(orientations)]))
    return [
        min(islice(predicted, len(each)), key=lambda face: face.disagreement)
        for each in orientations
    ]


def _predict(predictor: Predictor, faces: Sequence[FaceCrop]) -> list[PredictedFace]:
    if not faces:
        return []
    crops = np.stack([face.crop for face in faces])
    both = predictor.run(np.concatenate([crops, crops[:, :, ::-1]])).astype(float)
    flip_indices = flip_indices_of(predictor.info.points, SCHEMES[predictor.info.scheme])
    to_photo = invert(np.stack([face.photo_to_unit for face in faces]))
    plain = apply_map(to_photo, both[: len(faces)])
    flipped = apply_map(to_photo, hflip_landmarks(both[len(faces) :], flip_indices))
    distances = np.linalg.norm(plain - flipped, axis=-1)
    return [
        PredictedFace(face.face_box, points, uncertainty)
        for face, points, uncertainty in zip(faces, (plain + flipped) / 2, distances, strict=True)
    ]
