"""Readers of input images; this one warps each stored crop from the disk on the CPU."""

from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from keypoints.core.types import Array
from keypoints.crops.augment import AugmentParams, apply_to_pixels
from keypoints.crops.store import CropStore

if TYPE_CHECKING:
    from torch import Tensor


class CropReader(Protocol):
    """Reads the images of a store as inputs of a network."""

    def read(
        self,
        rows: NDArray[np.integer],
        crop_to_input: Array,
        input_size: tuple[int, int],
        params: AugmentParams | None,
    ) -> "NDArray[np.uint8] | Tensor":
        """Read the images of some faces.

        Args:
            rows: Rows of the faces in their store, (n,).
            crop_to_input: Maps from the stored crops to the images, px, (n, 2, 3).
            input_size: Height and width of the images, px.
            params: Changes of the pixels; None: no change.

        Returns:
            Images, (n, height, width, channels) uint8; a tensor if they are on a GPU.
        """


class CpuCropReader:
    """Reads crops from the disk and warps them with OpenCV.

    Args:
        store: Open crop store.
    """

    def __init__(self, store: CropStore) -> None:
        self._store = store

    def read(
        self,
        rows: NDArray[np.integer],
        crop_to_input: Array,
        input_size: tuple[int, int],
        params: AugmentParams | None,
    ) -> NDArray[np.uint8]:
        """See `CropReader.read`."""
        if params is None and (crop_to_input == self._store.format.crop_to_input()).all():
            return self._centre_crops(rows)
        images = self._warp(rows, crop_to_input, input_size)
        if params is not None:
            for number, image in enumerate(images):
                apply_to_pixels(image, params, number)
        return images

    def _centre_crops(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Crops without their margins: the same pixels as warps that move nothing, but faster."""
        format_ = self._store.format
        y, x = (slice(format_.margin, format_.margin + n) for n in format_.input_size)
        return np.stack([self._store.crop(row)[y, x] for row in rows])

    def _warp(
        self, rows: NDArray[np.integer], crop_to_input: Array, input_size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        images = np.empty((len(rows), *input_size, self._store.format.channels), np.uint8)
        for image, row, matrix in zip(images, rows, crop_to_input, strict=True):
            cv2.warpAffine(
                self._store.crop(row),
                matrix,
                input_size[::-1],
                dst=image,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        return images
