"""Augmentation: a random 2x3 map and random changes of the pixels of each face.

To add a kind, add its setting to `Augment`, its random numbers to `sample_params`, and its effect
to `adjust_colours`, which works on the network's device. Kinds that change the uint8 images are
in `apply_to_pixels` (one image, on the CPU) and `apply_to_tensor` (a batch, on a GPU).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from keypoints.config.base import Probability, Settings
from keypoints.core.geometry import compose, hflip_map, rotation, scaling, translation
from keypoints.core.rng import Stream, generator
from keypoints.core.types import Array

if TYPE_CHECKING:
    from torch import Tensor

_N_NUMBERS = 15  # random numbers of a face
_ERASED_FRACTION = (0.1, 0.45)  # sides of an erased rectangle relative to the input's
MIN_BLUR_SIGMA = 0.3  # px; a smaller standard deviation changes no pixel


class Augment(Settings):
    """Largest change of each kind of augmentation; 0 switches a kind off.

    Attributes:
        translate: Shift in x and y, px of the task's input.
        rotation: Angle about the centre of the input, degrees.
        brightness: Pixels are multiplied by 1 - b .. 1 + b.
        saturation: Differences to gray are multiplied by 1 - s .. 1 + s.
        scale: Sizes are multiplied by 1 - s .. 1 + s.
        gamma: Exponents of the pixels are 1 / (1 + g) .. 1 + g.
        blur: Standard deviation of a Gaussian, px of the image.
        hflip: Probability of a horizontal flip.
        grayscale: Probability of a colour image without colours.
        erase: Probability of a rectangle without content.
        cooldown: Fraction of the epochs, at the end, with halved augmentation.
    """

    translate: Annotated[float, Field(ge=0)]
    rotation: Annotated[float, Field(ge=0, le=180)]
    brightness: Annotated[float, Field(ge=0, le=1)]
    saturation: Annotated[float, Field(ge=0, le=1)]
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0
    blur: Annotated[float, Field(ge=0, le=10)] = 0.0
    hflip: Probability = 0.0
    grayscale: Probability = 0.0
    erase: Probability = 0.0
    cooldown: Probability = 0.0

    @property
    def is_identity(self) -> bool:
        """Whether no image is ever changed."""
        return not any(strength for name, strength in self if name != "cooldown")

    def at_epoch(self, epoch: int, epochs: int) -> Self:
        """Settings of one epoch: halved during the cooldown, except for the flip.

        A flipped face is as realistic as any other.
        """
        if epoch <= round(epochs * (1 - self.cooldown)):
            return self
        kept = {"hflip": self.hflip, "cooldown": self.cooldown}
        return type(self)(**{name: strength / 2 for name, strength in self} | kept)


@dataclass(frozen=True)
class AugmentParams:
    """Sampled augmentation of the faces of a batch.

    Attributes:
        maps: Maps from the task's input to the augmented one, px, (n_faces, 2, 3).
        flipped: Whether the map flips the face, so that left and right points swap, (n_faces,).
        brightness: Factor of all pixels, (n_faces,).
        saturation: Factor of the difference to gray, (n_faces,).
        gamma: Exponent of the pixels in 0..1, (n_faces,).
        blur: Standard deviation of the Gaussian, px, (n_faces,).
        erased: Erased box x0, y0, x1, y1, px of the image, (n_faces, 4); may be empty.
    """

    maps: Array
    flipped: NDArray[np.bool_]
    brightness: Array
    saturation: Array
    gamma: Array
    blur: Array
    erased: NDArray[np.int64]


def sample_params(
    augment: Augment,
    task_size: tuple[int, int],
    *,
    seed: int,
    epoch: int,
    rows: NDArray[np.integer],
    input_size: tuple[int, int] | None = None,
) -> AugmentParams:
    """Sample the augmentation of each face, as a function of (seed, epoch, row).

    Args:
        augment: Largest change of each kind.
        task_size: Height and width of the task's input, px.
        seed: Seed of the training.
        epoch: Epoch, counted from 1.
        rows: Rows of the faces in their store, (n_faces,).
        input_size: Height and width of the images, px, if they differ from `task_size`.
    """
    streams = (generator(seed, Stream.AUGMENT, epoch, row) for row in rows)
    numbers = np.array([stream.uniform(-1, 1, _N_NUMBERS) for stream in streams])  # (n_faces, 15)
    chances = (numbers + 1) / 2
    height, width = task_size
    centre = ((width - 1) / 2, (height - 1) / 2)
    maps = compose(
        translation(augment.translate * numbers[:, 1], augment.translate * numbers[:, 2]),
        rotation(augment.rotation * numbers[:, 0], centre),
    )
    if augment.scale:
        maps = compose(maps, scaling(1 + augment.scale * numbers[:, 5], centre))
    flipped = chances[:, 6] < augment.hflip
    maps[flipped] = compose(maps[flipped], hflip_map(width))
    saturation = 1 + augment.saturation * numbers[:, 4]
    return AugmentParams(
        maps=maps,
        flipped=flipped,
        brightness=1 + augment.brightness * numbers[:, 3],
        saturation=np.where(chances[:, 7] < augment.grayscale, 0, saturation),
        gamma=(1 + augment.gamma) ** numbers[:, 8],
        blur=augment.blur * chances[:, 9],
        erased=_erase_boxes(chances[:, 10:], input_size or task_size, probability=augment.erase),
    )


def _erase_boxes(
    chances: Array, input_size: tuple[int, int], *, probability: float
) -> NDArray[np.int64]:
    smallest, largest = _ERASED_FRACTION
    lengths = np.array(input_size[::-1])  # width, height
    centres = chances[:, 1:3] * lengths
    sides = (smallest + (largest - smallest) * chances[:, 3:5]) * lengths
    sides[chances[:, 0] >= probability] = 0
    corners = [np.clip(centres + sign * sides / 2, 0, lengths) for sign in (-1, 1)]
    return np.concatenate(corners, axis=1).astype(np.int64)


def apply_to_pixels(image: NDArray[np.uint8], params: AugmentParams, number: int) -> None:
    """Change the pixels of one image in place: gamma, blur, erased box.

    Args:
        image: Image, (height, width, channels).
        params: Augmentation of the batch.
        number: Position of the image in the batch.
    """
    if params.gamma[number] != 1:
        values = np.linspace(0, 1, 256) ** params.gamma[number]
        cv2.LUT(image, (255 * values).round().astype(np.uint8), dst=image)
    if params.blur[number] > MIN_BLUR_SIGMA:
        cv2.GaussianBlur(image, (0, 0), params.blur[number], dst=image)
    x0, y0, x1, y1 = params.erased[number]
    if x1 > x0 and y1 > y0:
        box = image[y0:y1, x0:x1]
        box[:] = box.mean(axis=(0, 1)).astype(np.uint8)


def apply_to_tensor(images: "Tensor", params: AugmentParams) -> "Tensor":
    """Change the pixels of a batch as `apply_to_pixels` does, within 2/255 of it.

    Args:
        images: Images, (n, channels, height, width) float32, whole numbers 0..255.
        params: Augmentation of the batch.
    """
    from keypoints.core.devices import to_device

    if (params.gamma != 1).any():
        gamma = to_device(params.gamma.astype(np.float32), images.device).view(-1, 1, 1, 1)
        images = (255 * (images / 255) ** gamma).round()
    if params.blur.max() > MIN_BLUR_SIGMA:
        images = _blur(images, params.blur)
    if params.erased.any():
        images = _erase(images, params.erased)
    return images


def _blur(images: "Tensor", sigma: Array) -> "Tensor":
    """Convolve each image with its own Gaussian, cut off where OpenCV's is."""
    from torch.nn.functional import conv2d

    from keypoints.core.devices import to_device

    radius = np.where(sigma > MIN_BLUR_SIGMA, np.rint(6 * sigma + 1).astype(int) // 2, 0)
    steps = np.arange(-radius.max(), radius.max() + 1)
    weights = np.exp(-(steps**2) / (2 * np.maximum(sigma, MIN_BLUR_SIGMA)[:, None] ** 2))
    weights[np.abs(steps) > radius[:, None]] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    kernels = to_device(weights.astype(np.float32), images.device)[:, None, None]  # (n, 1, 1, taps)
    images = images.transpose(0, 1)  # the images become the groups of the convolution
    for axis, kernel in ((2, kernels.mT), (3, kernels)):
        index = _reflected_index(images.shape[axis], radius.max())
        padded = images.index_select(axis, to_device(index, images.device))
        images = conv2d(padded, kernel, groups=len(sigma))
    return images.transpose(0, 1).round()


def _reflected_index(length: int, radius: int) -> NDArray[np.int64]:
    """Indices of a row of pixels with `radius` more at each end, reflected about the end pixels."""
    period = max(1, 2 * (length - 1))
    index = np.arange(-radius, length + radius) % period
    return np.minimum(index, period - index)


def _erase(images: "Tensor", boxes: NDArray[np.int64]) -> "Tensor":
    import torch

    from keypoints.core.devices import to_device

    height, width = images.shape[2:]
    x0, y0, x1, y1 = to_device(boxes, images.device).T[..., None]  # (n, 1)
    x, y = (torch.arange(n, device=images.device) for n in (width, height))
    is_row, is_column = (y0 <= y) & (y < y1), (x0 <= x) & (x < x1)
    erased = (is_row[:, :, None] & is_column[:, None, :])[:, None]  # (n, 1, height, width)
    count = erased.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    mean = (images * erased).sum(dim=(2, 3), keepdim=True) / count
    return torch.where(erased, mean.floor(), images)


def adjust_colours(images: "Tensor", params: AugmentParams) -> "Tensor":
    """Change brightness and saturation of a batch; may overwrite its pixels.

    Args:
        images: Images, (n, channels, height, width) float32, 0..1.
        params: Augmentation of the batch.
    """
    import torch

    from keypoints.core.devices import to_device

    brightness = to_device(params.brightness.astype(np.float32), images.device)
    images = images.mul_(brightness.view(-1, 1, 1, 1)).clamp_(0, 1)
    if images.shape[1] == 1:
        return images
    saturation = to_device(params.saturation.astype(np.float32), images.device)
    red, green, blue = images.split(1, dim=1)
    gray = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.lerp(gray, images, saturation.view(-1, 1, 1, 1)).clamp_(0, 1)
