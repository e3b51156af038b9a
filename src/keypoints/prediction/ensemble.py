"""Ensembles: means, weighted means or medians of predictions, coordinate by coordinate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from keypoints.config.base import Settings
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import LandmarkPredictions, PredictionsInfo
from keypoints.core.types import Array

_REDUCTIONS: dict[str, Callable[..., Array]] = {"mean": np.mean, "median": np.median}
Weight = Annotated[float, Field(gt=0)]


class EnsembleSettings(Settings):
    """Settings of an ensemble."""

    reduce: Literal["mean", "median"]  # a median ignores outliers
    members: Annotated[list[str], Field(min_length=1)]  # models, corrected models, other ensembles
    weights: list[Weight] | None = None  # of the members in a mean, relative; None: equal

    @field_validator("members")
    @classmethod
    def _check_members(cls, members: list[str]) -> list[str]:
        repeated = {member for member in members if members.count(member) > 1}
        if repeated:
            raise ValueError(f"must not repeat {', '.join(sorted(repeated))}")
        return members

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if self.weights and (self.reduce, len(self.weights)) != ("mean", len(self.members)):
            raise ValueError(
                f"weights need reduce: mean and one number for each of {len(self.members)} members"
            )
        return self


def check_members(infos: Mapping[str, PredictionsInfo]) -> None:
    """Check that all members predict the same points of the same data set.

    Raises:
        PipelineError: If a member differs; the message names the first one.
    """
    (first, expected), *others = infos.items()
    for name, info in others:
        if (info.dataset, info.points) != (expected.dataset, expected.points):
            raise PipelineError(
                f"an ensemble's members must predict the same points of one data set; {first} has "
                f"{len(expected.points)} of {expected.dataset}, {name} {len(info.points)} of "
                f"{info.dataset}"
            )


def combine(
    reduce: str,
    members: Mapping[str, LandmarkPredictions],
    weights: Sequence[float] | None = None,
) -> LandmarkPredictions:
    """Take the mean or median of predictions of the same faces, by the members' names.

    `weights`, one per member, turn the mean into a weighted one.

    Raises:
        PipelineError: If the numbers of faces differ.
    """
    counts = {name: len(faces.landmarks_photo) for name, faces in members.items()}
    if len(set(counts.values())) > 1:
        got = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise PipelineError(
            f"an ensemble's members must predict the same faces; got {got}; run `dvc repro`"
        )
    arrays = zip(*(vars(faces).values() for faces in members.values()), strict=True)
    if weights:
        return LandmarkPredictions(*(np.average(array, 0, weights) for array in arrays))
    return LandmarkPredictions(*(_REDUCTIONS[reduce](array, axis=0) for array in arrays))
