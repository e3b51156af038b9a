"""Annotates images as a stream: decoding and detection on all cores, prediction in batches.

The frames of a video follow one another, because a face is tracked from one to the next. An image
that cannot be annotated is in the stream as its PhotoError.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.detection import detect_faces
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.framing import framing_problem
from keypoints.annotation.images import PhotoError
from keypoints.annotation.inputs import InputImage
from keypoints.annotation.predictor import (
    FaceCrop,
    PredictedFace,
    Predictor,
    crop_faces,
    predict_faces,
)
from keypoints.core.errors import first_line
from keypoints.core.parallel import map_in_threads, n_cores
from keypoints.faces.face import Box
from keypoints.models.checkpoint import ModelInfo

_BATCH_SIZE = 16  # faces, or images
_MAX_BATCH_BYTES = 2**27  # of the images of a batch
_MAX_BOX = 4  # longer sides of the photo; a larger box contains hardly any of its pixels


@dataclass(frozen=True)
class Search:
    """How the faces of images are found.

    Attributes:
        info: Metadata of the network that predicts them.
        box: Box of the only face of each image; None: the faces are detected.
        thorough: Also search for turned heads in images with upright ones.
        every_frame: Search in every frame of a video, so that new faces are found at once.
    """

    info: ModelInfo
    box: Box | None = None
    thorough: bool = False
    every_frame: bool = False

    @property
    def can_track(self) -> bool:
        """Whether faces are detected, so that they can be followed in a video."""
        return self.box is None and self.info.crop_format.box_scale is not None


@dataclass(frozen=True, eq=False)
class DetectedImage:
    """RGB pixels, (height, width, 3), and the crops of the faces, the largest first."""

    input: InputImage
    photo: NDArray[np.uint8]
    faces: list[FaceCrop]
    notes: tuple[str, ...]  # remarks about the file


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """RGB pixels, (height, width, 3), and the predicted faces, the largest first."""

    input: InputImage
    photo: NDArray[np.uint8]
    faces: list[PredictedFace]
    notes: tuple[str, ...] = ()  # remarks about the file


def detect_faces_in(
    images: Iterable[InputImage], search: Search
) -> Iterator[DetectedImage | PhotoError]:
    """Decode images, read only as they are needed, and crop their faces in threads, a few ahead."""
    cv2.setNumThreads(1)  # each core already processes an image
    detect = partial(_detect, search=search)
    workers = n_cores()
    # Few images wait: a frame of a large video takes 50 MB.
    return map_in_threads(detect, images, workers, max_pending=2 * workers)


def annotate_images(
    images: Iterable[DetectedImage | PhotoError], load: Callable[[], Predictor]
) -> Iterator[AnnotatedImage | PhotoError]:
    """Predict landmarks, in the order of the images: the first image alone, the others in batches.

    The predictor is loaded once the first image is decoded.
    """
    batch: list[DetectedImage | PhotoError] = []
    predictor: Predictor | None = None
    for image in images:
        batch.append(image)
        if predictor is None or _is_full(batch):
            predictor = predictor or load()
            yield from _annotate(batch, predictor)
            batch = []
    if predictor is not None:
        yield from _annotate(batch, predictor)


def _detect(image: InputImage, *, search: Search) -> DetectedImage | PhotoError:
    try:
        decoded = image.read()
        faces = find_faces(decoded.pixels, image.name, search)
        crops = crop_faces(decoded.pixels, faces, search.info.crop_format)
    except PhotoError as error:
        return error
    except (cv2.error, MemoryError) as error:  # one image never ends the run
        return PhotoError(f"{image.name}: {first_line(error)}")
    return DetectedImage(image, decoded.pixels, crops, decoded.notes)


def find_faces(photo: NDArray[np.uint8], name: str, search: Search) -> list[FaceBox]:
    """Faces that a network predicts: the whole photo, the given box, or all detected faces.

    Raises:
        PhotoError: If the box lies outside the photo or is far larger, or if the network takes
            whole photos and this one is framed differently from those of its data set.
    """
    if search.box is not None:
        return given_faces(photo, name, [search.box])
    height, width = photo.shape[:2]
    faces = detect_faces(photo, thorough=search.thorough)
    if search.info.crop_format.box_scale is None and faces:  # the network takes whole photos
        dataset = search.info.task.dataset
        if problem := framing_problem(dataset, (height, width), faces[0]):
            raise PhotoError(
                f"{name}: refused, because {search.info.name} predicts whole photos that are "
                f"framed like those of {dataset}: {problem}; leave out --model"
            )
        return [FaceBox((0.0, 0.0, float(width), float(height)))]
    return faces


def given_faces(photo: NDArray[np.uint8], name: str, boxes: Iterable[Box]) -> list[FaceBox]:
    """Upright faces with these boxes.

    Raises:
        PhotoError: If a box lies outside the photo or is far larger.
    """
    faces = [FaceBox(box) for box in boxes]
    for face in faces:
        _check_box(face.box, name, *photo.shape[:2])
    return faces


def _check_box(box: Box, name: str, height: int, width: int) -> None:
    """Check that a box overlaps the photo and is not far larger."""
    x0, y0, x1, y1 = box
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        raise PhotoError(
            f"{name}: the box {x0:g},{y0:g},{x1 - x0:g},{y1 - y0:g} lies outside the photo, which "
            f"has {width} x {height} px"
        )
    if max(x1 - x0, y1 - y0) > _MAX_BOX * max(width, height):
        raise PhotoError(
            f"{name}: the box has {x1 - x0:g} x {y1 - y0:g} px, which is more than {_MAX_BOX} "
            f"times the size of the photo, {width} x {height} px"
        )


def _is_full(batch: list[DetectedImage | PhotoError]) -> bool:
    readable = [image for image in batch if isinstance(image, DetectedImage)]
    n_faces = sum(len(image.faces) for image in readable)
    n_bytes = sum(image.photo.nbytes for image in readable)
    return max(n_faces, len(batch)) >= _BATCH_SIZE or n_bytes >= _MAX_BATCH_BYTES


def _annotate(
    batch: list[DetectedImage | PhotoError], predictor: Predictor
) -> Iterator[AnnotatedImage | PhotoError]:
    crops = [face for image in batch if isinstance(image, DetectedImage) for face in image.faces]
    faces = iter(predict_faces(predictor, crops))
    for image in batch:
        if isinstance(image, PhotoError):
            yield image
        else:
            found = list(islice(faces, len(image.faces)))
            yield AnnotatedImage(image.input, image.photo, found, image.notes)
