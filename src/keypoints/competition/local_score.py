"""Scores of submissions by the competition's metric, with bootstrap intervals over faces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import SubmissionSpec
from keypoints.core.types import Array
from keypoints.statistics.bootstrap import (
    Difference,
    Interval,
    bootstrap_means,
    confidence_interval,
    interval_text,
)


@dataclass(frozen=True)
class LocalScore:
    """Score of a submission.

    Attributes:
        score: Score by the competition's metric.
        interval: 95 % confidence interval of the score.
        parts: Score over the points of each part of the face.
        faces: Score of each face, (n_faces,).
    """

    score: float
    interval: Interval
    parts: dict[str, float]
    faces: Array

    def worst(self, count: int) -> NDArray[np.integer]:
        """Numbers of the faces with the highest scores, the worst first."""
        return np.argsort(-self.faces, kind="stable")[:count]


def score(predicted: Array, target: Array, spec: SubmissionSpec) -> LocalScore:
    """Score predictions by the competition's metric.

    Args:
        predicted: Predicted landmarks in photo pixels, (n_faces, n_points, 2).
        target: Annotated landmarks in photo pixels, (n_faces, n_points, 2).
        spec: Contents of a submission, which determine the coordinates that count.
    """
    aggregate = spec.competition.metric.aggregate
    errors, sums = _row_errors(predicted, target, spec), _face_sums(predicted, target, spec)
    parts = {
        part: float(aggregate(errors[is_in].mean()))
        for part, points in spec.scheme.parts.items()
        if (is_in := np.isin(spec.row_points, points)).any()
    }
    return LocalScore(
        score=float(aggregate(errors.mean())),
        interval=confidence_interval(_resampled_scores(sums, spec), len(sums)),
        parts=parts,
        faces=aggregate(sums / np.maximum(_face_counts(spec), 1)),  # 0 for a face without rows
    )


def compare(first: Array, second: Array, target: Array, spec: SubmissionSpec) -> Difference:
    """Difference of the scores of two predictions; every resample scores both on the same faces.

    Args:
        first: Predicted landmarks in photo pixels, (n_faces, n_points, 2).
        second: Landmarks to compare with, (n_faces, n_points, 2).
        target: Annotated landmarks in photo pixels, (n_faces, n_points, 2).
        spec: Contents of a submission, which determine the coordinates that count.
    """
    aggregate = spec.competition.metric.aggregate
    scores = [aggregate(_row_errors(p, target, spec).mean()) for p in (first, second)]
    resampled = [_resampled_scores(_face_sums(p, target, spec), spec) for p in (first, second)]
    interval = confidence_interval(resampled[0] - resampled[1], len(spec.names))
    return Difference(float(scores[0] - scores[1]), interval)


def _row_errors(predicted: Array, target: Array, spec: SubmissionSpec) -> Array:
    difference = predicted.ravel()[spec.row_indices] - target.ravel()[spec.row_indices]
    return spec.competition.metric.elementwise(difference)  # (n_rows,)


def _face_sums(predicted: Array, target: Array, spec: SubmissionSpec) -> Array:
    sums = np.zeros(len(spec.names))
    np.add.at(sums, spec.row_faces, _row_errors(predicted, target, spec))
    return sums


def _face_counts(spec: SubmissionSpec) -> NDArray[np.integer]:
    return np.bincount(spec.row_faces, minlength=len(spec.names))


def _resampled_scores(sums: Array, spec: SubmissionSpec) -> Array:
    return spec.competition.metric.aggregate(bootstrap_means(sums, _face_counts(spec)))


def score_text(result: LocalScore, spec: SubmissionSpec, *, n_worst: int = 10) -> str:
    """The score, its interval, the parts and the worst faces, as lines for a terminal."""
    worst = result.worst(n_worst)
    width = max(len(name) for name in [*result.parts, *(spec.names[face] for face in worst)])
    return "\n".join(
        [
            f"{spec.competition.metric.name} {result.score:.4f}, "
            f"{interval_text(result.interval)}; "
            f"{len(spec.row_indices):,} values of {len(spec.names)} faces, by the metric of "
            f"{spec.competition.slug}",
            "by part of the face:",
            *(f"  {part:{width}}  {value:9.4f}" for part, value in result.parts.items()),
            f"the {len(worst)} worst faces:",
            *(f"  {spec.names[face]:{width}}  {result.faces[face]:9.4f}" for face in worst),
        ]
    )


def difference_text(result: Difference, spec: SubmissionSpec) -> str:
    """The difference, its interval, and whether it is significant."""
    better = "better" if result.difference < 0 else "worse"
    verdict = f"significantly {better}" if result.is_significant else "not significant"
    interval = interval_text(result.interval)
    return f"{spec.competition.metric.name} {result.difference:+.4f}, {interval}: {verdict}"
