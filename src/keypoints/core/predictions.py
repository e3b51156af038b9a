"""Predicted landmarks of a model, a corrected model or an ensemble: data/predictions/NAME.

The folder contains `info.json`, `validation.npz`, `test.npz` if the data set has test faces, and
`train.npz` if a shape correction learns from predictions of the training faces.
"""

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args
from zipfile import BadZipFile, is_zipfile

import numpy as np

from keypoints.core import paths
from keypoints.core.errors import PipelineError
from keypoints.core.records import damaged_output, read_record, write_record
from keypoints.core.types import Array

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class PredictionsInfo:
    """What was predicted: the faces of a task's crop store."""

    task: str
    dataset: str
    points: tuple[int, ...]  # indices in the data set's scheme


@dataclass(frozen=True, eq=False)
class LandmarkPredictions:
    """Landmarks of a split, in the order of the store's rows and in photo pixels."""

    landmarks_photo: Array  # (n_faces, n_points, 2)
    mirrored_photo: Array  # what would be predicted for the mirrored photo, mirrored back
    flip_disagreement: Array  # from `flip_disagreement`, (n_faces,)


def flip_disagreement(plain: Array, flipped: Array) -> Array:
    """Mean distance between landmarks that are predicted from each face and from its flip.

    The landmarks are in photo pixels, (n_faces, n_points, 2). The distances, (n_faces,), are
    relative to the diagonal of the predicted points, or in photo pixels for one point.
    """
    distance = np.linalg.norm(plain - flipped, axis=-1).mean(axis=1)
    if plain.shape[1] == 1:
        return distance
    diagonal = np.linalg.norm(np.ptp(plain, axis=1), axis=-1)
    return distance / np.maximum(diagonal, 1)  # all points may be predicted at one place


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
        write_record(_info_file(name), asdict(info))


def has_predictions(name: str, split: Split | None = None) -> bool:
    """Whether there are predictions of that name, for one split or for any."""
    return (predictions_file(name, split) if split else _info_file(name)).is_file()


def predicted_splits(name: str) -> list[Split]:
    """Splits that were predicted."""
    return [split for split in get_args(Split) if has_predictions(name, split)]


def read_info(name: str) -> PredictionsInfo:
    """Read what was predicted; PipelineError if there are no predictions of that name."""
    path = _existing(_info_file(name))
    fields = read_record(path)
    try:
        return PredictionsInfo(**fields | {"points": tuple(fields["points"])})
    except (KeyError, TypeError) as error:
        raise damaged_output(path, error) from error


def read_predictions(name: str, split: Split) -> LandmarkPredictions:
    """Read the predictions for one split; PipelineError if there are none, or they are damaged."""
    path = _existing(predictions_file(name, split))
    try:
        if not is_zipfile(path):
            raise BadZipFile("not a whole .npz file")
        with np.load(path) as file:
            return LandmarkPredictions(**file)
    except (TypeError, ValueError, BadZipFile, zlib.error) as error:
        raise damaged_output(path, error) from error


def _info_file(name: str) -> Path:
    return paths.PREDICTIONS / name / "info.json"


def _existing(path: Path) -> Path:
    if path.is_file():
        return path
    there = ", ".join(sorted(folder.name for folder in paths.PREDICTIONS.glob("*")))
    raise PipelineError(
        f"{path} is missing; `dvc repro` creates it if params.yaml and dvc.yaml list it; "
        f"available predictions: {there or 'none'}"
    )
