"""Smooths the landmarks of a face in a video, without lag where the face moves."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keypoints.core.geometry import fit_similarity, to_complex
from keypoints.core.types import Array

# Cutoff frequency at rest in Hz, and its increase per side of the face (or radian) and second
_POSE, _SHAPE = (1.0, 100.0), (0.8, 12.0)

_MIN_SCALE = 1e-3

Filter = Callable[[Array, float], Array]  # of values and the seconds since the previous ones


def one_euro_filter(min_cutoff: float, beta: float, speed_cutoff: float = 1.0) -> Filter:
    """A low-pass filter that follows fast changes closely and removes the jitter of slow ones.

    Args:
        min_cutoff: Cutoff frequency of values at rest, Hz.
        beta: Increase of the cutoff frequency with the speed, Hz per unit and second.
        speed_cutoff: Cutoff frequency of the speed, Hz.

    Returns:
        A function of vectors, (..., n_dimensions), with one speed each; it returns the first values
        unchanged.

    Source: Casiez, Roussel and Vogel, 1 € filter, CHI 2012.
    """
    previous: Array | None = None
    smooth: Array = np.zeros(0)
    velocity: Array = np.zeros(0)

    def follow(values: Array, seconds: float) -> Array:
        nonlocal previous, smooth, velocity
        if previous is None:
            previous, smooth, velocity = values, values, np.zeros_like(values)
            return values
        slope = (values - previous) / seconds
        velocity = velocity + _weight(np.array(speed_cutoff), seconds) * (slope - velocity)
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
        smooth = smooth + _weight(min_cutoff + beta * speed, seconds) * (values - smooth)
        previous = values
        return smooth

    return follow


def _weight(cutoff: Array, seconds: float) -> Array:
    """Weight of a new value in a first-order low-pass filter."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))


class LandmarkSmoother:
    """Smooths the pose of a face and its shape in the upright face separately.

    All points contribute to the pose, which therefore has little jitter and is followed closely;
    the shape changes with the expression only and is smoothed more.

    Args:
        landmarks_photo: Landmarks of the first frame, (n_points, 2).
        side: Side of the face's box, px.
    """

    def __init__(self, landmarks_photo: Array, side: float) -> None:
        points = to_complex(landmarks_photo)
        self._side = side
        self._reference = (points - points.mean()) / side
        self._angle = 0.0
        self._follow_place = one_euro_filter(*_POSE)
        self._follow_turn = one_euro_filter(*_POSE)
        self._follow_shape = one_euro_filter(*_SHAPE)

    def __call__(self, landmarks_photo: Array, seconds: float) -> Array:
        """Return smoothed landmarks of the next frame, (n_points, 2).

        Args:
            landmarks_photo: Predicted landmarks, (n_points, 2).
            seconds: Time since the previous frame, more than 0.
        """
        factor, place = fit_motion(self._reference, to_complex(landmarks_photo) / self._side)
        turn = np.angle(factor) - self._angle
        self._angle += (turn + np.pi) % (2 * np.pi) - np.pi
        shape = (to_complex(landmarks_photo) / self._side - place) / factor
        log_scale, angle = self._follow_turn(np.array([np.log(abs(factor)), self._angle]), seconds)
        centre = to_complex(self._follow_place(_to_real(np.array([place])), seconds))
        smooth = to_complex(self._follow_shape(_to_real(shape), seconds))
        return _to_real((np.exp(log_scale + 1j * angle) * smooth + centre) * self._side)


def fit_motion(source: NDArray[np.complex128], target: NDArray[np.complex128]) -> Any:
    """Factor and offset of `fit_similarity`; the factor is 1 if the points of either coincide."""
    with np.errstate(invalid="ignore", divide="ignore"):
        factor, offset = fit_similarity(source, target)
    if abs(factor) > _MIN_SCALE and np.isfinite(factor):
        return factor, offset
    return 1.0 + 0j, target.mean() - source.mean()


def _to_real(points: NDArray[np.complex128]) -> Array:
    return np.stack([points.real, points.imag], axis=-1)
