"""Annotates photos and videos; in videos, faces are detected every few frames and tracked."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.detection import detect_faces
from keypoints.annotation.face_crops import FaceBox
from keypoints.annotation.images import PhotoError
from keypoints.annotation.inputs import InputImage
from keypoints.annotation.pipeline import (
    AnnotatedImage,
    Search,
    annotate_images,
    detect_faces_in,
)
from keypoints.annotation.predictor import Predictor
from keypoints.annotation.tracking import FaceTracker
from keypoints.core.errors import first_line
from keypoints.core.parallel import map_in_threads, n_cores

_DETECTION_SECONDS, _MAX_INTERVAL = 1 / 6, 10  # time between detections; at most so many frames


@dataclass(frozen=True, eq=False)
class _Frame:
    """A decoded frame; `faces` is None if no detection was due."""

    input: InputImage
    pixels: NDArray[np.uint8]
    faces: list[FaceBox] | None
    notes: tuple[str, ...]


def annotate_inputs(
    images: Iterable[InputImage], load: Callable[[], Predictor], search: Search
) -> Iterator[AnnotatedImage | PhotoError]:
    """Annotate photos and videos, in their order.

    Args:
        images: Photos and frames, read only as they are needed.
        load: Function that returns the network.
        search: How faces are found.
    """
    for video, group in groupby(
        images, key=lambda image: image.video if search.can_track else None
    ):
        if video is None:
            yield from annotate_images(detect_faces_in(group, search), load)
        else:
            yield from annotate_video(group, load, search)


def annotate_video(
    frames: Iterable[InputImage],
    load: Callable[[], Predictor],
    search: Search,
) -> Iterator[AnnotatedImage | PhotoError]:
    """Annotate the frames of one video, in their order.

    Args:
        frames: Frames, read only as they are needed.
        load: Function that returns the network.
        search: How faces are found.
    """
    cv2.setNumThreads(1)  # each core already processes a frame
    decode = partial(_decode, search=search)
    workers = n_cores()
    tracker, last = FaceTracker(load(), thorough=search.thorough), 0.0
    for frame in map_in_threads(decode, enumerate(frames), workers, max_pending=2 * workers):
        if isinstance(frame, PhotoError):
            yield frame
            continue
        seconds = frame.input.seconds - last
        last = frame.input.seconds
        try:
            faces = tracker.update(
                frame.pixels, frame.faces, seconds if seconds > 0 else 1 / frame.input.fps
            )
        except (cv2.error, MemoryError) as error:  # one frame never ends the run
            yield PhotoError(f"{frame.input.name}: {first_line(error)}")
            continue
        yield AnnotatedImage(frame.input, frame.pixels, faces, frame.notes)


def _decode(numbered: tuple[int, InputImage], *, search: Search) -> _Frame | PhotoError:
    number, frame = numbered
    interval = min(max(1, round(frame.fps * _DETECTION_SECONDS)), _MAX_INTERVAL)
    try:
        decoded = frame.read()
        is_due = search.every_frame or number % interval == 0
        faces = detect_faces(decoded.pixels, thorough=search.thorough) if is_due else None
    except PhotoError as error:
        return error
    except (cv2.error, MemoryError) as error:
        return PhotoError(f"{frame.name}: {first_line(error)}")
    return _Frame(frame, decoded.pixels, faces, decoded.notes)
