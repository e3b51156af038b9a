"""What is behind the head."""

import cv2
import numpy as np


def paint_backdrop(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A scene, often out of focus, uint8 (height, width, 3): gradients, patches, stripes, grain."""
    height, width = size
    small = (max(height // 2, 8), max(width // 2, 8))
    palette = _palette(rng)
    corners = palette[rng.integers(0, len(palette), 4)].reshape(2, 2, 3)
    scene = cv2.resize(corners.astype(np.float32), small[::-1])
    for _ in range(int(rng.integers(0, 30))):
        colour = palette[rng.integers(0, len(palette))] * rng.uniform(0.6, 1.4)
        _add_patch(rng, scene, colour.tolist())
    for cells in (6, 24, 80):
        grain = rng.standard_normal((cells, cells, 1)) * rng.uniform(0, 18) * [1, 1, 1]
        grain += rng.standard_normal((cells, cells, 3)) * rng.uniform(0, 6)
        grain = grain.astype(np.float32)
        scene = scene + cv2.resize(grain, small[::-1], interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.75:
        scene = cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.4, 6.0) * max(width, 100) / 400)
    return cv2.resize(scene.clip(0, 255).astype(np.uint8), (width, height))


def _palette(rng: np.random.Generator) -> np.ndarray:
    """Five colours of one place: mostly greyish, of like brightness, (5, 3), 0..255."""
    grey = rng.uniform(10, 240) + rng.normal(0, 55, (5, 1))
    common = rng.normal(0, 18, (1, 3))
    return (grey + common + rng.normal(0, rng.uniform(5, 45), (5, 3))).clip(0, 255)


def _add_patch(rng: np.random.Generator, scene: np.ndarray, colour: list[float]) -> None:
    height, width = scene.shape[:2]
    centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    reach = rng.uniform(0.02, 0.4) * width
    kind = rng.integers(5)
    if kind == 0:
        cv2.circle(scene, centre, int(reach / 3), colour, -1, cv2.LINE_AA)
    elif kind == 1:
        sides = (reach * rng.uniform(0.3, 2), reach * rng.uniform(0.3, 2))
        corners = cv2.boxPoints((centre, sides, rng.uniform(0, 90)))
        cv2.fillConvexPoly(scene, corners.astype(np.int32), colour, cv2.LINE_AA)
    elif kind == 2:
        end = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.line(scene, centre, end, colour, int(rng.uniform(1, width / 20 + 1)), cv2.LINE_AA)
    elif kind == 3:
        axes = (int(reach / 2), int(reach / 3))
        cv2.ellipse(scene, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    else:  # an upright wall, pillar or frame
        x0, x1 = sorted(rng.integers(0, width, 2).tolist())
        cv2.rectangle(scene, (x0, 0), (x1, height), colour, int(rng.choice([-1, 2, 5])))


def paint_wall(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A studio's plain wall with a soft light on it, uint8 (height, width, 3)."""
    height, width = size
    colour = np.array([58.0, 62.0, 34.0]) * rng.uniform(0.5, 1.6) * rng.uniform(0.85, 1.15, 3)
    glow = cv2.resize(rng.uniform(0.6, 1.4, (3, 3)).astype(np.float32), (width, height))
    return (colour * glow[..., None]).clip(0, 255).astype(np.uint8)
