"""Errors per face and their summaries; lengths in photo pixels, NME as a fraction.

Predicted and annotated landmarks are in photo pixels, (n_faces, n_points, 2). Annotated landmarks
that are unknown, NaN, do not count; the error of a face without a known landmark is NaN.
"""

import numpy as np

from keypoints.core.landmarks import Scheme
from keypoints.core.types import Array

_FAILURE_THRESHOLD = 0.08  # NME above which a face counts as failed; upper limit of the AUC


def mean_absolute_error(predicted: Array, target: Array) -> Array:
    """Mean of |dx| and |dy| over the points of each face, (n_faces,), in pixels.

    It is the metric of the class competition.

    Raises:
        ValueError: If the shapes differ.
    """
    _check_same_shape(predicted, target)
    return mean_of_known(np.abs(predicted - target), axis=(1, 2))


def root_mean_square_error(predicted: Array, target: Array) -> Array:
    """Root of the mean of dx² and dy² over the points of each face, (n_faces,), in pixels.

    Raises:
        ValueError: If the shapes differ.
    """
    _check_same_shape(predicted, target)
    return np.sqrt(mean_of_known((predicted - target) ** 2, axis=(1, 2)))


def mean_of_known(values: Array, axis: int | tuple[int, ...]) -> Array:
    """Mean over the axes without NaN; NaN where nothing is known."""
    counts = np.isfinite(values).sum(axis=axis)
    return np.where(counts > 0, np.nansum(values, axis=axis) / np.maximum(counts, 1), np.nan)


def inter_ocular(landmarks_photo: Array, eye_corners: tuple[int, int]) -> Array:
    """Distance between the outer eye corners of each face in pixels, (n_faces,)."""
    left, right = eye_corners
    return np.linalg.norm(landmarks_photo[:, left] - landmarks_photo[:, right], axis=-1)


def face_norm(landmarks_photo: Array, scheme: Scheme) -> Array:
    """Distance by which the errors of each face are divided, in pixels, (n_faces,).

    It is the inter-ocular distance or, if the scheme has several kinds of faces, the inter-pupil
    distance by the eye points of the face's kind; NaN if one of them is unknown.
    """
    pairs = [kind.eyes for kind in scheme.kinds.values()] or [scheme.eye_corners]
    distances = np.stack([inter_ocular(landmarks_photo, pair) for pair in pairs])
    return np.where(np.isnan(distances).all(axis=0), np.nan, np.nansum(distances, axis=0))


def normalized_mean_error(predicted: Array, target: Array, *, norm: Array) -> Array:
    """Mean point-to-point distance of each face, divided by a length of that face.

    The norm is the result of `face_norm`, (n_faces,), NaN if unknown. The result is a fraction per
    face, (n_faces,): 0.05 is often printed as 5 %.

    Raises:
        ValueError: If the shapes differ or a norm is not positive.

    Source: Sagonas et al., 300 Faces In-The-Wild Challenge, 2016.
    """
    _check_same_shape(predicted, target)
    if np.any(norm <= 0):
        raise ValueError(f"a norm should be positive; got {np.nanmin(norm)}")
    return mean_of_known(np.linalg.norm(predicted - target, axis=-1), axis=1) / norm


def failure_rate(nme: Array, threshold: float = _FAILURE_THRESHOLD) -> float:
    """Fraction of the faces with an NME above the threshold (FR@8 for 0.08)."""
    return float(np.mean(nme > threshold))


def ced_curve(nme: Array, levels: Array) -> Array:
    """Cumulative error distribution: fraction of the faces with an NME up to each level."""
    return np.searchsorted(np.sort(nme), levels, side="right") / len(nme)


def area_under_ced(nme: Array, threshold: float = _FAILURE_THRESHOLD) -> float:
    """Area under the CED curve from 0 to the threshold, divided by it (AUC@8 for 0.08): 0..1.

    The curve is a step function, so its area is exact: each face adds the threshold minus its NME.
    """
    return float(np.mean(np.clip(threshold - nme, 0, None)) / threshold)


def _check_same_shape(predicted: Array, target: Array) -> None:
    if predicted.shape != target.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, target {target.shape}")
