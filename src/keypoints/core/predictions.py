"""Files with predicted landmarks, from the stage that runs a network to the stages after it.

The folder data/predictions/NAME contains `validation.npz`, `test.npz` if the data set has test
faces, `train.npz` if a shape correction learns from predictions of the training faces, and
`info.json`. NAME is a model, a corrected model or an ensemble.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.types import Array

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class PredictionsInfo:
    """What was predicted.

    Attributes:
        task: Name of the task whose crop store contains the faces, in the order of its rows.
        dataset: Name of the data set.
        points: Indices of the predicted points in the data set's scheme.
    """

    task: str
    dataset: str
    points: tuple[int, ...]


@dataclass(frozen=True)
class LandmarkPredictions:
    """Predicted landmarks of the faces of one split, in the order of the store's rows.

    Attributes:
        landmarks_photo: Predicted landmarks in photo pixels, (n_faces, n_points, 2).
        flipped_photo: Landmarks predicted from the flipped images alone and flipped back, in photo
            pixels, (n_faces, n_points, 2).
    """

    landmarks_photo: Array
    flipped_photo: Array

    def flip_disagreement(self) -> Array:
        """Distance between the two predictions relative to the size of the face.

        Returns:
            Mean point distance divided by the diagonal of the predicted points' bounding box,
            (n_faces,); in photo pixels if only one point is predicted.
        """
        distance = np.linalg.norm(self.landmarks_photo - self.flipped_photo, axis=-1).mean(axis=1)
        if self.landmarks_photo.shape[1] == 1:
            return distance
        return distance / np.linalg.norm(np.ptp(self.landmarks_photo, axis=1), axis=-1)


def predictions_file(name: str, split: Split) -> Path:
    """File with the predictions for one split."""
    return paths.PREDICTIONS / name / f"{split}.npz"


def write_predictions(
    name: str, info: PredictionsInfo, splits: Mapping[Split, LandmarkPredictions]
) -> None:
    """Write the predictions for some splits; equal predictions give equal bytes."""
    with paths.atomic_folder(paths.PREDICTIONS / name) as folder:
        folder.mkdir()
        for split, predictions in splits.items():
            np.savez_compressed(predictions_file(name, split), **vars(predictions))
        _info_file(name).write_text(json.dumps(asdict(info)) + "\n")


def has_predictions(name: str, split: Split | None = None) -> bool:
    """Whether there are predictions of that name, for one split or for any."""
    return (predictions_file(name, split) if split else _info_file(name)).is_file()


def predicted_splits(name: str) -> list[Split]:
    """Splits that were predicted."""
    return [split for split in get_args(Split) if has_predictions(name, split)]


def read_info(name: str) -> PredictionsInfo:
    """Read what was predicted.

    Raises:
        PipelineError: If there are no predictions of that name.
    """
    try:
        fields = json.loads(_info_file(name).read_text())
    except FileNotFoundError as error:
        raise _missing_error(_info_file(name)) from error
    return PredictionsInfo(**fields | {"points": tuple(fields["points"])})


def read_predictions(name: str, split: Split) -> LandmarkPredictions:
    """Read the predictions for one split.

    Raises:
        PipelineError: If there are none.
    """
    path = predictions_file(name, split)
    try:
        with np.load(path) as file:
            return LandmarkPredictions(file["landmarks_photo"], file["flipped_photo"])
    except FileNotFoundError as error:
        raise _missing_error(path) from error


def _info_file(name: str) -> Path:
    return paths.PREDICTIONS / name / "info.json"


def _missing_error(path: Path) -> PipelineError:
    there = ", ".join(sorted(folder.name for folder in paths.PREDICTIONS.glob("*")))
    return PipelineError(
        f"{path} is missing; `dvc repro` runs the stage that writes it, if params.yaml and "
        f"dvc.yaml name it; there are predictions of: {there or 'nothing'}"
    )
