"""Diffuse and specular light on a surface, with its shadows."""

import cv2
import numpy as np

from keypoints.rendered.scene import Light


def shade(normals: np.ndarray, points: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Compute the diffuse light and the specular reflection at each grid point.

    Args:
        normals: Unit normals in the camera frame, (n_rows, n_columns, 3).
        points: Grid points in the camera frame, (n_rows, n_columns, 3).
        light: Light of the scene.

    Returns:
        Diffuse light to be multiplied by the albedo, and specular reflection to be added,
        (n_rows, n_columns, 3) each.
    """
    # Ambient light comes mostly from above.
    ambient = (0.75 - 0.25 * normals[..., 1]) * _ambient_visibility(normals, points)
    diffuse = ambient[..., None] * light.ambient.astype(np.float32)
    specular = np.zeros_like(diffuse)
    for lamp, colour in zip(light.lamps, light.colours.astype(np.float32), strict=True):
        visible = lamp_visibility(points, lamp)
        cosine = normals @ lamp.astype(np.float32)
        # Skin scatters light, which softens the edge of the shadow.
        lambert = visible * np.clip((cosine + 0.12) / 1.12, 0, None)
        diffuse += lambert[..., None] * colour
        halfway = (lamp + (0, 0, 1)).astype(np.float32)
        gloss = visible * np.clip(normals @ (halfway / np.linalg.norm(halfway)), 0, 1) ** 22
        specular += gloss[..., None] * (colour * np.float32(0.3 * light.glossiness))
    return diffuse, specular


def _ambient_visibility(normals: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Fraction of the ambient light that reaches each grid point, lower in hollows."""
    around = cv2.GaussianBlur(points, (0, 0), 3.0)
    hollow = ((around - points) * normals).sum(axis=-1)
    return np.clip(1 - 9 * np.clip(hollow, -0.02, None), 0.35, 1.15)


def lamp_visibility(points: np.ndarray, lamp: np.ndarray) -> np.ndarray:
    """Fraction of a lamp that is visible from each grid point, 0..1, by shadow mapping.

    The points are binned into cells as seen from the lamp; points behind the foremost point of
    their cell are in shadow.
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
