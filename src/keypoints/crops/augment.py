"""Augmentation: a random 2x3 map and random changes of the pixels of each face.

To add a kind, add its setting to `Augment`, its random numbers to `sample_params`, and its effect
to `adjust_colours`; changes of uint8 images go into `apply_to_pixels` and `apply_to_tensor`.
"""

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import conv2d

from keypoints.config.base import Probability, Settings
from keypoints.core.devices import to_device
from keypoints.core.geometry import compose, hflip_map, rotation, scaling, translation
from keypoints.core.rng import Stream, generator
from keypoints.core.types import Array

_N_NUMBERS = 15  # random numbers of a face
_ERASED_FRACTION = (0.1, 0.45)  # sides of an erased rectangle relative to the input's
MIN_BLUR_SIGMA = 0.3  # px; a smaller standard deviation changes no pixel


class Augment(Settings):
    """Largest change of each kind of augmentation; 0 switches a kind off."""

    translate: Annotated[float, Field(ge=0)]  # in x and y, px of the task's input
    rotation: Annotated[float, Field(ge=0, le=180)]  # degrees about the centre of the input
    brightness: Annotated[float, Field(ge=0, le=1)]  # factor of the pixels: 1 - b .. 1 + b
    saturation: Annotated[float, Field(ge=0, le=1)]  # factor of differences to gray: 1 - s .. 1 + s
    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # factor of sizes: 1 - s .. 1 + s
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.0  # exponent of pixels: 1 / (1 + g) .. 1 + g
    blur: Annotated[float, Field(ge=0, le=10)] = 0.0  # standard deviation, px of the image
    hflip: Probability = 0.0
    grayscale: Probability = 0.0  # of removing the colours of a colour image
    erase: Probability = 0.0  # of erasing a rectangle
    cooldown: Probability = 0.0  # fraction of the epochs, at the end, with halved augmentation

    @property
    def is_identity(self) -> bool:
        return not any(strength for name, strength in self if name != "cooldown")

    def at_epoch(self, epoch: int, epochs: int) -> Self:
        """Settings of one epoch: halved during the cooldown, except for the flip.

        A flipped face is as realistic as any other.
        """
        if epoch <= round(epochs * (1 - self.cooldown)):
            return self
        kept = {"hflip": self.hflip, "cooldown": self.cooldown}
        return type(self)(**{name: strength / 2 for name, strength in self} | kept)


@dataclass(frozen=True, eq=False)
class AugmentParams:
    """Sampled augmentation of the faces of a batch, (n_faces, ...)."""

    maps: Array  # from the task's input to the augmented one, px, (n_faces, 2, 3)
    flipped: NDArray[np.bool_]  # the map flips the face: left and right points swap
    brightness: Array  # factor of all pixels
    saturation: Array  # factor of the difference to gray
    gamma: Array  # exponent of the pixels in 0..1
    blur: Array  # standard deviation of the Gaussian, px
    erased: NDArray[np.int64]  # box x0, y0, x1, y1, px of the image, (n_faces, 4); may be empty


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

    Sizes are height and width in px: `task_size` of the task's input, and `input_size` of the
    images, if they differ. `rows` are the faces' rows in the store, (n_faces,).
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
    """Change the pixels of one image (height, width, channels) in place: gamma, blur, erased box.

    The image has the position `number` in the batch of `params`.
    """
    import cv2  # training on a GPU does not need it

    if params.gamma[number] != 1:
        values = np.linspace(0, 1, 256) ** params.gamma[number]
        cv2.LUT(image, (255 * values).round().astype(np.uint8), dst=image)
    if params.blur[number] > MIN_BLUR_SIGMA:
        cv2.GaussianBlur(image, (0, 0), params.blur[number], dst=image)
    x0, y0, x1, y1 = params.erased[number]
    if x1 > x0 and y1 > y0:
        box = image[y0:y1, x0:x1]
        box[:] = box.mean(axis=(0, 1)).astype(np.uint8)


def apply_to_tensor(images: Tensor, params: AugmentParams) -> Tensor:
    """Change the pixels of a batch like `apply_to_pixels`, up to differences of 2/255.

    The images are (n, channels, height, width) float32 with whole numbers 0..255.
    """
    if (params.gamma != 1).any():
        images = (255 * (images / 255) ** _per_image(params.gamma, images.device)).round()
    if params.blur.max() > MIN_BLUR_SIGMA:
        images = _blur(images, params.blur)
    if params.erased.any():
        images = _erase(images, params.erased)
    return images


def _blur(images: Tensor, sigma: Array) -> Tensor:
    """Convolve each image with its own Gaussian, cut off where OpenCV's is."""
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


def _erase(images: Tensor, boxes: NDArray[np.int64]) -> Tensor:
    height, width = images.shape[2:]
    x0, y0, x1, y1 = to_device(boxes, images.device).T[..., None]  # (n, 1)
    x, y = (torch.arange(n, device=images.device) for n in (width, height))
    is_row, is_column = (y0 <= y) & (y < y1), (x0 <= x) & (x < x1)
    erased = (is_row[:, :, None] & is_column[:, None, :])[:, None]  # (n, 1, height, width)
    count = erased.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    mean = (images * erased).sum(dim=(2, 3), keepdim=True) / count
    return torch.where(erased, mean.floor(), images)


def adjust_colours(images: Tensor, params: AugmentParams) -> Tensor:
    """Change brightness and saturation of a batch; may overwrite its pixels.

    The images are (n, channels, height, width) float32 in 0..1.
    """
    images = images.mul_(_per_image(params.brightness, images.device)).clamp_(0, 1)
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    gray = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.lerp(gray, images, _per_image(params.saturation, images.device)).clamp_(0, 1)


def _per_image(values: Array, device: torch.device) -> Tensor:
    return to_device(values.astype(np.float32), device).view(-1, 1, 1, 1)
