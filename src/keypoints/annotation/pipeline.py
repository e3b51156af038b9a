"""From pictures to annotated pictures: decoded and searched on all cores while the network runs."""

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
    cut_faces,
    predict_faces,
)
from keypoints.core.parallel import parallel_map
from keypoints.crops.store import CropFormat
from keypoints.faces.face import Box

_BATCH = 16  # faces, or pictures, that are predicted together
_MOST_BYTES = 2**27  # of the pictures of a batch
_LARGEST_BOX = 4  # longer sides of the photo, of which most would be nothing


@dataclass(frozen=True)
class DetectedImage:
    """A picture that was decoded and searched for faces, or the reason why not.

    Attributes:
        picture: Where it comes from.
        photo: (height, width, 3); None: it could not be read.
        faces: Cut out of it, the largest first.
        problem: What to tell the user; empty: none.
    """

    picture: InputImage
    photo: NDArray[np.uint8] | None
    faces: list[FaceCrop]
    problem: str = ""


@dataclass(frozen=True)
class AnnotatedImage:
    """A picture with its faces, or the reason why there are none to look for.

    Attributes:
        picture: Where it comes from.
        photo: (height, width, 3); None: it could not be read.
        faces: With their points, the largest first.
        problem: What to tell the user; empty: none.
    """

    picture: InputImage
    photo: NDArray[np.uint8] | None
    faces: list[PredictedFace]
    problem: str = ""


def detect_faces_in(
    pictures: Iterable[InputImage],
    format_: CropFormat,
    box: Box | None = None,
    thorough: bool = False,
) -> Iterator[DetectedImage]:
    """Decode pictures and cut out their faces, in threads; a few are under way ahead.

    Args:
        pictures: Taken as they are needed.
        format_: Of the crops.
        box: Of the one face in each picture; None: look for faces.
        thorough: Look for small faces where large ones are found, too.
    """
    cv2.setNumThreads(1)  # the cores are busy with a picture each
    return parallel_map(partial(_search, format_=format_, box=box, thorough=thorough), pictures)


def annotate_pictures(
    searched: Iterable[DetectedImage], load: Callable[[], Predictor]
) -> Iterator[AnnotatedImage]:
    """Predict the points, in the order of the pictures: the first alone, the others in batches.

    Args:
        searched: From `detect_faces_in`.
        load: Gives the network; asked for it when the first picture is there.
    """
    waiting: list[DetectedImage] = []
    predictor: Predictor | None = None
    for picture in searched:
        waiting.append(picture)
        if predictor is None or _is_full(waiting):
            predictor = predictor or load()
            yield from _annotate(waiting, predictor)
            waiting = []
    if predictor is not None:
        yield from _annotate(waiting, predictor)


def _search(
    picture: InputImage, *, format_: CropFormat, box: Box | None, thorough: bool
) -> DetectedImage:
    try:
        photo = picture.read()
        boxes = _boxes(picture, photo, format_, box, thorough)
    except PhotoError as error:
        return DetectedImage(picture, None, [], str(error))
    return DetectedImage(picture, photo, cut_faces(photo, boxes, format_))


def _boxes(
    picture: InputImage,
    photo: NDArray[np.uint8],
    format_: CropFormat,
    box: Box | None,
    thorough: bool,
) -> list[Box]:
    height, width = photo.shape[:2]
    if format_.box_scale is None:  # the network sees whole frames
        return [(0.0, 0.0, float(width), float(height))]
    if box is None:
        return detect_faces(photo, thorough=thorough)
    x0, y0, x1, y1 = box
    if x0 >= width or y0 >= height or x1 <= 0 or y1 <= 0:
        given = ",".join(f"{value:g}" for value in (x0, y0, x1 - x0, y1 - y0))
        raise PhotoError(
            f"{picture.shown_as}: the box {given} lies outside of its {width} x {height} px"
        )
    if max(x1 - x0, y1 - y0) > _LARGEST_BOX * max(width, height):
        raise PhotoError(
            f"{picture.shown_as}: no face in a photo of {width} x {height} px has a box of "
            f"{x1 - x0:g} x {y1 - y0:g} px"
        )
    return [box]


def _is_full(waiting: list[DetectedImage]) -> bool:
    n_faces = sum(len(picture.faces) for picture in waiting)
    n_bytes = sum(picture.photo.nbytes for picture in waiting if picture.photo is not None)
    return max(n_faces, len(waiting)) >= _BATCH or n_bytes >= _MOST_BYTES


def _annotate(pictures: list[DetectedImage], predictor: Predictor) -> Iterator[AnnotatedImage]:
    faces = iter(predict_faces(predictor, [face for p in pictures for face in p.faces]))
    for picture in pictures:
        own = list(islice(faces, len(picture.faces)))
        yield AnnotatedImage(picture.picture, picture.photo, own, picture.problem)
