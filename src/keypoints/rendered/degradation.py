"""What a camera, its owner and JPEG do to a photo."""

import cv2
import numpy as np


def degrade(photo: np.ndarray, rng: np.random.Generator, difficulty: float = 1.0) -> np.ndarray:
    """Blur, move, expose, tint and grain a photo of the wild, uint8 (height, width, 3).

    The difficulty scales how far and how often; at 0 the photo stays as it is, up to
    rounding.
    """
    scale = photo.shape[1] / 400
    kind = rng.random()
    if kind < 0.35 * difficulty:
        photo = cv2.GaussianBlur(photo, (0, 0), max(0.3, rng.uniform(0.3, 1.6) * scale))
    elif kind < 0.43 * difficulty:
        photo = _moved(photo, rng.uniform(3, 11) * scale, rng.uniform(0, np.pi))
    levels = np.linspace(0, 1, 256)[:, None] ** (rng.uniform(0.7, 1.35) ** difficulty)
    contrast = rng.uniform(0.8, 1.3) ** difficulty
    brightness, warmth = rng.normal(0, 0.05 * difficulty), rng.normal(0, 0.03 * difficulty)
    tint = np.array([1 - warmth, 1.0, 1 + warmth]) * rng.normal(1, 0.012 * difficulty, 3)
    levels = ((levels - 0.5) * contrast + 0.5 + brightness) * tint  # (256, 3)
    photo = cv2.LUT(photo, (levels.clip(0, 1) * 255).astype(np.uint8)[None])
    if rng.random() < 0.12 * difficulty:
        photo = without_colour(photo)
    return add_grain(photo, rng, rng.exponential(2.5 * difficulty))


def _moved(photo: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Blur along a line of `length` pixels."""
    reach = max(1, int(np.ceil(length / 2)))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    offset = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = np.round(reach + np.stack([-offset, offset])).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    return cv2.filter2D(photo, -1, kernel / kernel.sum())


def without_colour(photo: np.ndarray) -> np.ndarray:
    """A grey photo stored with three channels."""
    return cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def add_grain(photo: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Add sensor noise with a standard deviation of `strength` grey levels."""
    if strength < 0.5:
        return photo
    grain = rng.standard_normal(photo.shape[:2], dtype=np.float32)[..., None] * strength
    return (photo + grain).clip(0, 255).astype(np.uint8)
