"""A network that takes crops as bytes, whatever runs it; and what it says of faces in photos.

Nothing here imports torch: a network may run in onnxruntime just as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import apply_map, compose, invert, resize_map, unit_map
from keypoints.core.landmarks import SCHEMES, Scheme, flip_indices_of
from keypoints.crops.cropping import crop_and_resize, crop_region
from keypoints.crops.store import CropFormat
from keypoints.faces.face import Box

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Predictor:
    """A network with all that is needed to use it on a photo.

    Attributes:
        name: Of the model.
        format: Of the crops that it takes, without a margin.
        points: Which points of the scheme it predicts.
        run: From crops (n, height, width, channels) to landmarks_unit (n, n_points, 2).
    """

    name: str
    format: CropFormat
    points: tuple[int, ...]
    run: Callable[[NDArray[np.uint8]], NDArray[np.float32]]

    @property
    def scheme(self) -> Scheme:
        """Of the points."""
        return SCHEMES[self.format.scheme]


@dataclass(frozen=True)
class FaceCrop:
    """A face as a predictor takes it.

    Attributes:
        box: In photo pixels.
        crop: (height, width, channels).
        photo_to_unit: (2, 3).
    """

    box: Box
    crop: NDArray[np.uint8]
    photo_to_unit: Array


@dataclass(frozen=True)
class PredictedFace:
    """A face with its points.

    Attributes:
        box: In photo pixels.
        landmarks_photo: Means of the answers to the face and to its mirror image, (n_points, 2).
        uncertainty_photo: How far the two answers lie apart, px, (n_points,).
    """

    box: Box
    landmarks_photo: Array
    uncertainty_photo: Array


def cut_faces(
    photo: NDArray[np.uint8], boxes: Sequence[Box], format_: CropFormat
) -> list[FaceCrop]:
    """Cut some faces of one photo.

    Args:
        photo: (height, width, 3) in red, green, blue order.
        boxes: In photo pixels; each must meet the photo.
        format_: Of the crops.
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
    """Predict faces, of one photo or of many, as they are and in a mirror, in one batch."""
    if not faces:
        return []
    crops = np.stack([face.crop for face in faces])
    both = predictor.run(np.concatenate([crops, crops[:, :, ::-1]])).astype(float)
    plain, mirrored = both[: len(faces)], both[len(faces) :]
    mirrored = mirrored[:, flip_indices_of(predictor.points, predictor.scheme)]
    mirrored[..., 0] = 1 - mirrored[..., 0]
    to_photo = invert(np.stack([face.photo_to_unit for face in faces]))
    plain_photo, flipped_photo = apply_map(to_photo, plain), apply_map(to_photo, mirrored)
    landmarks = (plain_photo + flipped_photo) / 2
    apart = np.linalg.norm(plain_photo - flipped_photo, axis=-1)
    return [
        PredictedFace(face.box, points, uncertainty)
        for face, points, uncertainty in zip(faces, landmarks, apart, strict=True)
    ]
