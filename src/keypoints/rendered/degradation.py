"""Degradation of photos by the camera: blur, exposure, colour cast and noise."""

import cv2
import numpy as np


def degrade(photo: np.ndarray, rng: np.random.Generator, difficulty: float = 1.0) -> np.ndarray:
    """Degrade a photo like those taken in the wild.

    Args:
        photo: uint8 (height, width, 3).
        rng: Random numbers.
        difficulty: Scale of the probability and strength of each effect; 0 leaves the photo
            unchanged up to rounding.
    """
    scale = photo.shape[1] / 400
    kind = rng.random()
    if kind < 0.35 * difficulty:
        photo = cv2.GaussianBlur(photo, (0, 0), max(0.3, rng.uniform(0.3, 1.6) * scale))
    elif kind < 0.43 * difficulty:
        photo = _motion_blur(photo, rng.uniform(3, 11) * scale, rng.uniform(0, np.pi))
    levels = np.linspace(0, 1, 256)[:, None] ** (rng.uniform(0.7, 1.35) ** difficulty)
    contrast = rng.uniform(0.8, 1.3) ** difficulty
    brightness, warmth = rng.normal(0, 0.05 * difficulty), rng.normal(0, 0.03 * difficulty)
    tint = np.array([1 - warmth, 1.0, 1 + warmth]) * rng.normal(1, 0.012 * difficulty, 3)
    levels = ((levels - 0.5) * contrast + 0.5 + brightness) * tint  # (256, 3)
    photo = cv2.LUT(photo, (levels.clip(0, 1) * 255).astype(np.uint8)[None])
    if rng.random() < 0.12 * difficulty:
        photo = to_grayscale(photo)
    return add_noise(photo, rng, rng.exponential(2.5 * difficulty))


def _motion_blur(photo: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Blur along a line of `length` pixels at an angle in radians."""
    radius = max(1, int(np.ceil(length / 2)))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    offset = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = np.round(radius + np.stack([-offset, offset])).astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA)
    return cv2.filter2D(photo, -1, kernel / kernel.sum())


def to_grayscale(photo: np.ndarray) -> np.ndarray:
    """Convert to grayscale, stored in three equal channels."""
    return cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def add_noise(photo: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Add Gaussian noise with a standard deviation of `sigma` grey levels; none below 0.5."""
    if sigma < 0.5:
        return photo
    noise = rng.standard_normal(photo.shape[:2], dtype=np.float32)[..., None] * sigma
    return (photo + noise).clip(0, 255).astype(np.uint8)
