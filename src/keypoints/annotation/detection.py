"""Face detection in any photo with OpenCV's Haar cascades for frontal and profile faces."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.faces.face import Box

Gray = NDArray[np.integer] | cv2.typing.MatLike

_CASCADES = Path(cv2.__file__).parent / "data"
_MIN_FACE = 0.08  # of the photo's shorter side
_NMS_THRESHOLD = 0.4  # boxes that overlap by more show one face


@dataclass(frozen=True)
class CascadeConfig:
    """A cascade of OpenCV, its parameters, and the map from its detections to the boxes of 300-W.

    Offsets lead from the middle of a detected square to that of the face's box; they and the box's
    side are in sides of the square.
    """

    file: str
    hflip: bool  # whether the cascade runs on the horizontally flipped photo
    max_side: int  # px; larger photos are shrunk
    min_neighbors: int  # neighbouring windows that must agree on a face
    offset_x: float  # to the right in the image that the cascade gets
    offset_y: float  # downwards
    box_side: float


@dataclass(frozen=True)
class Detection:
    """A square that a cascade detected, in photo pixels."""

    cascade: CascadeConfig
    x: float
    y: float
    side: float
    n_neighbors: int  # windows that agreed on it

    def to_dataset_box(self) -> Box:
        """The box that the lists of 300-W would give the face."""
        cascade = self.cascade
        offset_x = -cascade.offset_x if cascade.hflip else cascade.offset_x
        centre_x = self.x + self.side * (0.5 + offset_x)
        centre_y = self.y + self.side * (0.5 + cascade.offset_y)
        half = self.side * cascade.box_side / 2
        return centre_x - half, centre_y - half, centre_x + half, centre_y + half


@dataclass(frozen=True)
class DetectionPass:
    """Cascades that run together; no further pass runs if a face of size `stop_at` was found."""

    cascades: tuple[CascadeConfig, ...]
    scale_factor: float  # ratio of successive window sizes
    stop_at: float  # fraction of the photo's shorter side


_FRONT, _PROFILE = "haarcascade_frontalface_default.xml", "haarcascade_profileface.xml"

# The last three numbers of a cascade are medians over training faces of 300-W, measured by
# benchmarks/cascade_boxes.py, which also counts the detections. The passes run from coarse to fine:
# a portrait needs the first one only; the third one runs if only small faces were found. All three
# together find 228 of the 238 validation faces. The third alone finds 223, takes seven times as
# long, and has five more false detections.
PASSES = (
    DetectionPass((CascadeConfig(_FRONT, False, 320, 2, -0.01, 0.06, 0.89),), 1.2, stop_at=0.4),
    DetectionPass(
        (
            CascadeConfig(_PROFILE, False, 200, 2, -0.17, 0.07, 0.83),
            CascadeConfig(_PROFILE, True, 200, 2, -0.16, 0.09, 0.82),
        ),
        1.2,
        stop_at=0.2,
    ),
    DetectionPass(
        (
            CascadeConfig(_FRONT, False, 800, 6, -0.01, 0.06, 0.90),
            CascadeConfig(_PROFILE, False, 480, 5, -0.17, 0.08, 0.83),
            CascadeConfig(_PROFILE, True, 480, 5, -0.15, 0.08, 0.83),
        ),
        1.1,
        stop_at=0.0,
    ),
)

_thread_local = threading.local()


def detect_faces(photo: NDArray[np.uint8], *, thorough: bool = False) -> list[Box]:
    """Detect upright faces and return boxes like those of the 300-W lists, the largest first.

    Args:
        photo: Grayscale (height, width) or RGB (height, width, 3) pixels.
        thorough: Run every pass, whatever the previous ones have found.

    Source: Viola and Jones, Rapid object detection using a boosted cascade, 2001.
    """
    gray = photo if photo.ndim == 2 else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    boxes = [detection.to_dataset_box() for detection in detect(gray, thorough=thorough)]
    return sorted(boxes, key=lambda box: box[0] - box[2])


def detect(
    gray: Gray, passes: Iterable[DetectionPass] = PASSES, *, thorough: bool = False
) -> list[Detection]:
    """Detect faces in a grayscale photo, (height, width): one detection per face."""
    found: list[Detection] = []
    for pass_ in passes:
        for cascade in pass_.cascades:
            found += run_cascade(gray, cascade, pass_.scale_factor)
        found = non_max_suppression(found)
        if not thorough and any(face.side >= pass_.stop_at * min(gray.shape) for face in found):
            break
    return found


def run_cascade(gray: Gray, cascade: CascadeConfig, scale_factor: float) -> list[Detection]:
    """Run one cascade on a grayscale photo, (height, width)."""
    scale = min(1.0, cascade.max_side / max(gray.shape))
    size = (max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    min_size = max(20, round(_MIN_FACE * min(size)))
    squares, counts = _classifier(cascade.file).detectMultiScale2(
        cv2.flip(small, 1) if cascade.hflip else small,
        scaleFactor=scale_factor,
        minNeighbors=cascade.min_neighbors,
        minSize=(min_size, min_size),
    )
    lefts = [size[0] - x - side if cascade.hflip else x for x, _, side, _ in squares]
    return [
        Detection(cascade, left / scale, y / scale, side / scale, int(n_neighbors))
        for left, (_, y, side, _), n_neighbors in zip(lefts, squares, counts, strict=True)
    ]


def non_max_suppression(detections: Iterable[Detection]) -> list[Detection]:
    """Keep the detection with the most neighbours of those that show the same face."""
    kept: list[Detection] = []
    for detection in sorted(detections, key=lambda detection: -detection.n_neighbors):
        box = detection.to_dataset_box()
        if all(_overlap(box, other.to_dataset_box()) < _NMS_THRESHOLD for other in kept):
            kept.append(detection)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Area of the intersection, as a fraction of the smaller box."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(width, 0) * max(height, 0) / smaller


def _classifier(file: str) -> cv2.CascadeClassifier:
    """The classifier of this thread, because a classifier is not thread-safe."""
    classifiers = vars(_thread_local)
    if file not in classifiers:
        classifiers[file] = cv2.CascadeClassifier(str(_CASCADES / file))
    return classifiers[file]
