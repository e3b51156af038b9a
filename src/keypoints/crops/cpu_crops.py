"""Where the images of batches come from: here from the disk, each warped from its stored crop."""

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from keypoints.crops.augment import AugmentParams, apply_to_pixels
from keypoints.crops.store import CropStore

Array = NDArray[np.floating]


class CropReader(Protocol):
    """A maker of images."""

    def images(
        self, rows: NDArray[np.integer], crop_to_input: Array, draws: AugmentParams | None
    ) -> NDArray[np.uint8] | Tensor:
        """The images of some faces.

        Args:
            rows: Of the faces in their store, (n,).
            crop_to_input: The maps from the stored crops to the input, px, (n, 2, 3).
            draws: What else is changed; None: nothing.

        Returns:
            (n, height, width, channels) uint8; a tensor where they are on a GPU already.
        """


class CpuCropReader:
    """Crops that are read from the disk when they are asked for, and warped by OpenCV.

    Args:
        store: Opened crop store.
    """

    def __init__(self, store: CropStore) -> None:
        self._store, self._unmoved = store, store.format.crop_to_input()

    def images(
        self, rows: NDArray[np.integer], crop_to_input: Array, draws: AugmentParams | None
    ) -> NDArray[np.uint8]:
        """As `CropReader` says."""
        if draws is None and (crop_to_input == self._unmoved).all():
            return self._centre_crops(rows)
        images = self._warp(rows, crop_to_input)
        if draws is not None:
            for number, image in enumerate(images):
                apply_to_pixels(image, draws, number)
        return images

    def _centre_crops(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        """The crops without their margins: to the pixel what `_warp` gives where nothing moves."""
        format_ = self._store.format
        down, across = (
            slice(format_.margin, format_.margin + n) for n in (format_.height, format_.width)
        )
        return np.stack([self._store.crop(row)[down, across] for row in rows])

    def _warp(self, rows: NDArray[np.integer], crop_to_input: Array) -> NDArray[np.uint8]:
        format_ = self._store.format
        images = np.empty((len(rows), format_.height, format_.width, format_.channels), np.uint8)
        for image, row, matrix in zip(images, rows, crop_to_input, strict=True):
            cv2.warpAffine(
                self._store.crop(row),
                matrix,
                (format_.width, format_.height),
                dst=image,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        return images
