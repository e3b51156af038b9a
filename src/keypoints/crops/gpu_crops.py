"""A whole store in a GPU's memory, and its batches warped there at once.

Its images are those of `CpuCropReader`: what OpenCV does in whole numbers is done in the same ones. So
where a network is trained changes none of its examples.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from keypoints.core.geometry import invert
from keypoints.crops.augment import MIN_BLUR_SIGMA, AugmentParams, gamma_table
from keypoints.crops.cpu_crops import CpuCropReader, CropReader
from keypoints.crops.store import CropStore
from keypoints.core.devices import to_device

Array = NDArray[np.floating]

_CHUNK = 256  # crops that are sent at once
_SHARE = 0.5  # of the free memory, that a store may take: the network wants the rest
_BITS = 5  # of the fraction of a pixel, in which OpenCV tells places
_PARTS = 1 << _BITS  # of a pixel
_MORE_BITS = 5  # in which it adds up what columns and lines contribute to a place
_WHOLE = 256  # the sum of a blur's weights


def make_crop_reader(device: torch.device, store: CropStore) -> CropReader:
    """Where batches for a network on a device come from: its own memory, where a GPU's has room."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if fits_in_memory(store.crop_bytes, free):
            return GpuCropReader(store, device)
        print(
            f"crops: {store.crop_bytes >> 20:,} MiB, more than half of what is free on the GPU "
            f"({free >> 20:,} MiB): they are read from the disk, and warped on the CPU"
        )
    return CpuCropReader(store)


def fits_in_memory(n_bytes: int, free: int) -> bool:
    """Whether crops fit into a device's memory and leave the network enough of it."""
    return n_bytes <= _SHARE * free


class GpuCropReader:
    """All crops of a store on a device.

    Args:
        store: Opened crop store.
        device: With room for its crops.
    """

    def __init__(self, store: CropStore, device: torch.device) -> None:
        self._format = store.format
        shape = len(store), *store.format.crop_size, store.format.channels
        self._crops = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(store), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(store)))
            self._crops[start : start + len(rows)].copy_(torch.from_numpy(store.crops(rows)))

    def images(
        self, rows: NDArray[np.integer], crop_to_input: Array, draws: AugmentParams | None
    ) -> Tensor:
        """As `Pixels` says."""
        images = self._warp(rows, crop_to_input)
        if draws is None:
            return images
        if (draws.gamma != 1).any():
            images = self._brightened(images, draws.gamma)
        if draws.blur.max() > MIN_BLUR_SIGMA:
            images = self._blurred(images, draws.blur)
        if draws.hidden.any():
            images = self._erased(images, draws.hidden)
        return images

    def _warp(self, rows: NDArray[np.integer], crop_to_input: Array) -> Tensor:
        across, down = self._places(invert(crop_to_input))
        x, y = ((down[:, axis, :, None] + across[:, axis, None]) >> _MORE_BITS for axis in (0, 1))
        height, width = self._format.crop_size
        columns = [((x >> _BITS) + step).clamp(0, width - 1) for step in (0, 1)]
        lines = [((y >> _BITS) + step).clamp(0, height - 1) for step in (0, 1)]
        faces = self._send(rows)[:, None, None]
        part_x, part_y = x[..., None] % _PARTS, y[..., None] % _PARTS
        above, below = (
            self._crops[faces, line, columns[0]] * (_PARTS - part_x)
            + self._crops[faces, line, columns[1]] * part_x
            for line in lines
        )
        total = above * (_PARTS - part_y) + below * part_y  # (n, height, width, channels)
        return ((total + _PARTS**2 // 2) >> (2 * _BITS)).to(torch.uint8)

    def _places(self, input_to_crop: Array) -> tuple[Tensor, Tensor]:
        """Where the input's pixels lie in the crops, as the sum of two parts, in 1/1024 px.

        Returns:
            What the columns contribute, (n, 2, width), and the lines, (n, 2, height), x before y;
            rounded one by one, as OpenCV does.
        """
        per_px = _PARTS << _MORE_BITS
        columns, lines = np.arange(self._format.width), np.arange(self._format.height)
        across = np.rint(input_to_crop[:, :, :1] * columns * per_px)
        down = np.rint((input_to_crop[:, :, 1:2] * lines + input_to_crop[:, :, 2:]) * per_px)
        half = 1 << (_MORE_BITS - 1)
        return self._send(across.astype(np.int32)), self._send(down.astype(np.int32) + half)

    def _brightened(self, images: Tensor, gamma: Array) -> Tensor:
        tables = self._send(np.stack([gamma_table(exponent) for exponent in gamma]))
        return tables.gather(1, images.flatten(1).long()).view_as(images)

    def _blurred(self, images: Tensor, blur: Array) -> Tensor:
        kernels = self._send(_kernels(blur))  # (n, taps)
        height, width = images.shape[1:3]
        n_around = kernels.shape[1] // 2
        lines, columns = (self._send(_reflected(n, n_around)) for n in (height, width))
        taps = kernels.T[..., None, None, None]
        wide = images[:, :, columns]
        total = sum(tap * wide[:, :, at : at + width] for at, tap in enumerate(taps))
        high = total[:, lines]
        total = sum(tap * high[:, at : at + height] for at, tap in enumerate(taps))
        return ((total + _WHOLE**2 // 2) // _WHOLE**2).to(torch.uint8)

    def _erased(self, images: Tensor, hidden: NDArray[np.int64]) -> Tensor:
        height, width = images.shape[1:3]
        x0, y0, x1, y1 = self._send(hidden).T[..., None]  # (n, 1)
        x, y = (torch.arange(n, device=images.device) for n in (width, height))
        is_hidden = (((y0 <= y) & (y < y1))[:, :, None] & ((x0 <= x) & (x < x1))[:, None, :])[
            ..., None
        ]
        sums = (images * is_hidden).sum(dim=(1, 2), keepdim=True)
        grey = sums // is_hidden.sum(dim=(1, 2), keepdim=True).clamp_min(1)
        return torch.where(is_hidden, grey.to(torch.uint8), images)

    def _send(self, values: NDArray) -> Tensor:
        """To the very GPU that has the crops: a thread of its own would take the first one."""
        return to_device(values, self._crops.device)


def _reflected(n: int, around: int) -> NDArray[np.int64]:
    """Places in a line of n pixels with so many more on each side, which mirror it at its ends."""
    period = max(1, 2 * (n - 1))
    places = np.arange(-around, n + around) % period
    return np.minimum(places, period - places)


def _kernels(blur: Array) -> NDArray[np.int32]:
    """The weights of each face's Gaussian, as OpenCV rounds them, (n, taps); their sum is 256.

    Args:
        blur: Deviations, px, (n,); those that are too small to matter leave their image as it is.
    """
    rows = [
        _kernel(sigma) if sigma > MIN_BLUR_SIGMA else np.array([_WHOLE], np.int32) for sigma in blur
    ]
    n_taps = max(map(len, rows))
    return np.stack([np.pad(row, (n_taps - len(row)) // 2) for row in rows])


def _kernel(sigma: float) -> NDArray[np.int32]:
    """Whole numbers: what rounding takes from one goes to the next, and the middle has the rest."""
    n_taps = round(sigma * 6 + 1) | 1
    exact = cv2.getGaussianKernel(n_taps, sigma)[: n_taps // 2, 0] * _WHOLE
    side, rest = [], 0.0
    for weight in exact:
        side.append(round(weight + rest))
        rest += weight - side[-1]
    return np.array([*side, _WHOLE - 2 * sum(side), *side[::-1]], np.int32)
