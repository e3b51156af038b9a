"""Flat shapes over a picture: anti-aliased lines, and colours through a mask."""

import cv2
import numpy as np

_SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel


def fixed_point(points: np.ndarray) -> np.ndarray:
    """Pixels as OpenCV's drawing functions with `shift=4` take them."""
    return np.round(points * 2**_SHIFT).astype(np.int32)


def stroke(
    canvas: np.ndarray, line: np.ndarray, width: float, colour: np.ndarray, *, closed: bool = False
) -> None:
    """Draw a line through pixels, (n, 2), on a uint8 picture, in place."""
    thickness = max(1, round(width))
    cv2.polylines(
        canvas, [fixed_point(line)], closed, colour.tolist(), thickness, cv2.LINE_AA, _SHIFT
    )


def cover(canvas: np.ndarray, mask: np.ndarray, colour: np.ndarray, opacity: float) -> None:
    """Blend a colour over a uint8 picture where a mask, uint8, is set, in place."""
    x, y, width, height = cv2.boundingRect(mask)
    if width == 0:
        return
    window = np.s_[y : y + height, x : x + width]
    weight = mask[window].astype(np.float32)[..., None] * (opacity / 255)
    canvas[window] = (canvas[window] + (colour - canvas[window]) * weight).astype(np.uint8)
