"""Projection of a grid of surface points, and its drawing with a texture.

A quad of the grid is the unit: far ones are painted first, each with its number, and the numbers
then tell every pixel its fractional place on the grid, where the texture is read.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_SHIFT = 4  # OpenCV's fixed-point polygons: 1/16 pixel


@dataclass(frozen=True)
class Camera:
    """Where the head stands before the camera.

    Attributes:
        rotation: Upright head to camera frame, (3, 3).
        origin: Pixel of the head's origin, (x, y).
        scale: Pixels of one inter-ocular distance at the depth of the eyes.
        distance: Of the camera, in inter-ocular distances; small gives a strong perspective.
    """

    rotation: np.ndarray
    origin: tuple[float, float]
    scale: float
    distance: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points of the upright head, (..., 3), to pixels with the depth as z, (..., 3)."""
        turned = points @ self.rotation.T.astype(points.dtype)
        zoom = self.distance / (self.distance - turned[..., 2:])
        pixels = turned[..., :2] * zoom * self.scale + np.array(self.origin, points.dtype)
        return np.concatenate([pixels, turned[..., 2:]], axis=-1)


def rotation_matrix(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Degrees to a rotation, (3, 3): the nose to the right of the picture, down, then clockwise."""
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    tilt = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return tilt @ nod @ turn


def grid_normals(grid: np.ndarray) -> np.ndarray:
    """Unit normals that point out of the surface, (n_rows, n_columns, 3)."""
    across, down = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
    normals = np.cross(across, down)
    return normals / (np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9)


def rasterize(
    projected: np.ndarray, size: tuple[int, int], *, facing: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Find the place on the grid that each pixel shows.

    Args:
        projected: Pixels and depth of the grid points, (n_rows, n_columns, 3).
        size: Height and width of the picture.
        facing: 1 for the quads turned to the camera, -1 for those turned away.

    Returns:
        Column and row per pixel, (2, height, width), and where there is a surface, (height, width).
    """
    quads = _quads(projected)  # (n_quads, 4, 3)
    numbers = _visible_quads(quads, size, facing)
    owner = np.zeros(size, np.int32)  # 0: nothing, k: the k-th visible quad
    corners = np.round(quads[numbers, :, :2] * 2**_SHIFT).astype(np.int32)
    for k, corner in enumerate(corners, start=1):
        cv2.fillConvexPoly(owner, corner, k, cv2.LINE_8, _SHIFT)
    affine = _place_of_pixel(quads[numbers], numbers, projected.shape[1] - 1)
    return _places(owner, np.concatenate([np.zeros((8, 1), np.float32), affine], axis=1)), owner > 0


def _places(owner: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Look up each pixel's quad and map the pixel to its place, (2, height, width).

    Channel by channel: arrays that lie in one piece are several times as fast.
    """
    # In range by how they were made: `clip` spares numpy the check, and a copy.
    values = affine.take(owner, axis=1, mode="clip")  # (8, height, width)
    columns_by_x, rows_by_x, columns_by_y, rows_by_y, middle_x, middle_y, *places = values
    np.subtract(np.arange(owner.shape[1], dtype=np.float32), middle_x, out=middle_x)
    np.subtract(np.arange(owner.shape[0], dtype=np.float32)[:, None], middle_y, out=middle_y)
    by_xs, by_ys = (columns_by_x, rows_by_x), (columns_by_y, rows_by_y)
    for place, by_x, by_y in zip(places, by_xs, by_ys, strict=True):
        by_x *= middle_x
        by_y *= middle_y
        by_x += by_y
        # A quad seen edge-on maps a pixel far away: its place must stay on the quad.
        place += np.clip(by_x, -0.5, 0.5, out=by_x)
    return values[6:]


def _quads(projected: np.ndarray) -> np.ndarray:
    corners = [projected[:-1, :-1], projected[:-1, 1:], projected[1:, 1:], projected[1:, :-1]]
    return np.stack(corners, axis=2).reshape(-1, 4, 3)


def _visible_quads(quads: np.ndarray, size: tuple[int, int], facing: int) -> np.ndarray:
    """Numbers of the quads that face the camera inside the picture, the farthest first."""
    first, second = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    middle = (quads[:, 0] + quads[:, 2]) / 2
    # A quad is a few pixels wide: one whose middle is this far out cannot be seen.
    margin = 40
    inside = (middle[:, 0] > -margin) & (middle[:, 0] < size[1] + margin)
    inside &= (middle[:, 1] > -margin) & (middle[:, 1] < size[0] + margin)
    numbers = np.flatnonzero(inside & (area * facing > 1e-3))
    return numbers[np.argsort(middle[numbers, 2], kind="stable")]


def _place_of_pixel(quads: np.ndarray, numbers: np.ndarray, n_across: int) -> np.ndarray:
    """Affine map of each quad from pixels to its part of the grid, (8, n_quads).

    Rows: change of (column, row) per pixel in x, then in y; the pixel in the middle of the quad;
    the (column, row) there.
    """
    across = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3])[:, :2] / 2
    down = (quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1])[:, :2] / 2
    area = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    area = np.where(np.abs(area) < 1e-3, np.copysign(1e-3, area), area)[:, None]
    by_x = np.stack([down[:, 1], -across[:, 1]], axis=1) / area
    by_y = np.stack([-down[:, 0], across[:, 0]], axis=1) / area
    middle = quads[:, :, :2].mean(axis=1)
    centre = np.stack([numbers % n_across, numbers // n_across], axis=1) + 0.5
    return np.concatenate([by_x, by_y, middle, centre], axis=1).T.astype(np.float32, order="C")
