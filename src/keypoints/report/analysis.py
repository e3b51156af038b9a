"""Measurements of annotated faces, and their relation to a model's errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keypoints.core.landmarks import Scheme
from keypoints.core.types import Array
from keypoints.evaluation.metrics import inter_ocular, mean_of_known

MIN_FACES = 40  # with fewer, the page shows single faces instead of curves and correlations
_FLIPPED_SUFFIX = "_mirror"  # of the name of a flipped photo in the 300-W lists


def yaw_proxy(landmarks: Array, scheme: Scheme) -> Array:
    """Offset of the nose tip from the midpoint of the eyes, along the line of the eyes.

    Args:
        landmarks: Landmarks in pixels of photos or inputs, (n_faces, n_points, 2).
        scheme: Scheme of the landmarks.

    Returns:
        Fractions of the inter-ocular distance, (n_faces,): 0 for a frontal face.
    """
    left, right = (landmarks[:, corner] for corner in scheme.eye_corners)
    offset = landmarks[:, scheme.nose_tip] - (left + right) / 2
    return np.abs(np.sum(offset * (right - left), axis=-1)) / np.sum((right - left) ** 2, axis=-1)


def pitch_proxy(landmarks: Array, scheme: Scheme) -> Array:
    """Position of the nose tip on the way from the eyes to the mouth, along that line.

    It is smaller if a face looks up, and larger if it looks down.

    Args:
        landmarks: Landmarks in pixels of photos or inputs, (n_faces, n_points, 2).
        scheme: Scheme of the landmarks.

    Returns:
        Fractions of the distance between eyes and mouth, (n_faces,).
    """
    eyes = landmarks[:, list(scheme.eye_corners)].mean(axis=1)
    line = landmarks[:, list(scheme.parts["mouth"])].mean(axis=1) - eyes
    nose = landmarks[:, scheme.nose_tip] - eyes
    return np.sum(nose * line, axis=-1) / np.sum(line**2, axis=-1)


def mouth_width(landmarks: Array, scheme: Scheme) -> Array:
    """Extent of the mouth along the line of the eyes; a smile increases it.

    Args:
        landmarks: Landmarks in pixels of photos or inputs, (n_faces, n_points, 2).
        scheme: Scheme of the landmarks.

    Returns:
        Fractions of the inter-ocular distance, (n_faces,).
    """
    left, right = (landmarks[:, corner] for corner in scheme.eye_corners)
    along = np.einsum("npd,nd->np", landmarks[:, list(scheme.parts["mouth"])], right - left)
    return np.ptp(along, axis=1) / np.sum((right - left) ** 2, axis=-1)


def distance_to_centre(landmarks: Array, centre: Array) -> Array:
    """Distance of each face's mean landmark, of (n_faces, n_points, 2), to a point (x, y)."""
    return np.linalg.norm(np.nanmean(landmarks, axis=1) - centre, axis=-1)


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's rank correlation; 0 for fewer than three or constant values."""
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(pd.Series(first).rank().corr(pd.Series(second).rank()))


@dataclass(frozen=True)
class Subgroup:
    """Number and mean NME, as a fraction, of some faces."""

    label: str
    faces: int
    nme: float
    margin: float | None  # half of the 95 % interval, by normal approximation; None for one face


def summarize_subgroup(label: str, nme: Array) -> Subgroup:
    """Summarize the errors of some faces."""
    margin = 1.96 * float(np.std(nme, ddof=1)) / len(nme) ** 0.5 if len(nme) > 1 else None
    return Subgroup(label, len(nme), float(np.mean(nme)), margin)


def terciles(values: Array, nme: Array, labels: Sequence[str], unit: str) -> list[Subgroup]:
    """Divide faces by a value, from the smallest to the largest, into groups of equal size.

    Args:
        values: Value of each face, (n_faces,).
        nme: NME of each face, (n_faces,).
        labels: Labels of the groups.
        unit: Unit of the values, printed after them.
    """
    groups = np.array_split(np.argsort(values, kind="stable"), len(labels))
    return [
        summarize_subgroup(
            f"{label} ({_short(values[group].min())} to {_short(values[group].max())}{unit})",
            nme[group],
        )
        for label, group in zip(labels, groups, strict=True)
        if len(group)
    ]


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def find_flipped_copies(names: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of each photo and its flipped copy, if both are among the names."""
    positions = {name: position for position, name in enumerate(names)}
    return [
        (positions[original], position)
        for name, position in positions.items()
        if (original := name.removesuffix(_FLIPPED_SUFFIX)) != name and original in positions
    ]


def drop_flipped_copies(order: NDArray[np.integer], names: Sequence[str]) -> NDArray[np.integer]:
    """Positions of faces in the given order, without flipped copies of photos among the names."""
    copies = [copy for _, copy in find_flipped_copies(names)]
    return order[~np.isin(order, copies)]


def point_errors(predicted: Array, target: Array, norm: Array) -> Array:
    """Mean error of each point in percent of the faces' norms, (n_points,).

    Args:
        predicted: Predicted landmarks in photo pixels, (n_faces, n_points, 2).
        target: Annotated landmarks in photo pixels, (n_faces, n_points, 2).
        norm: Result of `face_norm` in photo pixels, (n_faces,).
    """
    distance = np.linalg.norm(predicted - target, axis=-1)
    return 100 * mean_of_known(distance / norm[:, None], axis=0)


def mean_shape(landmarks: Array, scheme: Scheme) -> Array:
    """Mean of the faces, each centred between its eyes and divided by its inter-ocular distance."""
    left, right = (landmarks[:, corner] for corner in scheme.eye_corners)
    middle = ((left + right) / 2)[:, None]
    norm = inter_ocular(landmarks, scheme.eye_corners)[:, None, None]
    return mean_of_known((landmarks - middle) / norm, axis=0)
