"""Points and contours drawn into a photo, in sizes that suit the face."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.annotation.predictor import PredictedFace
from keypoints.core.landmarks import Contour, Scheme

Array = NDArray[np.floating]
Colour = tuple[int, int, int]

DARK, LIGHT = (20, 24, 32), (255, 255, 255)
LINE_COLOUR, POINT_COLOUR, BOX_COLOUR = (46, 226, 127), (224, 24, 45), (125, 184, 255)

_LINE, _POINT = 1 / 170, 1 / 75  # widths, in sides of the face's box
_FINE = 4  # binary digits of a pixel that OpenCV's drawing takes


def draw_faces(
    photo: NDArray[np.uint8], faces: Iterable[PredictedFace], scheme: Scheme, points: Sequence[int]
) -> NDArray[np.uint8]:
    """Draw the points of faces as red dots along green contours.

    Widths follow the box. From two pixels on, each has a rim in the opposite lightness, so that it
    shows on any skin.

    Args:
        photo: (height, width, 3) in red, green, blue order; it stays as it is.
        faces: In photo pixels.
        scheme: Of the points.
        points: Which points of the scheme the faces have.

    Returns:
        A copy with the faces drawn on it.
    """
    drawn = photo.copy()
    for face in faces:
        x0, y0, x1, y1 = face.box
        line = max(1, round((x1 - x0) * _LINE))
        draw_points(drawn, face.landmarks_photo, scheme, points, line, (x1 - x0) * _POINT)
        corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        _draw_line(drawn, corners, BOX_COLOUR, line, closed=True)
    return drawn


def draw_points(
    picture: NDArray[np.uint8],
    landmarks: Array,
    scheme: Scheme,
    points: Sequence[int],
    line: int,
    dot: float,
) -> None:
    """Draw contours so many pixels wide and dots of so many pixels into a picture."""
    for contour in scheme.contours:
        if len(shown := _positions(contour, points)) > 1:
            if line > 1:
                _draw_line(picture, landmarks[shown], DARK, line + 2, closed=contour.closed)
            _draw_line(picture, landmarks[shown], LINE_COLOUR, line, closed=contour.closed)
    for landmark in landmarks:
        if line > 1:
            _draw_dot(picture, landmark, LIGHT, (dot + line) / 2)
        _draw_dot(picture, landmark, POINT_COLOUR, max(0.8, dot / 2))


def _positions(contour: Contour, points: Sequence[int]) -> list[int]:
    return [points.index(point) for point in contour.points if point in points]


def _draw_line(
    picture: NDArray[np.uint8], landmarks: Array, colour: Colour, width: int, *, closed: bool
) -> None:
    cv2.polylines(picture, [_fixed(landmarks)], closed, colour, width, cv2.LINE_AA, _FINE)


def _draw_dot(picture: NDArray[np.uint8], landmark: Array, colour: Colour, radius: float) -> None:
    x, y = (int(value) for value in _fixed(landmark))
    cv2.circle(picture, (x, y), round(radius * 2**_FINE), colour, -1, cv2.LINE_AA, _FINE)


def _fixed(landmarks: Array) -> NDArray[np.int32]:
    return np.round(landmarks * 2**_FINE).astype(np.int32)
