"""Scores of submissions by the competition's metric, with bootstrap intervals over faces.

Landmarks are in photo pixels, (n_faces, n_points, 2); the specification determines the coordinates
that count.
"""

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
)


@dataclass(frozen=True, eq=False)
class LocalScore:
    """Score of a submission."""

    metric: str  # name of the competition's metric
    score: float
    interval: Interval  # 95 % confidence interval
    parts: dict[str, float]  # score over the points of each part of the face
    kinds: dict[str, tuple[float, Interval]]  # score and interval of each kind of faces, if several
    faces: Array  # score of each face, (n_faces,)

    def worst(self, count: int) -> NDArray[np.integer]:
        """Numbers of the faces with the highest scores, the worst first."""
        return np.argsort(-self.faces, kind="stable")[:count]


def score(predicted: Array, target: Array, spec: SubmissionSpec) -> LocalScore:
    """Score predictions by the competition's metric."""
    aggregate = spec.competition.metric.aggregate
    errors = _row_errors(predicted, target, spec)
    sums, counts = _face_sums(errors, spec)
    parts = {
        part: float(aggregate(errors[is_in].mean()))
        for part, points in spec.scheme.parts.items()
        if (is_in := np.isin(spec.row_points, points)).any()
    }
    return LocalScore(
        metric=spec.competition.metric.name,
        score=float(aggregate(errors.mean())),
        interval=_interval(sums, counts, spec),
        parts=parts,
        kinds=_score_kinds(errors, spec),
        faces=aggregate(sums / np.maximum(counts, 1)),  # 0 for a face without rows
    )


def _score_kinds(errors: Array, spec: SubmissionSpec) -> dict[str, tuple[float, Interval]]:
    """Score and interval of the faces of each kind; the score of all faces is their mixture."""
    kinds = {}
    for name, kind in spec.scheme.kinds.items():
        is_in = np.isin(spec.row_points, kind.points)
        if is_in.any():
            sums = np.bincount(spec.row_faces[is_in], errors[is_in]).astype(float)
            counts = np.bincount(spec.row_faces[is_in])
            value = float(spec.competition.metric.aggregate(errors[is_in].mean()))
            kinds[name] = value, _interval(sums[counts > 0], counts[counts > 0], spec)
    return kinds


def _interval(sums: Array, counts: NDArray[np.integer], spec: SubmissionSpec) -> Interval:
    aggregate = spec.competition.metric.aggregate
    return confidence_interval(aggregate(bootstrap_means(sums, counts)), len(sums))


def compare(first: Array, second: Array, target: Array, spec: SubmissionSpec) -> Difference:
    """Difference of the scores of two predictions; every resample scores both on the same faces."""
    aggregate = spec.competition.metric.aggregate
    errors = [_row_errors(predicted, target, spec) for predicted in (first, second)]
    scores = [aggregate(values.mean()) for values in errors]
    resampled = [aggregate(bootstrap_means(*_face_sums(values, spec))) for values in errors]
    interval = confidence_interval(resampled[0] - resampled[1], len(spec.names))
    return Difference(float(scores[0] - scores[1]), interval)


def _row_errors(predicted: Array, target: Array, spec: SubmissionSpec) -> Array:
    difference = predicted.ravel()[spec.row_indices] - target.ravel()[spec.row_indices]
    return spec.competition.metric.elementwise(difference)  # (n_rows,)


def _face_sums(errors: Array, spec: SubmissionSpec) -> tuple[Array, NDArray[np.integer]]:
    """Sum and number of the rows of each face, (n_faces,)."""
    faces, n_faces = spec.row_faces, len(spec.names)
    sums = np.bincount(faces, errors, n_faces).astype(float)
    return sums, np.bincount(faces, minlength=n_faces)


def score_text(result: LocalScore, spec: SubmissionSpec, *, n_worst: int = 10) -> str:
    """The score, its interval, the parts and the worst faces, as lines for a terminal."""
    worst = {spec.names[face]: result.faces[face] for face in result.worst(n_worst)}
    width = max(len(name) for name in [*result.parts, *worst])
    return "\n".join(
        [
            f"{spec.competition.metric.name} {result.score:.4f}, {_text(result.interval)}; "
            f"{len(spec.row_indices):,} values of {len(spec.names)} faces, by the metric of "
            f"{spec.competition.slug}",
            *(
                f"  faces with {name}: {value:.4f}, {_text(interval)}"
                for name, (value, interval) in result.kinds.items()
            ),
            "by part of the face:",
            *(f"  {part:{width}}  {value:9.4f}" for part, value in result.parts.items()),
            f"the {len(worst)} worst faces:",
            *(f"  {name:{width}}  {value:9.4f}" for name, value in worst.items()),
        ]
    )


def difference_text(result: Difference, spec: SubmissionSpec) -> str:
    """The difference, its interval, and whether it is significant."""
    better = "better" if result.difference < 0 else "worse"
    verdict = f"significantly {better}" if result.is_significant else "not significant"
    name = spec.competition.metric.name
    return f"{name} {result.difference:+.4f}, {_text(result.interval)}: {verdict}"


def _text(interval: Interval) -> str:
    return f"95 % interval {interval[0]:.4f} to {interval[1]:.4f}"
