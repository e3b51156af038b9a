"""Describes the faces of a photo in plain words."""

from collections.abc import Mapping, Sequence

import numpy as np

from keypoints.annotation.predictor import PredictedFace
from keypoints.core.landmarks import SCHEMES
from keypoints.models.checkpoint import ModelInfo

_MAX_PARTS = 2  # that are named


def model_parts(info: ModelInfo) -> dict[str, list[int]]:
    """Parts of a face as positions in the points that a model predicts."""
    return SCHEMES[info.scheme].subset_parts(info.points)


def describe_faces(faces: Sequence[PredictedFace], parts: Mapping[str, Sequence[int]]) -> str:
    """A phrase such as `2 faces, 7 of their 136 points are uncertain (jaw)`.

    Args:
        faces: The faces of one photo.
        parts: Parts of a face as positions in its points.
    """
    if not faces:
        return "no face found"
    return f"{count(len(faces), 'face')}, {describe_certainty(faces, parts)}"


def describe_certainty(faces: Sequence[PredictedFace], parts: Mapping[str, Sequence[int]]) -> str:
    """The phrase of `describe_faces` after the number of faces, of which there is at least one."""
    certain = [face for face in faces if face.is_certain]
    n_uncertain = len(faces) - len(certain)
    if not n_uncertain:
        return _describe_points(certain, "of its" if len(faces) == 1 else "of their", parts)
    which = "" if len(faces) == 1 else f"{n_uncertain} of them "
    text = f"{which}uncertain: {'its' if n_uncertain == 1 else 'their'} points may be wrong"
    if any(not face.certain_points.all() for face in certain):
        text += "; " + _describe_points(certain, "of the other", parts)
    return text


def count(number: int, noun: str) -> str:
    """A number with a noun, which gets an s if the number is not 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _describe_points(
    faces: Sequence[PredictedFace], whose: str, parts: Mapping[str, Sequence[int]]
) -> str:
    """The number of uncertain points of certain faces."""
    uncertain = np.stack([~face.certain_points for face in faces])
    if not uncertain.any():
        return "all points certain"
    with_some = [part for part, points in parts.items() if uncertain[:, list(points)].any()]
    where = f" ({', '.join(with_some)})" if len(with_some) <= _MAX_PARTS else ""
    verb = "is" if uncertain.sum() == 1 else "are"
    return f"{uncertain.sum()} {whose} {count(uncertain.size, 'point')} {verb} uncertain{where}"
