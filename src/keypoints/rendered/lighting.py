"""The light that each place of a surface gets, with its shadows."""

import cv2
import numpy as np

from keypoints.rendered.scene import Light


def shade(normals: np.ndarray, points: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Light that arrives at each grid point, and what shines back, (n_rows, n_columns, 3) each.

    Args:
        normals: Unit normals in the camera frame, (n_rows, n_columns, 3).
        points: Grid points in the camera frame, the same shape.
        light: The lamps.
    """
    # The sky is above: what looks down gets less of it.
    sky = (0.75 - 0.25 * normals[..., 1]) * _openness(normals, points)
    arriving = sky[..., None] * light.ambient.astype(np.float32)
    shining = np.zeros_like(arriving)
    for lamp, colour in zip(light.lamps, light.colours.astype(np.float32), strict=True):
        lit = lamp_visible(points, lamp)
        facing = normals @ lamp.astype(np.float32)
        # Skin scatters: the edge of the shadow is soft.
        diffuse = lit * np.clip((facing + 0.12) / 1.12, 0, None)
        arriving += diffuse[..., None] * colour
        halfway = (lamp + (0, 0, 1)).astype(np.float32)
        gloss = lit * np.clip(normals @ (halfway / np.linalg.norm(halfway)), 0, 1) ** 22
        shining += gloss[..., None] * (colour * np.float32(0.3 * light.shine))
    return arriving, shining


def _openness(normals: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How much of the sky a point sees: less in a hollow, where its surroundings stand higher."""
    around = cv2.GaussianBlur(points, (0, 0), 3.0)
    hollow = ((around - points) * normals).sum(axis=-1)
    return np.clip(1 - 9 * np.clip(hollow, -0.02, None), 0.35, 1.15)


def lamp_visible(points: np.ndarray, lamp: np.ndarray) -> np.ndarray:
    """How much of a lamp each grid point sees past the rest of the head, 0..1.

    The points are sorted into cells as the lamp sees them; one that lies behind the foremost of its
    cell is in shadow.
    """
    side = np.cross((0.0, 1.0, 0.0), lamp)
    side /= np.linalg.norm(side) + 1e-9
    frame = np.stack([side, np.cross(lamp, side), lamp], axis=1).astype(np.float32)
    across, along, depth = cv2.split(points @ frame)
    cell = 0.07
    column = ((across + 3) / cell).astype(np.intp).clip(0, 99)
    row = ((along + 3) / cell).astype(np.intp).clip(0, 119)
    foremost = np.full((120, 100), -9.0, np.float32)
    np.maximum.at(foremost, (row, column), depth)
    behind = foremost[row, column] - depth
    shadow = np.clip((behind - 0.12) / 0.15, 0, 1)
    return 1 - cv2.GaussianBlur(shadow, (0, 0), 1.2)
