"""Random backgrounds behind the head."""

import cv2
import numpy as np


def render_background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Render a background, often out of focus: gradients, shapes, stripes and noise.

    Returns:
        uint8 (height, width, 3).
    """
    height, width = size
    small = (max(height // 2, 8), max(width // 2, 8))
    palette = _sample_palette(rng)
    corners = palette[rng.integers(0, len(palette), 4)].reshape(2, 2, 3)
    image = cv2.resize(corners.astype(np.float32), small[::-1])
    for _ in range(int(rng.integers(0, 30))):
        colour = palette[rng.integers(0, len(palette))] * rng.uniform(0.6, 1.4)
        _add_shape(rng, image, colour.tolist())
    for cells in (6, 24, 80):
        noise = rng.standard_normal((cells, cells, 1)) * rng.uniform(0, 18) * [1, 1, 1]
        noise += rng.standard_normal((cells, cells, 3)) * rng.uniform(0, 6)
        noise = noise.astype(np.float32)
        image = image + cv2.resize(noise, small[::-1], interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.75:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 6.0) * max(width, 100) / 400)
    return cv2.resize(image.clip(0, 255).astype(np.uint8), (width, height))


def _sample_palette(rng: np.random.Generator) -> np.ndarray:
    """Sample five colours, mostly greyish and of similar brightness, (5, 3), 0..255."""
    grey = rng.uniform(10, 240) + rng.normal(0, 55, (5, 1))
    common = rng.normal(0, 18, (1, 3))
    return (grey + common + rng.normal(0, rng.uniform(5, 45), (5, 3))).clip(0, 255)


def _add_shape(rng: np.random.Generator, image: np.ndarray, colour: list[float]) -> None:
    """Render a random shape onto the image, in place."""
    height, width = image.shape[:2]
    centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
    length = rng.uniform(0.02, 0.4) * width
    kind = rng.integers(5)
    if kind == 0:
        cv2.circle(image, centre, int(length / 3), colour, -1, cv2.LINE_AA)
    elif kind == 1:
        sides = (length * rng.uniform(0.3, 2), length * rng.uniform(0.3, 2))
        corners = cv2.boxPoints((centre, sides, rng.uniform(0, 90)))
        cv2.fillConvexPoly(image, corners.astype(np.int32), colour, cv2.LINE_AA)
    elif kind == 2:
        end = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        cv2.line(image, centre, end, colour, int(rng.uniform(1, width / 20 + 1)), cv2.LINE_AA)
    elif kind == 3:
        axes = (int(length / 2), int(length / 3))
        cv2.ellipse(image, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    else:  # a vertical wall, pillar or frame
        x0, x1 = sorted(rng.integers(0, width, 2).tolist())
        cv2.rectangle(image, (x0, 0), (x1, height), colour, int(rng.choice([-1, 2, 5])))


def render_wall(
    rng: np.random.Generator,
    size: tuple[int, int],
    shadow: tuple[float, float, float, float] | None = None,
) -> np.ndarray:
    """Render the plain wall of a studio, uint8 (height, width, 3).

    Args:
        rng: Random numbers.
        size: Height and width.
        shadow: Ellipse of a head's shadow in the light of a spot: centre (x, y) and half axes, px;
            None for soft light.
    """
    height, width = size
    colour = np.array([58.0, 62.0, 34.0]) * rng.uniform(0.7, 1.3) * rng.uniform(0.85, 1.15, 3)
    brightness = cv2.resize(rng.uniform(0.9, 1.1, (3, 3)), (80, 60), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.linspace(0, width, 80), np.linspace(0, height, 60))
    brightness = brightness * (1.15 - (x / width - 0.5) ** 2 - (y / height - 0.5) ** 2)  # vignette
    if shadow is not None:
        distance2 = ((x - shadow[0]) / shadow[2]) ** 2 + ((y - shadow[1]) / shadow[3]) ** 2
        brightness = brightness * (1.6 - 0.8 * np.exp(-(distance2**2)))
    wall = (colour * brightness[..., None]).clip(0, 255).astype(np.float32)
    return cv2.resize(wall, (width, height)).astype(np.uint8)
