"""Annotates images as a stream: decoding and detection on all cores, prediction in batches."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.detection import detect_faces
from keypoints.annotation.images import PhotoError
from keypoints.annotation.inputs import InputImage
from keypoints.annotation.predictor import (
    FaceCrop,
    PredictedFace,
    Predictor,
    crop_faces,
    predict_faces,
)
from keypoints.core.parallel import parallel_map
from keypoints.crops.format import CropFormat
from keypoints.faces.face import Box

_BATCH_SIZE = 16  # faces, or images
_MAX_BATCH_BYTES = 2**27  # of the images of a batch
_MAX_BOX = 4  # longer sides of the photo; a larger box contains hardly any of its pixels


@dataclass(frozen=True)
class UnreadableImage:
    """An image that cannot be annotated, and the reason."""

    input: InputImage
    problem: str


@dataclass(frozen=True)
class DetectedImage:
    """A decoded image and the crops of its faces, the largest first.

    Attributes:
        photo: RGB pixels, (height, width, 3).
    """

    input: InputImage
    photo: NDArray[np.uint8]
    faces: list[FaceCrop]


@dataclass(frozen=True)
class AnnotatedImage:
    """A decoded image and the predicted landmarks of its faces, the largest first.

    Attributes:
        photo: RGB pixels, (height, width, 3).
    """

    input: InputImage
    photo: NDArray[np.uint8]
    faces: list[PredictedFace]


def detect_faces_in(
    images: Iterable[InputImage],
    format_: CropFormat,
    box: Box | None = None,
    thorough: bool = False,
) -> Iterator[DetectedImage | UnreadableImage]:
    """Decode images and crop their faces in threads, a few images ahead of the consumer.

    Args:
        images: Photos and video frames, read only as they are needed.
        format_: Format of the crops.
        box: Box of the only face of each image; None: detect the faces.
        thorough: Also detect small faces in images with large ones.
    """
    cv2.setNumThreads(1)  # each core already works on an image of its own
    return parallel_map(partial(_detect, format_=format_, box=box, thorough=thorough), images)


def annotate_images(
    images: Iterable[DetectedImage | UnreadableImage], load: Callable[[], Predictor]
) -> Iterator[AnnotatedImage | UnreadableImage]:
    """Predict landmarks, in the order of the images: the first image alone, the others in batches.

    Args:
        images: Results of `detect_faces_in`.
        load: Returns the predictor; called once the first image is decoded.
    """
    batch: list[DetectedImage | UnreadableImage] = []
    predictor: Predictor | None = None
    for image in images:
        batch.append(image)
        if predictor is None or _is_full(batch):
            predictor = predictor or load()
            yield from _annotate(batch, predictor)
            batch = []
    if predictor is not None:
        yield from _annotate(batch, predictor)


def _detect(
    image: InputImage, *, format_: CropFormat, box: Box | None, thorough: bool
) -> DetectedImage | UnreadableImage:
    try:
        photo = image.read()
        if format_.box_scale is None:  # the network takes whole frames
            boxes = [(0.0, 0.0, float(photo.shape[1]), float(photo.shape[0]))]
        elif box is None:
            boxes = detect_faces(photo, thorough=thorough)
        else:
            boxes = [_check_box(box, image.name, photo.shape[:2])]
    except PhotoError as error:
        return UnreadableImage(image, str(error))
    return DetectedImage(image, photo, crop_faces(photo, boxes, format_))


def _check_box(box: Box, name: str, size: tuple[int, int]) -> Box:
    """Return the box.

    Raises:
        PhotoError: If it does not overlap the photo, or is far larger.
    """
    (height, width), (x0, y0, x1, y1) = size, box
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        given = ",".join(f"{value:g}" for value in (x0, y0, x1 - x0, y1 - y0))
        raise PhotoError(
            f"{name}: the box {given} lies outside the photo, which has {width} x {height} px"
        )
    if max(x1 - x0, y1 - y0) > _MAX_BOX * max(width, height):
        raise PhotoError(
            f"{name}: the box has {x1 - x0:g} x {y1 - y0:g} px, which is more than {_MAX_BOX} "
            f"times the size of the photo, {width} x {height} px"
        )
    return box


def _is_full(batch: list[DetectedImage | UnreadableImage]) -> bool:
    readable = [image for image in batch if isinstance(image, DetectedImage)]
    n_faces = sum(len(image.faces) for image in readable)
    n_bytes = sum(image.photo.nbytes for image in readable)
    return max(n_faces, len(batch)) >= _BATCH_SIZE or n_bytes >= _MAX_BATCH_BYTES


def _annotate(
    batch: list[DetectedImage | UnreadableImage], predictor: Predictor
) -> Iterator[AnnotatedImage | UnreadableImage]:
    crops = [face for image in batch if isinstance(image, DetectedImage) for face in image.faces]
    faces = iter(predict_faces(predictor, crops))
    for image in batch:
        if isinstance(image, UnreadableImage):
            yield image
        else:
            own = list(islice(faces, len(image.faces)))
            yield AnnotatedImage(image.input, image.photo, own)
