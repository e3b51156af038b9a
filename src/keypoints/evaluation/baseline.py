"""The baseline of all scores: the mean shape of the training faces, predicted for every face."""

import math

import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import apply_map, invert
from keypoints.core.types import Array
from keypoints.crops.mean_shape import mean_shape_unit, photo_to_unit
from keypoints.crops.store import CropStore


def predict_mean_shape(
    store: CropStore, rows: NDArray[np.integer], points: tuple[int, ...]
) -> Array:
    """Predict the mean shape of the training faces, at one place of the network's input.

    Args:
        store: Crop store of the task.
        rows: Row numbers of the faces to predict, (n_faces,).
        points: Indices of the predicted points in the scheme.

    Returns:
        Landmarks in photo pixels, (n_faces, n_points, 2).
    """
    mean_unit = mean_shape_unit(store, store.rows("train"), points)
    return apply_map(invert(photo_to_unit(store, rows)), mean_unit)


def baseline_sentence(error: float, baseline_error: float) -> str:
    """Compare an error with that of the mean shape, as in "2.3 times better than ...".

    Both errors have the same unit. Less than 5 % better counts as no better. An error of NaN cannot
    be compared.
    """
    if math.isnan(error) or math.isnan(baseline_error):
        return "not comparable with predicting the mean face, as an error is not known"
    ratio = baseline_error / error if error > 0 else math.inf
    times = f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"
    better = f"{times} times better" if float(times) > 1 else "no better"
    return f"{better} than predicting the mean face"
