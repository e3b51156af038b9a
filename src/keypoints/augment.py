"""Augmentation: one draw is one 2x3 map and one colour change, for image and landmarks together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.chance import Purpose, generator
from keypoints.geometry import compose, rotation, translation
from keypoints.settings import Augment

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Draws:
    """What was drawn for the faces of a batch.

    Attributes:
        maps: From input to augmented input, px, (n_faces, 2, 3).
        brightness: Factor of all pixels, (n_faces,).
        saturation: Factor of the distance from grey, (n_faces,).
    """

    maps: Array
    brightness: Array
    saturation: Array


def draw(
    augment: Augment, size: tuple[int, int], *, seed: int, epoch: int, rows: NDArray[np.integer]
) -> Draws:
    """Draw for each face of a batch; a function of (seed, epoch, row) and of nothing else.

    Args:
        augment: The largest draw of each kind.
        size: Height and width of the network's input, px.
        seed: Of the run.
        epoch: Counted from 1.
        rows: Of the faces in their store, (n_faces,).
    """
    numbers = np.array([_numbers(seed, epoch, row) for row in rows])  # (n_faces, 5), -1..1
    height, width = size
    turned = rotation(augment.rotation * numbers[:, 0], ((width - 1) / 2, (height - 1) / 2))
    shifted = translation(augment.shift * numbers[:, 1], augment.shift * numbers[:, 2])
    return Draws(
        maps=compose(shifted, turned),
        brightness=1 + augment.brightness * numbers[:, 3],
        saturation=1 + augment.saturation * numbers[:, 4],
    )


def _numbers(seed: int, epoch: int, row: int) -> Array:
    return generator(seed, Purpose.AUGMENT, epoch, row).uniform(-1, 1, 5)
