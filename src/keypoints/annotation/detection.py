"""Faces of any photo: boxes by OpenCV's cascades for faces from the front and from both sides."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.faces.face import Box

Grey = NDArray[np.integer] | cv2.typing.MatLike

_FOLDER = Path(cv2.__file__).parent / "data"
_SMALLEST_FACE = 0.08  # of the photo's shorter side
_NMS_THRESHOLD = 0.4  # two boxes that share more of the smaller one show one face


@dataclass(frozen=True)
class CascadeConfig:
    """A direction that faces are looked for from, and what its cascade calls a face.

    Attributes:
        cascade: File of the cascade, which OpenCV's wheel brings.
        in_mirror: Whether it looks at the mirrored photo.
        longest_side: To which larger photos are shrunk for it, px: finer faces cost time.
        min_neighbors: So many neighbouring windows must agree on a face.
        right: How far the middle of the face is off the middle of the cascade's square, in its
            sides, seen as the cascade sees it.
        down: The same downwards.
        side: Of the face's box, in sides of the square.
    """

    cascade: str
    in_mirror: bool
    longest_side: int
    min_neighbors: int
    right: float
    down: float
    side: float


@dataclass(frozen=True)
class Detection:
    """What a cascade found, in pixels of the photo: its square, and how surely."""

    view: CascadeConfig
    x: float
    y: float
    side: float
    min_neighbors: int

    def to_dataset_box(self) -> Box:
        """The box that the 300-W lists would have there."""
        right = -self.view.right if self.view.in_mirror else self.view.right
        middle_x = self.x + self.side * (0.5 + right)
        middle_y = self.y + self.side * (0.5 + self.view.down)
        half = self.side * self.view.side / 2
        return middle_x - half, middle_y - half, middle_x + half, middle_y + half


@dataclass(frozen=True)
class DetectionPass:
    """Some views of a photo, at the same care.

    Attributes:
        views: The directions.
        step: Each size of window is so many times the one before.
        stop_at: Where a face of so many of the photo's shorter side is seen, no further look is
            taken: what matters is found.
    """

    views: tuple[CascadeConfig, ...]
    step: float
    stop_at: float


_FRONT, _SIDE = "haarcascade_frontalface_default.xml", "haarcascade_profileface.xml"

# The last three numbers of a view are medians over training faces of the lists, by
# benchmarks/cascade_boxes.py, which tells what is found, too. From coarse to fine: a portrait is
# done after the first look; where only small faces are found, the third looks for more. On the 238
# validation faces the three find 228 in a seventh of the time in which the last finds 223 alone,
# and five places fewer that are none.
PASSES = (
    DetectionPass(
        (CascadeConfig(_FRONT, False, 320, 2, right=-0.01, down=0.06, side=0.89),), 1.2, stop_at=0.4
    ),
    DetectionPass(
        (
            CascadeConfig(_SIDE, False, 200, 2, right=-0.17, down=0.07, side=0.83),
            CascadeConfig(_SIDE, True, 200, 2, right=-0.16, down=0.09, side=0.82),
        ),
        1.2,
        stop_at=0.2,
    ),
    DetectionPass(
        (
            CascadeConfig(_FRONT, False, 800, 6, right=-0.01, down=0.06, side=0.90),
            CascadeConfig(_SIDE, False, 480, 5, right=-0.17, down=0.08, side=0.83),
            CascadeConfig(_SIDE, True, 480, 5, right=-0.15, down=0.08, side=0.83),
        ),
        1.1,
        stop_at=0.0,
    ),
)

_of_this_thread = threading.local()


def detect_faces(photo: NDArray[np.uint8], *, thorough: bool = False) -> list[Box]:
    """Find upright faces, with boxes like those of the 300-W lists.

    Args:
        photo: (height, width) grey or (height, width, 3) in red, green, blue order.
        thorough: Take every look, whatever the one before has found.

    Returns:
        Boxes in photo pixels, the largest first; empty where none is seen.

    Source: Viola and Jones, Rapid object detection using a boosted cascade, 2001.
    """
    grey = photo if photo.ndim == 2 else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    boxes = [square.to_dataset_box() for square in detect(grey, thorough=thorough)]
    return sorted(boxes, key=lambda box: box[0] - box[2])


def detect(
    grey: Grey, looks: Iterable[DetectionPass] = PASSES, *, thorough: bool = False
) -> list[Detection]:
    """One square for each face in a grey photo, (height, width)."""
    found: list[Detection] = []
    for look in looks:
        for view in look.views:
            found += find_squares(grey, view, look.step)
        found = non_max_suppression(found)
        if not thorough and any(square.side >= look.stop_at * min(grey.shape) for square in found):
            break
    return found


def find_squares(grey: Grey, view: CascadeConfig, step: float) -> list[Detection]:
    """What one cascade finds in a grey photo, (height, width); `step` as a Look has it."""
    scale = min(1.0, view.longest_side / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    smallest = max(20, round(_SMALLEST_FACE * min(size)))
    found, min_neighbors = _cascade(view.cascade).detectMultiScale2(
        cv2.flip(small, 1) if view.in_mirror else small,
        scaleFactor=step,
        minNeighbors=view.min_neighbors,
        minSize=(smallest, smallest),
    )
    squares = []
    for (x, y, side, _), n in zip(found, min_neighbors, strict=True):
        left = size[0] - x - side if view.in_mirror else x
        squares.append(Detection(view, left / scale, y / scale, side / scale, int(n)))
    return squares


def non_max_suppression(squares: Iterable[Detection]) -> list[Detection]:
    """Of squares that show one face, the one that most windows agreed on."""
    kept: list[Detection] = []
    for square in sorted(squares, key=lambda square: -square.min_neighbors):
        box = square.to_dataset_box()
        if all(_overlap(box, other.to_dataset_box()) < _NMS_THRESHOLD for other in kept):
            kept.append(square)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """What two boxes both cover, as a part of the smaller one."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(across, 0) * max(down, 0) / smaller


def _cascade(name: str) -> cv2.CascadeClassifier:
    """A cascade of this thread: one is not made for two threads at once."""
    known = vars(_of_this_thread)
    if name not in known:
        known[name] = cv2.CascadeClassifier(str(_FOLDER / name))
    return known[name]
