"""Fit a shape correction, and apply it to a model's predictions: `python src/correct.py MODEL`.

The correction learns from predictions of the training faces: the model's own, or out of fold, which
are unbiased but need a cross-validation (`learn_from` of `corrections.MODEL` in params.yaml).

Mirror twins are corrected in the frame of their original photos. Their labels are flipped copies,
so what is systematic in the labels of originals points the other way in those of twins.

If faces are labelled by several conventions, the points of each have a correction of their own.
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.errors import PipelineError
from keypoints.core.geometry import hflip_landmarks
from keypoints.core.landmarks import SCHEMES, flip_indices_of
from keypoints.core.predictions import (
    LandmarkPredictions,
    PredictionsInfo,
    Split,
    predicted_splits,
    read_info,
    read_predictions,
    write_predictions,
)
from keypoints.core.types import Array
from keypoints.crops.store import CropStore
from keypoints.prediction.correction_settings import CorrectionSettings
from keypoints.prediction.shape_correction import MIN_POINTS, ShapeCorrection, fit_correction

Corrections = list[tuple[list[int], ShapeCorrection]]  # positions of the points, and their shape's


def correct(name: str) -> None:
    """Write data/predictions/MODEL_corrected for an entry of `corrections` in params.yaml."""
    settings: CorrectionSettings = read_params().entry("corrections", name, CorrectionSettings)
    info = read_info(name)
    if len(info.points) < MIN_POINTS:
        raise PipelineError(
            f"corrections.{name}: {len(info.points)} point(s) have no shape to correct; at least "
            f"{MIN_POINTS} are needed"
        )
    if settings.task != info.task:
        raise PipelineError(f"corrections.{name}.task must be {info.task}; got {settings.task}")
    splits: list[Split] = [split for split in predicted_splits(name) if split != "train"]
    with CropStore(paths.CROPS / settings.task) as store:
        corrections = _fit(settings, info, store)
        corrected = {
            split: _apply(
                corrections, read_predictions(name, split), info, store, store.rows(split)
            )
            for split in splits
        }
    write_predictions(f"{name}_corrected", info, corrected)
    alphas = ", ".join(f"{correction.alpha:.3g}" for _, correction in corrections)
    print(f"{name}_corrected: alpha {alphas}, learnt from {settings.learn_from}")


def _fit(settings: CorrectionSettings, info: PredictionsInfo, store: CropStore) -> Corrections:
    """Fit the correction of each convention to the faces with all of its points."""
    predicted = read_predictions(settings.source, "train").landmarks_photo
    rows = store.rows("train")
    if len(predicted) != len(rows):
        raise PipelineError(
            f"{settings.learn_from}: {len(predicted)} faces; task {settings.task} has {len(rows)} "
            "training faces; run `dvc repro`"
        )
    target = store.landmarks_photo[rows][:, list(info.points)]
    groups = store.faces(rows)["group"].to_numpy()
    predicted, target = (_flip_twins(faces, info, store, rows) for faces in (predicted, target))
    corrections = []
    for points in SCHEMES[store.format.scheme].convention_points:
        columns = [info.points.index(point) for point in points]
        known = np.isfinite(target[:, columns]).all(axis=(1, 2))
        if len(set(groups[known])) < 2:
            raise PipelineError(
                f"{settings.learn_from}: {known.sum()} training faces of task {settings.task} have "
                f"all {len(points)} points; a correction needs those of two photos or people"
            )
        own_predicted, own_target = predicted[known][:, columns], target[known][:, columns]
        corrections.append((columns, fit_correction(own_predicted, own_target, groups[known])))
    return corrections


def _apply(
    corrections: Corrections,
    faces: LandmarkPredictions,
    info: PredictionsInfo,
    store: CropStore,
    rows: NDArray[np.integer],
) -> LandmarkPredictions:
    def apply(landmarks_photo: Array) -> Array:
        corrected = _flip_twins(landmarks_photo, info, store, rows)
        for columns, correction in corrections:
            corrected[:, columns] = correction.predict(corrected[:, columns])
        return _flip_twins(corrected, info, store, rows)

    return replace(
        faces,
        landmarks_photo=apply(faces.landmarks_photo),
        mirrored_photo=apply(faces.mirrored_photo),
    )


def _flip_twins(
    landmarks_photo: Array, info: PredictionsInfo, store: CropStore, rows: NDArray[np.integer]
) -> Array:
    """Flip the faces of mirror twins, at any place: a correction moves with the face."""
    is_twin = store.faces(rows)["mirrored"].to_numpy() == 1
    flip_indices = flip_indices_of(info.points, SCHEMES[store.format.scheme])
    flipped = hflip_landmarks(landmarks_photo, flip_indices)
    return np.where(is_twin[:, None, None], flipped, landmarks_photo)


if __name__ == "__main__":
    run_stage(correct, __doc__)
