"""The mean shape of faces in a crop store: the start of training and the baseline of all scores."""

import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import apply_map, compose, unit_map
from keypoints.core.types import Array
from keypoints.crops.store import CropStore

_CHUNK = 4096  # faces whose landmarks are in memory at once


def photo_to_unit(store: CropStore, rows: NDArray[np.integer]) -> Array:
    """Maps from the photos to 0..1 of the network's input, without augmentation, (n, 2, 3)."""
    format_ = store.format
    crop_to_input = compose(format_.crop_to_input(), store.photo_to_crop[rows])
    return compose(unit_map(format_.input_size), crop_to_input)


def mean_shape_unit(store: CropStore, rows: NDArray[np.integer], points: tuple[int, ...]) -> Array:
    """Mean shape of some rows, without augmentation, in 0..1 of the network's input.

    Args:
        store: Crop store.
        rows: Row numbers, (n_faces,).
        points: Indices of the points in the scheme.

    Returns:
        (n_points, 2); a point that is never known is in the centre.
    """
    sums, counts = (np.zeros((len(points), 2)) for _ in range(2))
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        landmarks_photo = store.landmarks_photo[chunk][:, list(points)]
        landmarks_unit = apply_map(photo_to_unit(store, chunk), landmarks_photo)
        sums += np.nansum(landmarks_unit, axis=0)
        counts += np.isfinite(landmarks_unit).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), 0.5)
