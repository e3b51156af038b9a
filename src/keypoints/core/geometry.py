"""Boxes, and the 2x3 maps between the frames: photo, crop, input, unit.

A map is a (2, 3) matrix (or a stack of them, (..., 2, 3)) that takes (x, y) of one frame to (x, y)
of another. Pixel centres lie at whole numbers, so a resize by s takes x to (x + 0.5) s - 0.5.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def apply_map(matrix: Array, points: Array) -> Array:
    """Take points through a map.

    Args:
        matrix: (2, 3), or (n_faces, 2, 3) with one map per face.
        points: (..., n_points, 2) or (n_faces, n_points, 2), (x, y).

    Returns:
        The points in the frame that the map leads to, shaped like `points`.
    """
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def compose(second: Array, first: Array) -> Array:
    """The map that is `first`, then `second`; each (..., 2, 3)."""
    linear = second[..., :2] @ first[..., :2]
    offset = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, offset], axis=-1)


def invert(matrix: Array) -> Array:
    """The map back, (..., 2, 3).

    Raises:
        numpy.linalg.LinAlgError: If the map squeezes the plane onto a line.
    """
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -linear @ matrix[..., 2:]], axis=-1)


def resize_map(region: tuple[int, int, int, int], size: tuple[int, int]) -> Array:
    """From photo to crop: cut a region out and resize it.

    Args:
        region: x0, y0, x1, y1 in whole photo pixels, the ends exclusive.
        size: Height and width of the crop, px.

    Returns:
        (2, 3).
    """
    x0, y0, x1, y1 = region
    height, width = size
    scale_x, scale_y = width / (x1 - x0), height / (y1 - y0)
    return np.array(
        [[scale_x, 0, (0.5 - x0) * scale_x - 0.5], [0, scale_y, (0.5 - y0) * scale_y - 0.5]]
    )


def unit_map(size: tuple[int, int]) -> Array:
    """From pixels of an image of (height, width) to 0..1 across it, (2, 3)."""
    height, width = size
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height]])


def translation(x: float | Array, y: float | Array) -> Array:
    """Shift by (x, y) px; numbers or arrays (n,), giving (2, 3) or (n, 2, 3)."""
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    matrix = np.zeros((*x.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = 1
    matrix[..., 0, 2], matrix[..., 1, 2] = x, y
    return matrix


def rotation(degrees: float | Array, centre: tuple[float, float]) -> Array:
    """Rotate about a centre (x, y) px, clockwise on the screen; (2, 3) or (n, 2, 3)."""
    angle = np.deg2rad(np.asarray(degrees, float))
    matrix = np.zeros((*angle.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = np.cos(angle)
    matrix[..., 1, 0] = np.sin(angle)
    matrix[..., 0, 1] = -matrix[..., 1, 0]
    middle = np.asarray(centre, float)
    matrix[..., 2] = middle - matrix[..., :2] @ middle
    return matrix


def scaling(factor: float | Array, centre: tuple[float, float]) -> Array:
    """Scale about a centre (x, y) px; (2, 3) or (n, 2, 3)."""
    factor = np.asarray(factor, float)
    matrix = np.zeros((*factor.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = factor
    matrix[..., 2] = np.asarray(centre, float) * (1 - factor[..., None])
    return matrix


def hflip_map(width: int) -> Array:
    """From an image of that width to its mirror image, px, (2, 3); points also change names."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0]])


def mirror_points(points: Array, width: int, flip_indices: NDArray[np.integer]) -> Array:
    """Landmarks of the mirrored image: x to width - 1 - x, left and right points swapped.

    Args:
        points: (..., n_points, 2) in pixels of the image.
        width: Of the image, px.
        flip_indices: Of the scheme, (n_points,).

    Returns:
        Shaped like `points`.
    """
    mirrored = points[..., flip_indices, :].copy()
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    return mirrored


def enlarge_box(
    box: tuple[float, float, float, float], across: float, down: float
) -> tuple[float, float, float, float]:
    """The box about the same centre that is so many times the longer side across and down."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    half_x, half_y = side * across / 2, side * down / 2
    return middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y
