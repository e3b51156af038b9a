"""A correction of predicted shapes, learnt from faces that their network was not trained on.

A network errs alike on like faces: it draws a long chin too short, a turned head too frontal. Such
errors are a linear function of the predicted shape, seen upright and in one size, plus what nobody
can know; a ridge regression takes the function away. It learns best from out-of-fold predictions:
on its own training faces a network errs less, and may err otherwise. After a training with draws so
strong that it errs nearly as much on them, they do (docs/results.md).

Source: Hoerl and Kennard, Ridge regression, 1970; Wolpert, Stacked generalization, 1992 (learning
from predictions of faces that were held out).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from keypoints.core.errors import PipelineError
from keypoints.core.splits import group_k_fold

Array = NDArray[np.floating]
Complex = NDArray[np.complexfloating]  # a point (x, y) as x + iy: turning and scaling is a product

ALPHAS = tuple(float(alpha) for alpha in np.logspace(-3, 3, 13))  # of shapes of size 1
_N_FOLDS, _N_ROUNDS = 5, 5
_LEAST_POINTS = 3  # that have a shape


class CalibrationError(PipelineError):
    """A model whose shapes cannot be corrected; the message says why."""


def has_shape(points: Sequence[int]) -> bool:
    """Whether so many points form a shape, beside a place, a size and a turn."""
    return len(points) >= _LEAST_POINTS


@dataclass(frozen=True)
class ShapeCorrection:
    """A linear correction in the frame of the mean shape.

    Attributes:
        mean_shape: Of the predictions it was learnt from, (n_points, 2), about 0 and of size 1.
        weights: From a shape's difference to the mean shape to its correction, (2 n_points,
            2 n_points), x before y.
        offset: What is corrected in every face, (2 n_points,).
        alpha: The penalty of the weights that was chosen.
    """

    mean_shape: Array
    weights: Array
    offset: Array
    alpha: float

    def apply(self, landmarks_photo: Array) -> Array:
        """Correct predicted faces.

        Args:
            landmarks_photo: Predicted, (n_faces, n_points, 2).

        Returns:
            Shaped like them. A face that is turned, scaled and moved is corrected likewise.
        """
        shapes = _ProcrustesAlignment(landmarks_photo, self.mean_shape)
        correction = _features(shapes, self.mean_shape) @ self.weights + self.offset
        return shapes.to_photo_frame(shapes.aligned + correction.reshape(landmarks_photo.shape))

    def save(self, path: Path) -> None:
        """Write it as a safetensors file."""
        arrays = {"mean_shape": self.mean_shape, "weights": self.weights, "offset": self.offset}
        # Bytes first: safetensors' own file could be read by its owner alone.
        path.write_bytes(save(arrays | {"alpha": np.array(self.alpha)}))


def load_calibrator(path: Path) -> ShapeCorrection:
    """Read what `ShapeCorrection.save` wrote.

    Raises:
        CalibrationError: If the file is missing or damaged.
    """
    try:
        arrays = load_file(path)
        alpha = float(arrays.pop("alpha"))
        return ShapeCorrection(**arrays, alpha=alpha)
    except (FileNotFoundError, SafetensorError, KeyError, TypeError) as error:
        what = "missing" if isinstance(error, FileNotFoundError) else "damaged"
        raise CalibrationError(
            f"{path} is {what}; calibrate.py makes it, or say `calibrated: false`"
        ) from error


def fit_calibrator(
    predicted: Array, target: Array, groups: Sequence[str], *, alphas: Sequence[float] = ALPHAS
) -> ShapeCorrection:
    """Learn a correction, with the penalty that corrects held-out photos best.

    Args:
        predicted: Out-of-fold predictions in photo pixels, (n_faces, n_points, 2).
        target: The same, annotated.
        groups: The photo, or person, of each face: never on both sides of a split.
        alphas: Penalties to choose from.

    Raises:
        ValueError: If the shapes differ or a number is not finite.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"predicted has shape {predicted.shape}, target {target.shape}")
    if not (np.isfinite(predicted).all() and np.isfinite(target).all()):
        raise ValueError("a calibrator learns from faces of which all points are known")
    errors = np.zeros(len(alphas))
    folds = group_k_fold(groups, _N_FOLDS)
    for fold in np.unique(folds):
        train, held_out = folds != fold, folds == fold
        for number, fitted in enumerate(_fit_ridge_path(predicted[train], target[train], alphas)):
            size = np.ptp(target[held_out], axis=1).max(axis=-1)  # all faces count alike
            wrong = fitted.apply(predicted[held_out]) - target[held_out]
            errors[number] += (np.linalg.norm(wrong, axis=-1).mean(axis=1) / size).sum()
    (best,) = _fit_ridge_path(predicted, target, [alphas[int(errors.argmin())]])
    return best


def _fit_ridge_path(
    predicted: Array, target: Array, alphas: Sequence[float]
) -> Iterator[ShapeCorrection]:
    """A calibrator for each penalty."""
    mean_shape = _mean_shape(predicted)
    shapes = _ProcrustesAlignment(predicted, mean_shape)
    features = _features(shapes, mean_shape)
    residuals = (shapes.to_mean_frame(target) - shapes.aligned).reshape(len(target), -1)
    centre, offset = features.mean(axis=0), residuals.mean(axis=0)
    features = features - centre
    values, vectors = np.linalg.eigh(features.T @ features)
    turned = vectors.T @ (features.T @ (residuals - offset))
    for alpha in alphas:
        weights = vectors @ (turned / (values + alpha)[:, None])
        yield ShapeCorrection(mean_shape, weights, offset - centre @ weights, alpha)


class _ProcrustesAlignment:
    """Faces moved, turned and scaled so that they lie on a mean shape as well as they can.

    Source: Umeyama, Least-squares estimation of transformation parameters, 1991; in two dimensions
    it is one complex division.
    """

    def __init__(self, landmarks: Array, mean_shape: Array) -> None:
        points = _complex(landmarks)  # (n_faces, n_points)
        self._middle = points.mean(axis=1, keepdims=True)
        about = points - self._middle
        towards = (about.conj() * _complex(mean_shape)).sum(axis=1, keepdims=True)
        self._turn = towards / (np.abs(about) ** 2).sum(axis=1, keepdims=True)  # (n_faces, 1)
        self.aligned = self.to_mean_frame(landmarks)

    def to_mean_frame(self, landmarks: Array) -> Array:
        """Other points of the same faces, moved likewise."""
        return _real((_complex(landmarks) - self._middle) * self._turn)

    def to_photo_frame(self, landmarks: Array) -> Array:
        """From the mean shape's frame to that of the photos."""
        return _real(_complex(landmarks) / self._turn + self._middle)


def _mean_shape(landmarks: Array) -> Array:
    """The mean of shapes that lie on it as well as they can; about 0, root mean square 1.

    Source: Gower, Generalized Procrustes analysis, 1975.
    """
    points = _complex(landmarks)
    mean = _of_size_one(_real(points - points.mean(axis=1, keepdims=True)).mean(axis=0))
    for _ in range(_N_ROUNDS):
        mean = _of_size_one(_ProcrustesAlignment(landmarks, mean).aligned.mean(axis=0))
    return mean


def _of_size_one(shape: Array) -> Array:
    return shape / np.sqrt((shape**2).sum(axis=-1).mean())


def _features(shapes: _ProcrustesAlignment, mean_shape: Array) -> Array:
    return (shapes.aligned - mean_shape).reshape(len(shapes.aligned), -1)


def _complex(landmarks: Array) -> Complex:
    return landmarks[..., 0] + 1j * landmarks[..., 1]


def _real(points: Complex) -> Array:
    return np.stack([points.real, points.imag], axis=-1)
