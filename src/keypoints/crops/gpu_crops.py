"""A reader that keeps all crops of a store in a GPU's memory and warps whole batches there.

Its images differ from those of `CpuCropReader` by at most 2/255.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from keypoints.core.devices import to_device
from keypoints.core.geometry import invert
from keypoints.core.types import Array
from keypoints.crops.augment import AugmentParams, apply_to_tensor
from keypoints.crops.cpu_crops import CpuCropReader
from keypoints.crops.store import CropStore

_CHUNK = 256  # crops that are copied to the GPU at once


class GpuCropReader:
    """Keeps all crops of a store on a device, which must have enough memory."""

    def __init__(self, store: CropStore, device: torch.device) -> None:
        shape = (len(store), store.format.channels, *store.format.crop_size)
        self._crops = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(store), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(store)))
            crops = torch.from_numpy(store.crops[rows]).permute(0, 3, 1, 2)
            self._crops[start : start + len(rows)].copy_(crops)

    def read(
        self,
        rows: NDArray[np.integer],
        crop_to_input: Array,
        input_size: tuple[int, int],
        params: AugmentParams | None,
    ) -> Tensor:
        """See `CpuCropReader.read`."""
        x, y = self._positions(invert(crop_to_input), input_size)
        height, width = self._crops.shape[2:]
        grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
        crops = self._crops[to_device(rows, self._crops.device)].double()
        warped = grid_sample(crops, grid, padding_mode="border", align_corners=False)
        # OpenCV rounds halves up: the values are multiples of 1/1024, up to errors of floats.
        images = (warped + (0.5 + 1 / 4096)).floor().float()
        if params is not None:
            images = apply_to_tensor(images, params)
        return images.to(torch.uint8).permute(0, 2, 3, 1)

    def _positions(
        self, input_to_crop: Array, input_size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Positions x and y of the images' pixels in the crops, each (n, height, width).

        As in OpenCV, the contributions of columns and rows are rounded to 1/1024 px, and their sum
        to 1/32 px. Exact positions would differ by 1/64 px, which is 4/255 at a sharp edge.
        """
        rows, columns = (np.arange(n) for n in input_size)
        down = np.rint((input_to_crop[..., 1:2] * rows + input_to_crop[..., 2:]) * 1024)
        across = np.rint(input_to_crop[..., :1] * columns * 1024)
        y_part, x_part = (to_device(part, self._crops.device) for part in (down, across))
        positions = ((y_part[..., :, None] + x_part[..., None, :] + 16) / 32).floor() / 32
        return positions[:, 0], positions[:, 1]


CropReader = CpuCropReader | GpuCropReader


def make_crop_reader(device: torch.device, store: CropStore) -> CropReader:
    """Make the reader for a network on a device: in GPU memory if the crops fit into it."""
    if device.type == "cuda":
        n_bytes = math.prod(store.crops.shape)
        free, _ = torch.cuda.mem_get_info(device)
        if fits_in_memory(n_bytes, free):
            return GpuCropReader(store, device)
        print(
            f"crops: {n_bytes >> 20:,} MiB, more than half of the GPU's free memory "
            f"({free >> 20:,} MiB): they are read from the disk and warped on the CPU"
        )
    return CpuCropReader(store)


def fits_in_memory(n_bytes: int, free: int) -> bool:
    """Whether crops fit into a device's free memory and leave half of it for the network."""
    return 2 * n_bytes <= free
