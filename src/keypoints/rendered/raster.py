"""Projection and rasterization of a grid of surface points.

The quads of the grid are filled from back to front in an image of quad numbers. The number gives
the UV coordinates of each pixel, at which the texture is sampled.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SHIFT = 4  # fractional bits of OpenCV's fixed-point coordinates: 1/16 px


@dataclass(frozen=True)
class Camera:
    """A perspective camera.

    Attributes:
        rotation: Rotation from the upright head to the camera frame, (3, 3).
        origin: Pixel of the head's origin, (x, y).
        scale: Pixels per inter-ocular distance at the depth of the eyes.
        distance: Distance from the head, in inter-ocular distances.
    """

    rotation: np.ndarray
    origin: tuple[float, float]
    scale: float
    distance: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points of the upright head, (..., 3), to pixels with the depth as z, (..., 3)."""
        points_camera = points @ self.rotation.T.astype(points.dtype)
        zoom = self.distance / (self.distance - points_camera[..., 2:])
        pixels = points_camera[..., :2] * zoom * self.scale + np.array(self.origin, points.dtype)
        return np.concatenate([pixels, points_camera[..., 2:]], axis=-1)


def rotation_matrix(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation by angles in degrees, (3, 3).

    Positive yaw moves the nose to the right in the image, positive pitch moves it down, and
    positive roll is clockwise. Yaw is applied first, roll last.
    """
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    by_yaw = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    by_pitch = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    by_roll = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    return by_roll @ by_pitch @ by_yaw


def grid_normals(grid: np.ndarray) -> np.ndarray:
    """Outward unit normals of the surface, (n_rows, n_columns, 3)."""
    across, down = np.gradient(grid, axis=1), np.gradient(grid, axis=0)
    normals = np.cross(across, down)
    return normals / (np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-9)


def fixed_point(points: np.ndarray) -> np.ndarray:
    """Pixel coordinates in the fixed-point format of OpenCV's drawing functions."""
    return np.round(points * 2**SHIFT).astype(np.int32)


def rasterize(
    grid_photo: np.ndarray, size: tuple[int, int], *, facing: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the UV coordinates that each pixel shows.

    Args:
        grid_photo: Pixels and depth of the grid points, (n_rows, n_columns, 3).
        size: Height and width of the image.
        facing: 1 for the quads that face the camera, -1 for those that face away.

    Returns:
        UV coordinates per pixel, (2, height, width), and whether the pixel shows the surface,
        (height, width).
    """
    quads = _quads(grid_photo)  # (n_quads, 4, 3)
    numbers = _visible_quads(quads, size, facing)
    quad_ids = np.zeros(size, np.int32)  # 0: no surface, k: the k-th visible quad
    corners = fixed_point(quads[numbers, :, :2])
    for k, corner in enumerate(corners, start=1):
        cv2.fillConvexPoly(quad_ids, corner, k, cv2.LINE_8, SHIFT)
    affine = _uv_maps(quads[numbers], numbers, grid_photo.shape[1] - 1)
    affine = np.concatenate([np.zeros((8, 1), np.float32), affine], axis=1)
    return _map_pixels_to_uv(quad_ids, affine), quad_ids > 0


def _map_pixels_to_uv(quad_ids: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Map each pixel to UV coordinates with the affine map of its quad, (2, height, width).

    Each channel is computed separately: contiguous arrays are several times as fast.
    """
    # The ids are always in range; with mode="clip", numpy skips the check and a copy.
    values = affine.take(quad_ids, axis=1, mode="clip")  # (8, height, width)
    columns_by_x, rows_by_x, columns_by_y, rows_by_y, middle_x, middle_y, *uv = values
    np.subtract(np.arange(quad_ids.shape[1], dtype=np.float32), middle_x, out=middle_x)
    np.subtract(np.arange(quad_ids.shape[0], dtype=np.float32)[:, None], middle_y, out=middle_y)
    by_xs, by_ys = (columns_by_x, rows_by_x), (columns_by_y, rows_by_y)
    for coordinate, by_x, by_y in zip(uv, by_xs, by_ys, strict=True):
        by_x *= middle_x
        by_y *= middle_y
        by_x += by_y
        # The map of a quad seen edge-on is steep: keep the result inside the quad.
        coordinate += np.clip(by_x, -0.5, 0.5, out=by_x)
    return values[6:]


def _quads(grid_photo: np.ndarray) -> np.ndarray:
    corners = [grid_photo[:-1, :-1], grid_photo[:-1, 1:], grid_photo[1:, 1:], grid_photo[1:, :-1]]
    return np.stack(corners, axis=2).reshape(-1, 4, 3)


def _visible_quads(quads: np.ndarray, size: tuple[int, int], facing: int) -> np.ndarray:
    """Numbers of the quads in the image that face the given way, the farthest first."""
    first, second = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    middle = (quads[:, 0] + quads[:, 2]) / 2
    # Quads are a few pixels wide: one whose middle is farther outside is not visible.
    margin = 40
    inside = (middle[:, 0] > -margin) & (middle[:, 0] < size[1] + margin)
    inside &= (middle[:, 1] > -margin) & (middle[:, 1] < size[0] + margin)
    numbers = np.flatnonzero(inside & (area * facing > 1e-3))
    return numbers[np.argsort(middle[numbers, 2], kind="stable")]


def _uv_maps(quads: np.ndarray, numbers: np.ndarray, n_across: int) -> np.ndarray:
    """Affine map of each quad from pixels to UV coordinates, (8, n_quads).

    Rows: derivative of (u, v) with respect to x, then with respect to y; pixel in the middle of the
    quad, (x, y); UV coordinates of the middle.
    """
    across = (quads[:, 1] - quads[:, 0] + quads[:, 2] - quads[:, 3])[:, :2] / 2
    down = (quads[:, 3] - quads[:, 0] + quads[:, 2] - quads[:, 1])[:, :2] / 2
    area = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    area = np.where(np.abs(area) < 1e-3, np.copysign(1e-3, area), area)[:, None]
    by_x = np.stack([down[:, 1], -across[:, 1]], axis=1) / area
    by_y = np.stack([-down[:, 0], across[:, 0]], axis=1) / area
    middle = quads[:, :, :2].mean(axis=1)
    uv = np.stack([numbers % n_across, numbers // n_across], axis=1) + 0.5
    return np.concatenate([by_x, by_y, middle, uv], axis=1).T.astype(np.float32, order="C")
