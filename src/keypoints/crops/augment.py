"""Augmentation: one draw is one 2x3 map and one change of pixels, for image and landmarks together.

Brightness and saturation are changed where the network runs; what needs neighbours or a table of
values (`apply_to_pixels`) is done to the uint8 image, right after it was warped.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.config.models import Augment
from keypoints.core.geometry import compose, hflip_map, rotation, scaling, translation
from keypoints.core.rng import Stream, generator

Array = NDArray[np.floating]

_HIDDEN = (0.1, 0.45)  # sides of what hides a part of the face, shares of the input's
MIN_BLUR_SIGMA = 0.3  # px; less changes no pixel


@dataclass(frozen=True)
class AugmentParams:
    """What was drawn for the faces of a batch.

    Attributes:
        maps: From input to augmented input, px, (n_faces, 2, 3).
        mirrored: Whether the map mirrors, so that left and right points change places, (n_faces,).
        brightness: Factor of all pixels, (n_faces,).
        saturation: Factor of the distance from grey, (n_faces,).
        gamma: Exponent of all pixels in 0..1, (n_faces,).
        blur: Deviation of the Gaussian, px, (n_faces,).
        hidden: x0, y0, x1, y1 of what hides a part of the face, px, (n_faces, 4); empty: nothing.
    """

    maps: Array
    mirrored: NDArray[np.bool_]
    brightness: Array
    saturation: Array
    gamma: Array
    blur: Array
    hidden: NDArray[np.int64]


def sample_params(
    augment: Augment, size: tuple[int, int], *, seed: int, epoch: int, rows: NDArray[np.integer]
) -> AugmentParams:
    """Draw for each face of a batch; a function of (seed, epoch, row) and of nothing else.

    Args:
        augment: The largest draw of each kind.
        size: Height and width of the network's input, px.
        seed: Of the run.
        epoch: Counted from 1.
        rows: Of the faces in their store, (n_faces,).
    """
    numbers = np.array([_numbers(seed, epoch, row) for row in rows])  # (n_faces, 15), -1..1
    chances = (numbers + 1) / 2
    height, width = size
    middle = ((width - 1) / 2, (height - 1) / 2)
    turned = rotation(augment.rotation * numbers[:, 0], middle)
    shifted = translation(augment.translate * numbers[:, 1], augment.translate * numbers[:, 2])
    maps = compose(shifted, turned)
    if augment.scale:
        maps = compose(maps, scaling(1 + augment.scale * numbers[:, 5], middle))
    mirrored = chances[:, 6] < augment.hflip
    maps[mirrored] = compose(maps[mirrored], hflip_map(width))
    saturation = 1 + augment.saturation * numbers[:, 4]
    return AugmentParams(
        maps=maps,
        mirrored=mirrored,
        brightness=1 + augment.brightness * numbers[:, 3],
        saturation=np.where(chances[:, 7] < augment.grayscale, 0, saturation),
        gamma=(1 + augment.gamma) ** numbers[:, 8],
        blur=augment.blur * chances[:, 9],
        hidden=_erase_boxes(chances[:, 10:15], size, chance=augment.erase),
    )


def _numbers(seed: int, epoch: int, row: int) -> Array:
    return generator(seed, Stream.AUGMENT, epoch, row).uniform(-1, 1, 15)


def _erase_boxes(chances: Array, size: tuple[int, int], *, chance: float) -> NDArray[np.int64]:
    """Rectangles anywhere in the input; empty where none is drawn."""
    smallest, largest = _HIDDEN
    lengths = np.array(size[::-1])  # across, down
    middle = chances[:, 1:3] * lengths
    sides = (smallest + (largest - smallest) * chances[:, 3:5]) * lengths
    sides[chances[:, 0] >= chance] = 0
    corners = [np.clip(middle + sign * sides / 2, 0, lengths) for sign in (-1, 1)]
    return np.concatenate(corners, axis=1).astype(np.int64)


def gamma_table(exponent: float) -> NDArray[np.uint8]:
    """What each value of a pixel becomes, (256,)."""
    return (255 * np.linspace(0, 1, 256) ** exponent).round().astype(np.uint8)


def apply_to_pixels(image: NDArray[np.uint8], draws: AugmentParams, number: int) -> None:
    """Change the pixels of one image of a batch in place: gamma, blur, a part hidden by grey."""
    if draws.gamma[number] != 1:
        cv2.LUT(image, gamma_table(draws.gamma[number]), dst=image)
    if draws.blur[number] > MIN_BLUR_SIGMA:
        cv2.GaussianBlur(image, (0, 0), draws.blur[number], dst=image)
    x0, y0, x1, y1 = draws.hidden[number]
    if x1 > x0:
        part = image[y0:y1, x0:x1]
        part[:] = part.mean(axis=(0, 1)).astype(np.uint8)
