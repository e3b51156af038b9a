"""What a competition would say of a CSV, with its uncertainty, and of the difference of two.

The uncertainty is that of the faces: how the score moves when as many faces are drawn anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keypoints.competition.base import SubmissionSpec
from keypoints.statistics.bootstrap import (
    Difference,
    Interval,
    bootstrap_means,
    confidence_interval,
    interval_text,
)

Array = NDArray[np.floating]


@dataclass(frozen=True)
class LocalScore:
    """The score of a CSV.

    Attributes:
        score: As the competition computes it.
        interval: 95 % of the draws of faces score within it.
        parts: The score over the points of each part of the face.
        faces: The score of each face, (n_faces,).
    """

    score: float
    interval: Interval
    parts: dict[str, float]
    faces: Array

    def worst(self, count: int) -> NDArray[np.integer]:
        """The faces with the highest scores, the worst first."""
        return np.argsort(-self.faces, kind="stable")[:count]


def score(predicted: Array, truth: Array, asked: SubmissionSpec) -> LocalScore:
    """Score predictions as the competition does.

    Args:
        predicted: landmarks_photo, (n_faces, n_points, 2).
        truth: The same, annotated.
        asked: Which of them count.
    """
    aggregate = asked.competition.metric.aggregate
    errors, sums = _errors(predicted, truth, asked), _face_sums(predicted, truth, asked)
    counts = _face_counts(asked)
    parts = {
        part: float(aggregate(errors[is_in].mean()))
        for part, points in asked.scheme.parts.items()
        if (is_in := np.isin(asked.points, points)).any()
    }
    faces = aggregate(sums / np.maximum(counts, 1))  # a face of which nothing is asked: 0
    return LocalScore(
        score=float(aggregate(errors.mean())),
        interval=confidence_interval(_drawn_scores(sums, asked), len(sums)),
        parts=parts,
        faces=faces,
    )


def compare(first: Array, second: Array, truth: Array, asked: SubmissionSpec) -> Difference:
    """How much the scores of two predictions differ, each draw of faces scoring both.

    Args:
        first: landmarks_photo, (n_faces, n_points, 2).
        second: The same, of another CSV.
        truth: The same, annotated.
        asked: Which of them count.
    """
    aggregate = asked.competition.metric.aggregate
    scores = [aggregate(_errors(p, truth, asked).mean()) for p in (first, second)]
    drawn = [_drawn_scores(_face_sums(p, truth, asked), asked) for p in (first, second)]
    interval = confidence_interval(drawn[0] - drawn[1], len(asked.names))
    return Difference(float(scores[0] - scores[1]), interval)


def _errors(predicted: Array, truth: Array, asked: SubmissionSpec) -> Array:
    """Of each row of the CSV, (n_rows,)."""
    difference = predicted.ravel()[asked.values] - truth.ravel()[asked.values]
    return asked.competition.metric.elementwise(difference)


def _face_sums(predicted: Array, truth: Array, asked: SubmissionSpec) -> Array:
    sums = np.zeros(len(asked.names))
    np.add.at(sums, asked.faces, _errors(predicted, truth, asked))
    return sums


def _face_counts(asked: SubmissionSpec) -> NDArray[np.integer]:
    return np.bincount(asked.faces, minlength=len(asked.names))


def _drawn_scores(sums: Array, asked: SubmissionSpec) -> Array:
    """The score of each draw of faces with replacement: the same draws for the same faces."""
    return asked.competition.metric.aggregate(bootstrap_means(sums, _face_counts(asked)))


def score_text(result: LocalScore, asked: SubmissionSpec, *, n_worst: int = 10) -> str:
    """The score, its interval, the parts and the worst faces, as lines for a terminal."""
    worst = result.worst(n_worst)
    width = max(len(name) for name in [*result.parts, *(asked.names[face] for face in worst)])
    return "\n".join(
        [
            f"{asked.competition.metric.name} {result.score:.4f}, "
            f"{interval_text(result.interval)}; "
            f"{len(asked.values):,} values of {len(asked.names)} faces, as "
            f"{asked.competition.slug} scores",
            "by part of the face:",
            *(f"  {part:{width}}  {value:9.4f}" for part, value in result.parts.items()),
            f"the {len(worst)} worst faces:",
            *(f"  {asked.names[face]:{width}}  {result.faces[face]:9.4f}" for face in worst),
        ]
    )


def difference_text(result: Difference, asked: SubmissionSpec) -> str:
    """The difference, its interval, and whether it is more than noise."""
    better = "better" if result.difference < 0 else "worse"
    verdict = f"{better}, by more than noise" if result.is_significant else "no more than noise"
    interval = interval_text(result.interval)
    return f"{asked.competition.metric.name} {result.difference:+.4f}, {interval}: {verdict}"
