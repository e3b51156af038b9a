"""Boxes of faces in a photo that has none: OpenCV's frontal cascade, which its wheel brings."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.faces import Box

_CASCADE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
_LONGEST_SIDE = 800  # px; larger photos are shrunk: finer faces than this cost time, and false ones
_SMALLEST_FACE = 0.08  # of the photo's shorter side


def detect_faces(photo: NDArray[np.uint8]) -> list[Box]:
    """Find frontal, upright faces.

    Args:
        photo: (height, width) grey or (height, width, 3) in red, green, blue order.

    Returns:
        Boxes in photo pixels, the largest first; empty where none is seen.

    Source: Viola and Jones, Rapid object detection using a boosted cascade, 2001.
    """
    grey = photo if photo.ndim == 2 else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _LONGEST_SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    small = cv2.equalizeHist(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    smallest = max(20, round(_SMALLEST_FACE * min(size)))
    cascade = cv2.CascadeClassifier(str(_CASCADE))
    found = cascade.detectMultiScale(
        small, scaleFactor=1.1, minNeighbors=6, minSize=(smallest, smallest)
    )
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in found]).reshape(-1, 4) / scale
    boxes = [(float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in corners]
    return sorted(boxes, key=lambda box: box[0] - box[2])
