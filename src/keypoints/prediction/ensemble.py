"""Several models' predictions put together, coordinate by coordinate."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from keypoints.core.errors import PipelineError
from keypoints.prediction.tta import LandmarkPredictions

Array = NDArray[np.floating]

REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda members: np.mean(members, axis=0),
    "median": lambda members: np.median(members, axis=0),
}


class EnsembleError(PipelineError):
    """Predictions that cannot be put together; the message says whose and what to do."""


def combine(how: str, members: dict[str, LandmarkPredictions]) -> LandmarkPredictions:
    """Put the predictions of several models together.

    Args:
        how: mean, or median, which one member that is far off does not move.
        members: By the models' names; the same faces in the same order.

    Raises:
        EnsembleError: If they are not of as many faces and points.
    """
    shapes = {name: faces.landmarks_photo.shape for name, faces in members.items()}
    if len(set(shapes.values())) > 1:
        counts = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise EnsembleError(
            f"an ensemble's members should predict the same faces; got {counts}; run `dvc repro`"
        )
    return LandmarkPredictions(
        landmarks_photo=_combined(how, [faces.landmarks_photo for faces in members.values()]),
        flipped_photo=_combined(how, [faces.flipped_photo for faces in members.values()]),
    )


def _combined(how: str, members: Sequence[Array]) -> Array:
    return REDUCTIONS[how](np.stack(members))
