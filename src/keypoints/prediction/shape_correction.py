"""A linear correction of predicted shapes, learnt from predictions of the training faces.

Networks make systematic shape errors: they shorten long chins and turn profiles to the front. A
ridge regression predicts these errors from the Procrustes-aligned shape. It learns best from
out-of-fold predictions, because a network's errors on its own training faces are smaller and may
differ in kind. After training with strong augmentation they are similar (docs/experiments.md).

Source: Hoerl and Kennard, Ridge regression, 1970; Wolpert, Stacked generalization, 1992 (learning
from out-of-fold predictions).
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from keypoints.core.geometry import apply_map, invert, similarity_map
from keypoints.core.splits import group_k_fold
from keypoints.core.types import Array

MIN_POINTS = 3  # fewer have only a position, a size and a rotation
_ALPHAS = np.logspace(-3, 3, 13)  # for shapes of size 1
_N_FOLDS, _N_ROUNDS = 5, 5


class ShapeCorrection(BaseEstimator):
    """Ridge regression of the errors of shapes, in the frame of their mean shape.

    If a shape is moved, rotated and scaled, its correction is rotated and scaled with it.
    `alpha` is the weight of the penalty on the coefficients.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, predicted: Array, target: Array) -> Self:
        """Learn from predicted and annotated landmarks in photo pixels, (n_faces, n_points, 2)."""
        self.mean_shape_ = _mean_shape(predicted)
        to_mean = similarity_map(predicted, self.mean_shape_)
        aligned = apply_map(to_mean, predicted)
        residuals = (apply_map(to_mean, target) - aligned).reshape(len(target), -1)
        self.ridge_ = Ridge(self.alpha).fit(self._features(aligned), residuals)
        return self

    def predict(self, predicted: Array) -> Array:
        """Correct predicted landmarks in photo pixels, (n_faces, n_points, 2)."""
        to_mean = similarity_map(predicted, self.mean_shape_)
        aligned = apply_map(to_mean, predicted)
        correction = self.ridge_.predict(self._features(aligned)).reshape(predicted.shape)
        return apply_map(invert(to_mean), aligned + correction)

    def _features(self, aligned: Array) -> Array:
        return (aligned - self.mean_shape_).reshape(len(aligned), -1)


def fit_correction(predicted: Array, target: Array, groups: Sequence[str]) -> ShapeCorrection:
    """Learn a correction with the penalty that works best in a cross-validation.

    The landmarks are in photo pixels, (n_faces, n_points, 2). A group, which is the photo or the
    person of a face, is never split between folds.

    Raises:
        ValueError: If the shapes differ or a coordinate is not finite.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, target {target.shape}")
    if not (np.isfinite(predicted).all() and np.isfinite(target).all()):
        raise ValueError("a shape correction learns from faces with known points only")
    search = GridSearchCV(
        ShapeCorrection(),
        {"alpha": _ALPHAS},
        scoring=_negative_error,
        cv=PredefinedSplit(group_k_fold(groups, _N_FOLDS)),
    )
    return search.fit(predicted, target).best_estimator_


def _negative_error(correction: ShapeCorrection, predicted: Array, target: Array) -> float:
    """Negative sum over faces of the mean point distance, divided by the size of the face."""
    size = np.ptp(target, axis=1).max(axis=-1)
    distance = np.linalg.norm(correction.predict(predicted) - target, axis=-1).mean(axis=1)
    return -float((distance / size).sum())


def _mean_shape(landmarks: Array) -> Array:
    """Mean of the aligned shapes, centred on 0, with a root mean square distance of 1.

    Source: Gower, Generalized Procrustes analysis, 1975.
    """
    mean = _normalize((landmarks - landmarks.mean(axis=1, keepdims=True)).mean(axis=0))
    for _ in range(_N_ROUNDS):
        mean = _normalize(apply_map(similarity_map(landmarks, mean), landmarks).mean(axis=0))
    return mean


def _normalize(shape: Array) -> Array:
    return shape / np.sqrt((shape**2).sum(axis=-1).mean())
