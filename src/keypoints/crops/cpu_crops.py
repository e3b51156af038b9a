"""A reader of input images that warps each stored crop from the disk on the CPU."""

import numpy as np
from numpy.typing import NDArray

from keypoints.core.types import Array
from keypoints.crops.augment import AugmentParams, apply_to_pixels
from keypoints.crops.store import CropStore


class CpuCropReader:
    """Reads crops of an open store from the disk and warps them with OpenCV."""

    def __init__(self, store: CropStore) -> None:
        self._store = store

    def read(
        self,
        rows: NDArray[np.integer],
        crop_to_input: Array,
        input_size: tuple[int, int],
        params: AugmentParams | None,
    ) -> NDArray[np.uint8]:
        """Read the images of some faces as inputs of a network.

        Args:
            rows: Rows of the faces in their store, (n,).
            crop_to_input: Maps from the stored crops to the images, px, (n, 2, 3).
            input_size: Height and width of the images, px.
            params: Changes of the pixels; None: no change.

        Returns:
            Images, (n, height, width, channels).
        """
        format_ = self._store.format
        if params is None and (crop_to_input == format_.crop_to_input()).all():
            return self._centre_crops(rows)
        import cv2  # training on a GPU does not need it

        images = np.empty((len(rows), *input_size, format_.channels), np.uint8)
        size, edge = input_size[::-1], cv2.BORDER_REPLICATE
        for number, (image, row) in enumerate(zip(images, rows, strict=True)):
            crop = self._store.crops[row]
            cv2.warpAffine(crop, crop_to_input[number], size, image, cv2.INTER_LINEAR, edge)
            if params is not None:
                apply_to_pixels(image, params, number)
        return images

    def _centre_crops(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Crops without their margins: the same pixels as warps that move nothing, but faster."""
        format_ = self._store.format
        y, x = (slice(format_.margin, format_.margin + n) for n in format_.input_size)
        return np.stack([self._store.crops[row][y, x] for row in rows])
