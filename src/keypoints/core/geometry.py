"""Boxes, and the 2x3 maps between the coordinate frames: photo, crop, input, unit.

A map is a (2, 3) matrix, or a stack of matrices (..., 2, 3), that transforms (x, y) of one frame
to (x, y) of another. Pixel centres have integer coordinates, so a resize by s maps x to
(x + 0.5) s - 0.5.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from keypoints.core.types import Array

Points = TypeVar("Points", bound=Any)  # a NumPy array or a torch tensor


def apply_map(matrix: Array, points: Array) -> Array:
    """Transform points (..., n_points, 2) by one map (2, 3), or by one per face (n_faces, 2, 3)."""
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def compose(second: Array, first: Array) -> Array:
    """Map that applies `first`, then `second`; each (..., 2, 3)."""
    linear = second[..., :2] @ first[..., :2]
    offset = second[..., :2] @ first[..., 2:] + second[..., 2:]
    return np.concatenate([linear, offset], axis=-1)


def invert(matrix: Array) -> Array:
    """Inverse map, (..., 2, 3); numpy.linalg.LinAlgError if there is none."""
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -linear @ matrix[..., 2:]], axis=-1)


def resize_map(region: tuple[int, int, int, int], size: tuple[int, int]) -> Array:
    """Map from a photo to a crop of it, (2, 3): cut out a region and resize it.

    The region is x0, y0, x1, y1 in whole pixels, the ends exclusive; the size is height, width.
    """
    x0, y0, x1, y1 = region
    height, width = size
    scale_x, scale_y = width / (x1 - x0), height / (y1 - y0)
    return np.array(
        [[scale_x, 0, (0.5 - x0) * scale_x - 0.5], [0, scale_y, (0.5 - y0) * scale_y - 0.5]]
    )


def unit_map(size: tuple[int, int]) -> Array:
    """Map from pixels of an image of `size` (height, width) to 0..1 across the image, (2, 3)."""
    height, width = size
    return np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height]])


def translation(x: float | Array, y: float | Array) -> Array:
    """Map that shifts by (x, y) px: (2, 3) for numbers, (n, 2, 3) for arrays (n,)."""
    x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    matrix = np.zeros((*x.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = 1
    matrix[..., 0, 2], matrix[..., 1, 2] = x, y
    return matrix


def rotation(degrees: float | Array, centre: tuple[float, float]) -> Array:
    """Map that rotates about a centre (x, y) px, clockwise on the screen; (2, 3) or (n, 2, 3)."""
    angle = np.deg2rad(np.asarray(degrees, float))
    matrix = np.zeros((*angle.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = np.cos(angle)
    matrix[..., 1, 0] = np.sin(angle)
    matrix[..., 0, 1] = -matrix[..., 1, 0]
    middle = np.asarray(centre, float)
    matrix[..., 2] = middle - matrix[..., :2] @ middle
    return matrix


def scaling(factor: float | Array, centre: tuple[float, float]) -> Array:
    """Map that scales about a centre (x, y) px; (2, 3) or (n, 2, 3)."""
    factor = np.asarray(factor, float)
    matrix = np.zeros((*factor.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = factor
    matrix[..., 2] = np.asarray(centre, float) * (1 - factor[..., None])
    return matrix


def similarity_map(source: Array, target: Array) -> Array:
    """Maps that move, rotate and scale points so that they fit others best, (..., 2, 3).

    Both are (..., n_points, 2). Source: Umeyama, Least-squares estimation of transformation
    parameters, 1991; in two dimensions the solution is one complex division.
    """
    factor, shift = fit_similarity(to_complex(source), to_complex(target))
    return np.stack(
        [
            np.stack([factor.real, -factor.imag, shift.real], axis=-1),
            np.stack([factor.imag, factor.real, shift.imag], axis=-1),
        ],
        axis=-2,
    )


def fit_similarity(source: NDArray[np.complex128], target: NDArray[np.complex128]) -> Any:
    """Factors a and offsets b of the least-squares fits a * source + b = target, (...,) each.

    Both are (..., n_points). The angle of a is a rotation, its absolute value a scale; it is not
    finite if all points of the source coincide.
    """
    centred = source - source.mean(axis=-1, keepdims=True)
    factor = (centred.conj() * target).sum(axis=-1) / (np.abs(centred) ** 2).sum(axis=-1)
    return factor, target.mean(axis=-1) - factor * source.mean(axis=-1)


def to_complex(points: Array) -> NDArray[np.complex128]:
    """Points (..., 2) as complex numbers."""
    return points[..., 0] + 1j * points[..., 1]


def hflip_map(width: int) -> Array:
    """Map from an image to its horizontal flip, px, (2, 3); left and right points also swap."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0]])


def hflip_landmarks(landmarks_unit: Points, flip_indices: Sequence[int]) -> Points:
    """Flip a copy of landmarks (..., n_points, 2): x becomes 1 - x, left and right points swap.

    `flip_indices` are the flip partners' positions, from `landmarks.flip_indices_of`.
    """
    flipped = landmarks_unit[..., flip_indices, :]
    flipped[..., 0] = 1 - flipped[..., 0]
    return flipped


def enlarge_box(
    box: tuple[float, float, float, float], scale_x: float, scale_y: float
) -> tuple[float, float, float, float]:
    """Box (x0, y0, x1, y1) about the same centre, scaled relative to the longer side of `box`."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    half_x, half_y = side * scale_x / 2, side * scale_y / 2
    return middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y
