"""Landmark prediction on crops of photos, independent of the library that runs the network.

This module does not import torch, because onnxruntime can run the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import (
    apply_map,
    compose,
    hflip_landmarks,
    invert,
    resize_map,
    unit_map,
)
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.types import Array
from keypoints.crops.cropping import crop_and_resize, crop_region
from keypoints.crops.format import CropFormat
from keypoints.faces.face import Box
from keypoints.models.checkpoint import ModelInfo


@dataclass(frozen=True)
class Predictor:
    """A network, as a function from crops (n, height, width, channels) to landmarks_unit."""

    info: ModelInfo
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]

    @property
    def format(self) -> CropFormat:
        return self.info.crop_format


@dataclass(frozen=True)
class FaceCrop:
    """The crop of a face as a predictor takes it."""

    box: Box
    crop: NDArray[np.uint8]  # (height, width, channels)
    photo_to_unit: Array  # map from the photo to 0..1 of the crop, (2, 3)


@dataclass(frozen=True)
class PredictedFace:
    """Means of the predictions for a crop and for its horizontal flip, and their distances, px."""

    box: Box
    landmarks_photo: Array  # (n_points, 2)
    uncertainty_photo: Array  # (n_points,)


def crop_faces(
    photo: NDArray[np.uint8], boxes: Sequence[Box], format_: CropFormat
) -> list[FaceCrop]:
    """Crop faces of a photo, RGB (height, width, 3); each box must overlap the photo."""
    pixels = photo if format_.colour else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    size = format_.crop_size
    faces = []
    for box in boxes:
        region = crop_region(box, photo.shape[:2], format_)
        crop = crop_and_resize(pixels.astype(np.uint8, copy=False), region, size)
        faces.append(FaceCrop(box, crop, compose(unit_map(size), resize_map(region, size))))
    return faces


def predict_faces(predictor: Predictor, faces: Sequence[FaceCrop]) -> list[PredictedFace]:
    """Predict faces of one or several photos, and their horizontal flips, in one batch."""
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
        PredictedFace(face.box, points, uncertainty)
        for face, points, uncertainty in zip(faces, (plain + flipped) / 2, distances, strict=True)
    ]
