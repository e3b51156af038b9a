"""Fit a shape correction, and apply it to a model's predictions: `python src/correct.py MODEL`.

The correction learns from predictions of the training faces: the model's own, or out of fold, which
are unbiased but need a cross-validation (`learn_from` of `corrections.MODEL` in params.yaml).
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

import numpy as np

from keypoints.config.params import read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.errors import PipelineError
from keypoints.core.predictions import (
    LandmarkPredictions,
    PredictionsInfo,
    Split,
    predicted_splits,
    read_info,
    read_predictions,
    write_predictions,
)
from keypoints.crops.store import CropStore
from keypoints.prediction.correction_settings import CorrectionSettings
from keypoints.prediction.shape_correction import MIN_POINTS, ShapeCorrection, fit_correction


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
    correction = _fit(settings, info)
    splits: list[Split] = [split for split in predicted_splits(name) if split != "train"]
    corrected = {split: _apply(correction, read_predictions(name, split)) for split in splits}
    write_predictions(f"{name}_corrected", info, corrected)
    print(f"{name}_corrected: alpha {correction.alpha:.3g}, learnt from {settings.learn_from}")


def _fit(settings: CorrectionSettings, info: PredictionsInfo) -> ShapeCorrection:
    """Fit the correction to the training faces of which all points are known."""
    predicted = read_predictions(settings.source, "train").landmarks_photo
    with CropStore(paths.CROPS / settings.task) as store:
        rows = store.rows("train")
        known = np.isfinite(store.landmarks_photo[rows]).all(axis=(1, 2))
        target = store.landmarks_photo[rows[known]][:, list(info.points)]
        groups = store.faces(rows[known])["group"].tolist()
    if len(predicted) != len(rows):
        raise PipelineError(
            f"{settings.learn_from}: {len(predicted)} faces; task {settings.task} has {len(rows)} "
            "training faces; run `dvc repro`"
        )
    return fit_correction(predicted[known], target, groups)


def _apply(correction: ShapeCorrection, faces: LandmarkPredictions) -> LandmarkPredictions:
    return LandmarkPredictions(
        correction.predict(faces.landmarks_photo), correction.predict(faces.flipped_photo)
    )


if __name__ == "__main__":
    run_stage(correct, __doc__)
