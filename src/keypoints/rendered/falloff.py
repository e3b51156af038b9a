"""How far a pull reaches over the face: smooth weights of the control points."""

import numpy as np


def ramp(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 before `start`, 1 after `end`, smooth between."""
    t = np.clip((values - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump_kernel(points: np.ndarray, x: float, y: float, radius: float) -> np.ndarray:
    """1 at (+-x, y) and 0 from `radius` on, (n_points,)."""
    distance = np.hypot(np.abs(points[:, 0]) - x, points[:, 1] - y) / radius
    return np.clip(1 - distance**2, 0, 1) ** 2
