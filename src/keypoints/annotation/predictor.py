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
from keypoints.core.landmarks import SCHEMES, Scheme, flip_indices_of
from keypoints.core.types import Array
from keypoints.crops.cropping import crop_and_resize, crop_region
from keypoints.crops.format import CropFormat
from keypoints.faces.face import Box


@dataclass(frozen=True)
class Predictor:
    """A network with the format of its crops and its points.

    Attributes:
        name: Name of the model.
        format: Format of the crops, without a margin.
        points: Indices of the scheme's points that the network predicts.
        run: Function from crops, (n, height, width, channels), to landmarks_unit,
            (n, n_points, 2).
    """

    name: str
    format: CropFormat
    points: tuple[int, ...]
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]

    @property
    def scheme(self) -> Scheme:
        return SCHEMES[self.format.scheme]


@dataclass(frozen=True)
class FaceCrop:
    """The crop of a face as a predictor takes it.

    Attributes:
        box: Box in photo pixels.
        crop: Pixels, (height, width, channels).
        photo_to_unit: Map from the photo to 0..1 of the crop, (2, 3).
    """

    box: Box
    crop: NDArray[np.uint8]
    photo_to_unit: Array


@dataclass(frozen=True)
class PredictedFace:
    """Predicted landmarks of a face.

    Attributes:
        box: Box in photo pixels.
        landmarks_photo: Means of the predictions for the crop and for its horizontal flip,
            (n_points, 2).
        uncertainty_photo: Distances between the two predictions, px, (n_points,).
    """

    box: Box
    landmarks_photo: Array
    uncertainty_photo: Array


def crop_faces(
    photo: NDArray[np.uint8], boxes: Sequence[Box], format_: CropFormat
) -> list[FaceCrop]:
    """Crop faces of one photo.

    Args:
        photo: RGB pixels, (height, width, 3).
        boxes: Boxes in photo pixels, each of which must overlap the photo.
        format_: Format of the crops.
    """
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
    flip_indices = flip_indices_of(predictor.points, predictor.scheme)
    plain, flipped = both[: len(faces)], hflip_landmarks(both[len(faces) :], flip_indices)
    to_photo = invert(np.stack([face.photo_to_unit for face in faces]))
    plain_photo, flipped_photo = apply_map(to_photo, plain), apply_map(to_photo, flipped)
    landmarks = (plain_photo + flipped_photo) / 2
    distances = np.linalg.norm(plain_photo - flipped_photo, axis=-1)
    return [
        PredictedFace(face.box, points, uncertainty)
        for face, points, uncertainty in zip(faces, landmarks, distances, strict=True)
    ]
