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
        size = store.format.crop_size
        shape = (len(store), *size, store.format.channels)
        self._crops = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(store), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(store)))
            self._crops[start : start + len(rows)].copy_(torch.from_numpy(store.crops[rows]))
        self._width_and_height = to_device(np.array(size[::-1], float), device)

    def read(
        self,
        rows: NDArray[np.integer],
        crop_to_input: Array,
        input_size: tuple[int, int],
        params: AugmentParams | None,
    ) -> Tensor:
        """See `CpuCropReader.read`."""
        device = self._crops.device
        crops = self._crops[to_device(rows, device)].permute(0, 3, 1, 2).double()
        grid = self._grid(to_device(invert(crop_to_input), device), input_size)
        warped = grid_sample(crops, grid, padding_mode="border", align_corners=False)
        # OpenCV rounds halves up: the values are multiples of 1/1024, up to errors of floats.
        images = warped.add_(0.5 + 1 / 4096).floor_().float()
        if params is not None:
            images = apply_to_tensor(images, params)
        return images.to(torch.uint8).permute(0, 2, 3, 1)

    def _grid(self, input_to_crop: Tensor, input_size: tuple[int, int]) -> Tensor:
        """Positions of the images' pixels in the crops, for `grid_sample`, (n, height, width, 2).

        As in OpenCV, the contributions of columns and rows are rounded to 1/1024 px, and their sum
        to 1/32 px. Exact positions would differ by 1/64 px, which is 4/255 at a sharp edge.
        """
        per_column, per_row, start = input_to_crop[:, None, None].unbind(-1)  # (n, 1, 1, 2) each
        y, x = (torch.arange(n, device=input_to_crop.device) for n in input_size)
        across = (per_column * x[:, None] * 1024).round()  # (n, 1, width, 2)
        down = ((per_row * y[:, None, None] + start) * 1024).round() + 16  # (n, height, 1, 2)
        steps = (across.float() / 32 + down.float() / 32).floor()  # of 1/32 px
        scale = 1 / self._width_and_height
        return steps.double().mul_(scale / 16).add_(scale - 1)


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
