"""Cross-validate a model: `python src/cross_validate.py MODEL N`.

Trains the model without each of N folds of its training faces in turn, predicts the faces of each
fold with the model that was trained without them, and scores these predictions. A repeated call
skips the finished models and continues the training of an interrupted one.
"""

import keypoints  # noqa: F401  names a wrong Python

# isort: split

import numpy as np
from numpy.typing import NDArray

from keypoints.config.params import Params, read_params
from keypoints.core import paths
from keypoints.core.cli import run_stage
from keypoints.core.devices import DeviceSetting, choose_device
from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import SCHEMES
from keypoints.core.predictions import LandmarkPredictions, PredictionsInfo, write_predictions
from keypoints.crops.store import CropStore
from keypoints.evaluation.baseline import predict_mean_shape
from keypoints.evaluation.kinds import read_kind_weights
from keypoints.evaluation.scores import score_both_views, score_rows, write_scores
from keypoints.models.predict import load_model
from keypoints.prediction.tta import predict_faces, read_tta
from keypoints.training.folds import Fold
from keypoints.training.run import train_model, training_processes
from keypoints.training.settings import TrainSettings, read_train_settings


def cross_validate(name: str, n_folds: str) -> None:
    """Train the models of all folds; write their predictions and scores as MODEL_oof."""
    if not n_folds.isdecimal() or int(n_folds) < 2:
        raise PipelineError(f"the number of folds should be 2 or more; got {n_folds!r}")
    params = read_params()
    folds = [Fold(number, int(n_folds)) for number in range(1, int(n_folds) + 1)]
    settings = read_train_settings(params, name)
    with training_processes(params) as group:
        checkpoints = [
            train_model(read_train_settings(params, fold.model_name(name)), params, group)
            for fold in folds
        ]
    if not group.is_main:
        return
    with CropStore(paths.CROPS / settings.model.task) as store:
        _predict_and_score(settings, folds, store, params)
    for checkpoint in checkpoints:
        checkpoint.discard()


def _predict_and_score(
    settings: TrainSettings, folds: list[Fold], store: CropStore, params: Params
) -> None:
    """Write predictions of all training faces, and their scores.

    The baseline is the mean shape of all training faces, those of the fold included.
    """
    faces, fold_numbers = _predict_out_of_fold(settings.name, folds, store, params)
    points = settings.info(store.format.scheme).points
    info = PredictionsInfo(settings.model.task, settings.task.dataset, points)
    write_predictions(f"{settings.name}_oof", info, {"train": faces})
    rows = store.rows("train")
    errors, mse, views = score_both_views(store, rows, faces, points)
    baseline, _ = score_rows(store, rows, predict_mean_shape(store, rows, points), points)
    weights = read_kind_weights(paths.CROPS / settings.model.task, SCHEMES[store.format.scheme])
    write_scores(
        f"{settings.name}_oof",
        errors,
        mse=mse,
        baseline=baseline,
        views=views,
        folds=fold_numbers,
        kind_weights=weights,
    )


def _predict_out_of_fold(
    name: str, folds: list[Fold], store: CropStore, params: Params
) -> tuple[LandmarkPredictions, NDArray[np.integer]]:
    """Predictions of the training faces, in the order of the store, and each face's fold."""
    device = choose_device(params.read("device", DeviceSetting))
    tta = read_tta(params, name)
    held_out, predictions = [], []
    for fold in folds:
        trained = load_model(paths.model_file(fold.model_name(name)))
        held_out.append(fold.split(store)[1])
        predictions.append(predict_faces(trained, store, held_out[-1], device, tta))
    order = np.argsort(np.concatenate(held_out))  # each training face is in exactly one fold
    fold_numbers = np.repeat([fold.number for fold in folds], [len(rows) for rows in held_out])
    arrays = zip(*(vars(faces).values() for faces in predictions), strict=True)
    faces = LandmarkPredictions(*(np.concatenate(array)[order] for array in arrays))
    return faces, fold_numbers[order]


if __name__ == "__main__":
    run_stage(cross_validate, __doc__)
