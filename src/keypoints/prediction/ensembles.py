"""Several models' predictions put together, coordinate by coordinate."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from keypoints.errors import PipelineError
from keypoints.prediction.saved import PredictedFaces

Array = NDArray[np.floating]

HOW: dict[str, Callable[[Array], Array]] = {
    "mean": lambda members: np.mean(members, axis=0),
    "median": lambda members: np.median(members, axis=0),
}


class EnsembleError(PipelineError):
    """Predictions that cannot be put together; the message says whose and what to do."""


def combine(how: str, members: dict[str, PredictedFaces]) -> PredictedFaces:
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
    return PredictedFaces(
        landmarks_photo=_combined(how, [faces.landmarks_photo for faces in members.values()]),
        mirrored_photo=_combined(how, [faces.mirrored_photo for faces in members.values()]),
    )


def _combined(how: str, members: Sequence[Array]) -> Array:
    return HOW[how](np.stack(members))
