"""Where errors come from: what of a face can be read from its annotated points, and its error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.core.landmarks import Scheme
from keypoints.evaluation.metrics import inter_ocular

Array = NDArray[np.floating]

_MIRROR = "_mirror"  # ends the name of a photo's mirror twin


def yaw_proxy(landmarks: Array, scheme: Scheme) -> Array:
    """How far each face is turned: the nose's way off the middle of the eyes, along their line.

    Args:
        landmarks: (n_faces, n_points, 2) in pixels of photos or inputs.
        scheme: Of the landmarks.

    Returns:
        Shares of the outer eye corners' distance, (n_faces,): 0 looks into the camera.
    """
    left, right = (landmarks[:, corner] for corner in scheme.eye_corners)
    off_middle = landmarks[:, scheme.nose_tip] - (left + right) / 2
    return np.abs(np.sum(off_middle * (right - left), axis=-1)) / np.sum(
        (right - left) ** 2, axis=-1
    )


def mouth_width_of(landmarks: Array, scheme: Scheme) -> Array:
    """How wide each mouth is along the line of the eyes, which a smile widens.

    Returns:
        Shares of the outer eye corners' distance, (n_faces,).
    """
    left, right = (landmarks[:, corner] for corner in scheme.eye_corners)
    along = np.einsum("npd,nd->np", landmarks[:, list(scheme.parts["mouth"])], right - left)
    return np.ptp(along, axis=1) / np.sum((right - left) ** 2, axis=-1)


def off_centre_of(landmarks: Array, average: Array) -> Array:
    """How far the middle of each face lies from a place.

    Args:
        landmarks: (n_faces, n_points, 2).
        average: The place, (x, y) in the same frame.

    Returns:
        Lengths in that frame, (n_faces,).
    """
    return np.linalg.norm(np.nanmean(landmarks, axis=1) - average, axis=-1)


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's: 1 where both rise together, 0 where they have nothing to do with each other."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(pd.Series(first).rank().corr(pd.Series(second).rank()))


@dataclass(frozen=True)
class Subgroup:
    """Some of the faces and their mean error.

    Attributes:
        label: Which ones.
        faces: How many.
        nme: Mean, as a fraction.
        spread: Half the width of its 95 % interval, normal approximation; None for one face.
    """

    label: str
    faces: int
    nme: float
    spread: float | None


def share(label: str, nme: Array) -> Subgroup:
    """Sum up the errors of some faces."""
    spread = 1.96 * float(np.std(nme, ddof=1)) / len(nme) ** 0.5 if len(nme) > 1 else None
    return Subgroup(label, len(nme), float(np.mean(nme)), spread)


def terciles(values: Array, nme: Array, words: Sequence[str], unit: str) -> list[Subgroup]:
    """The faces in three groups of equal size by a value, the smallest first.

    Args:
        values: (n_faces,).
        nme: (n_faces,).
        words: For the three groups.
        unit: Of the values, after their numbers.
    """
    groups = np.array_split(np.argsort(values, kind="stable"), len(words))
    return [
        share(
            f"{word} ({_short(values[group].min())} to {_short(values[group].max())}{unit})",
            nme[group],
        )
        for word, group in zip(words, groups, strict=True)
        if len(group)
    ]


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def twins(names: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of the faces whose mirror twin is among them, each with its twin's."""
    positions = {name: position for position, name in enumerate(names)}
    return [
        (positions[name.removesuffix(_MIRROR)], position)
        for name, position in positions.items()
        if name.endswith(_MIRROR) and name.removesuffix(_MIRROR) in positions
    ]


def point_errors(predicted: Array, target: Array, norm: Array) -> Array:
    """Mean error of each point in percent of the eyes' distance, (n_points,).

    Args:
        predicted: (n_faces, n_points, 2) in photo pixels.
        target: The same, annotated.
        norm: Inter-ocular distance, (n_faces,).
    """
    distance = np.linalg.norm(predicted - target, axis=-1)
    return 100 * np.nanmean(distance / norm[:, None], axis=0)


def mean_shape(landmarks: Array, scheme: Scheme) -> Array:
    """The mean of all faces, each about the middle of its eyes and in shares of their distance."""
    left, right = (landmarks[:, corner] for corner in scheme.eye_corners)
    middle = ((left + right) / 2)[:, None]
    return ((landmarks - middle) / inter_ocular(landmarks, scheme.eye_corners)[:, None, None]).mean(
        axis=0
    )
