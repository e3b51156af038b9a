"""The files that hand predictions from the stage that runs a network to those that use them.

`data/predictions/NAME/` holds `validation.npz`, `test.npz` if the data set has test faces,
`train.npz` if something is learnt from the predictions of training faces, and `info.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from keypoints.core import paths
from keypoints.core.errors import PipelineError

Array = NDArray[np.floating]
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class PredictionsInfo:
    """What was predicted.

    Attributes:
        task: Name of the task whose crop store has the faces, in the order of its rows.
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
        flipped_photo: Predictions from the mirrored images alone, mapped back, the same shape.
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


def predictions_folder(name: str) -> Path:
    """Folder of a model's, a corrected model's or an ensemble's predictions."""
    return paths.PREDICTIONS / name


def write_predictions(
    name: str, info: PredictionsInfo, splits: Mapping[Split, LandmarkPredictions]
) -> None:
    """Write the predictions of some splits; equal predictions give equal bytes."""
    with paths.atomic_folder(predictions_folder(name)) as folder:
        folder.mkdir()
        for split, predictions in splits.items():
            np.savez_compressed(folder / f"{split}.npz", **vars(predictions))
        (folder / "info.json").write_text(json.dumps(asdict(info)) + "\n")


def read_info(name: str) -> PredictionsInfo:
    """Read what was predicted.

    Raises:
        PipelineError: If there are no predictions of this name.
    """
    try:
        fields = json.loads((predictions_folder(name) / "info.json").read_text())
    except FileNotFoundError as error:
        raise _missing_error(name, error.filename) from error
    return PredictionsInfo(**fields | {"points": tuple(fields["points"])})


def has_predictions(name: str, split: Split) -> bool:
    """Whether the faces of a split were predicted."""
    return (predictions_folder(name) / f"{split}.npz").is_file()


def read_predictions(name: str, split: Split) -> LandmarkPredictions:
    """Read the predictions of one split.

    Raises:
        PipelineError: If there are none.
    """
    try:
        with np.load(predictions_folder(name) / f"{split}.npz") as file:
            return LandmarkPredictions(file["landmarks_photo"], file["flipped_photo"])
    except FileNotFoundError as error:
        raise _missing_error(name, error.filename) from error


def _missing_error(name: str, file: str | None) -> PipelineError:
    return PipelineError(f"{file} is missing; run the stage that predicts {name}: `dvc repro`")
